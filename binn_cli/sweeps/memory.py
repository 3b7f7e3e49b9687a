"""What a process and those that it started hold of the memory."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_SECONDS = 1.0
"""How often new processes are looked for, which means to look at every process of the machine."""


class MemoryWatch:
    """The resident memory of a process and of all its descendants."""

    def __init__(self, pid: int) -> None:
        """`pid` is the process; it need not live."""
        self._processes: list[psutil.Process] = []
        with suppress(psutil.Error):
            self._processes = [psutil.Process(pid)]
        self._looked = time.monotonic()
        self._ended_before = _ended_by_system()

    def held_bytes(self) -> int:
        """Resident bytes of all of them together."""
        self._look()
        return sum(_resident(process) for process in self._processes)

    def end_all(self) -> None:
        """Kill all of them."""
        self._look(now=True)
        for process in self._processes[::-1]:
            with suppress(psutil.Error):
                process.kill()

    def system_ended_one(self) -> bool:
        """Whether the system has ended a process for want of memory since this object was made."""
        return _ended_by_system() > self._ended_before

    def _look(self, *, now: bool = False) -> None:
        if not self._processes or (not now and time.monotonic() - self._looked < LOOK_SECONDS):
            return
        self._looked = time.monotonic()
        with suppress(psutil.Error):
            self._processes = [self._processes[0], *self._processes[0].children(recursive=True)]


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _ended_by_system() -> int:
    """How many processes the system has ended for want of memory, in this control group where it tells, else on the
    machine."""
    for place in ("/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        with suppress(OSError, ValueError):
            for line in Path(place).read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0
