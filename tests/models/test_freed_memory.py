"""Memory that is freed is not asked for again, page by page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNTED = """
import resource
import numpy as np
from binn_cli.models.freed_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        several = [np.ones(2**17) for _ in range(8)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_freed_memory()
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what happens to freed memory is the C library's affair")
def test_pages_are_asked_for_once() -> None:
    ran = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    before, after = map(int, ran.stdout.split())
    assert after < 200 < before
