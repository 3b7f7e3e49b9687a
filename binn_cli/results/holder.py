"""Who works on a run: one process at a time, found out from outside, whatever a crash leaves behind."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from binn_cli.errors import BinnError
from binn_cli.results.json_file import read_json, write_json

LOG_NAME = "run.log"
"""The file of a run that carries the lock."""
HOLDER = ".holder.json"
"""The file of a run that says which process works on it, for file systems whose locks fail or outlive a crash."""

PROBES, PROBE_SECONDS = 10, 0.05
"""How often and after how long a lock is tried again whose holder has not said who it is."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Holder:
    """A process, told apart from all others past and present.

    Attributes:
        machine: a hash that says nothing about the machine but that it is the same.
        boot: likewise of its last start.
        pid: number of the process.
        began: when it began, in ticks since the machine's start, since numbers are used again; empty where the system
            does not tell.
    """

    machine: str
    boot: str
    pid: int
    began: str

    @classmethod
    def this_process(cls) -> Holder:
        """The process that asks."""
        return cls(machine(), _boot(), os.getpid(), _began(os.getpid()))

    @property
    def lives(self) -> bool | None:
        """Whether the process still works; None where it is on another machine and nobody knows."""
        import psutil

        if self.machine != machine():
            return None
        if self.boot != _boot():
            return False
        try:
            ended = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
        return not ended and _began(self.pid) == self.began


def machine() -> str:
    """Twelve hexadecimal digits that are the same on one machine; its name cannot be read from them."""
    return hashlib.sha256(f"binn {platform.node()}".encode()).hexdigest()[:12]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    except OSError:
        return ""


def _began(pid: int) -> str:
    # Ticks, not a time of day, which moves when somebody sets the clock.
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def holder_of(directory: Path) -> Holder | None:
    """The process that said last that it works on a run; None where none did."""
    found = read_json(directory / HOLDER)
    try:
        return None if found is None else Holder(**found)
    except TypeError:
        return None


def is_held(directory: Path) -> bool:
    """Whether a living process works on the run in a directory; nothing is written."""
    with suppress(OSError), open(directory / LOG_NAME, "rb") as file:
        locked = _locked(file)
        if locked is False:
            # A lock that has outlived its process, as on a network file system, holds nobody.
            known = holder_of(directory)
            return known is None or known.lives is not False
        if locked is None:
            known = holder_of(directory)
            return known is not None and known.lives is True
    return False


def _locked(file: IO[bytes]) -> bool | None:
    """Take the lock: True, or False where another holds it, or None where there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return None  # Windows has no such lock.
    except BlockingIOError:
        return False
    except OSError as error:
        # Some network file systems have no locks; a run there is worth more than the protection.
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


@contextmanager
def held(directory: Path, carrier: str = LOG_NAME) -> Iterator[None]:
    """Keep every other process from working on what is in `directory`; the system lets go of it whenever this process
    ends.

    Args:
        directory: of a run, or of a sweep.
        carrier: name of the file in it that carries the lock.

    Raises:
        BinnError: if a living process holds it.
        OSError: if the directory cannot be written to.
    """
    what = "run" if carrier == LOG_NAME else "sweep"
    with open(directory / carrier, "ab") as file:
        locked, known = _locked(file), holder_of(directory)
        for _ in range(PROBES):
            if locked is not False or known is not None:
                break
            time.sleep(PROBE_SECONDS)  # somebody may only have looked whether the run is held
            locked, known = _locked(file), holder_of(directory)
        if locked is False and (known is None or known.lives is not False):
            where = "" if known is None else f" (number {known.pid}{'' if known.lives else ', on another machine'})"
            raise BinnError(
                f"{directory}: another process{where} is working on this {what}; wait until it has ended, or stop it "
                f"first"
            )
        if locked is None and known is not None and known.lives is not False:
            advice = (
                f"remove {directory / HOLDER} if no process does"
                if known.lives is None
                else f"stop process {known.pid} first"
            )
            raise BinnError(f"{directory}: another process is working on this {what}; {advice}")
        write_json(directory / HOLDER, asdict(Holder.this_process()), indent=None)
        try:
            yield
        finally:
            with suppress(OSError):
                (directory / HOLDER).unlink(missing_ok=True)
