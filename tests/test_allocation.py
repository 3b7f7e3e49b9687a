"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

PAGES_TOUCHED = """
import resource
import numpy as np
from binn_cli.allocation import keep_freed_memory
{ask}
def touch():
    several = [np.ones(2**18) for _ in range(8)]  # 2 MB each
    return len(several)
touch(), touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(ask: str) -> int:
    code = PAGES_TOUCHED.format(ask=ask)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_pages_are_cleared_once() -> None:
    cleared_anew = faults("")
    if cleared_anew < 1000:
        pytest.skip("this C library keeps freed memory anyway")
    assert faults("keep_freed_memory()") < cleared_anew / 20


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from binn_cli import allocation

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda _: pytest.fail("asked the C library"))
    allocation.keep_freed_memory()
