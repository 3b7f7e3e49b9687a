"""Memory that is freed and soon asked for again."""

from __future__ import annotations

import functools

import numpy as np

LARGEST = 2**25 - 2**15
"""Bytes of an array that glibc takes from the system and, once it is freed, counts as usual: the most is 32 MB."""


@functools.cache
def keep_freed_memory() -> None:
    """Let the process keep up to 64 MB that it has freed.

    The C library of Linux gives arrays of more than 128 kB back to the system and asks for new pages, which cost as
    much as the products of matrices that go there, until it has seen larger ones being freed (mallopt(3), "dynamic
    mmap threshold"). So one of the largest is asked for and freed, untouched. Elsewhere that does nothing.
    """
    np.empty(LARGEST, dtype=np.int8)
