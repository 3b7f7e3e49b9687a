"""Memory that a process has given back stays with it, for its next arrays.

The C library returns the top of its heap to the system as soon as a few megabytes are free, and each page must then be
cleared anew when the next array of the same size is made: half the time of an evidence of 189 rows and 19 inputs.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of the settings in glibc's malloc.h."""

KEPT_BYTES = 2**28
"""Free memory at the top of the heap up to which it is kept."""

MAPPED_BYTES = 2**25
"""Size from which an array has memory of its own, which the system gets back at once: the largest to which glibc would
raise this by itself."""


def keep_freed_memory() -> None:
    """Set this for the whole process, where the C library has such settings (glibc)."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
