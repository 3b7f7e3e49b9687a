"""Which runs of this program share the machine: times taken side by side say less than times taken alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass
class Neighbours:
    """The runs that were met; each notes the others in their files, so that none is missed that came and went.

    Attributes:
        path: this run's own file; None where none can be written.
    """

    path: Path | None = None

    def count(self) -> int:
        """How many other runs there were so far."""
        if self.path is None:
            return 0
        with suppress(OSError):
            return len(set(self.path.read_text(encoding="ascii").split()))
        return 0


@contextmanager
def among_neighbours() -> Iterator[Neighbours]:
    """Be known to all other runs of the same user on this machine, and know them, as long as the block lasts."""
    try:
        directory = _directory()
        path = directory / f"{os.getpid()}-{secrets.token_hex(4)}"
        file = path.open("ab")
    except OSError:
        yield Neighbours()
        return
    try:
        if not _lock(file):
            yield Neighbours()
            return
        _greet(path)
        yield Neighbours(path)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        file.close()


def _directory() -> Path:
    """A directory of this user's, which the system empties when it starts anew.

    Raises:
        OSError: if it cannot be made, or belongs to somebody else.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    directory = Path(tempfile.gettempdir()) / f"binn-running-{user}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if hasattr(os, "getuid") and (found.st_uid != user or directory.is_symlink()):
        raise PermissionError(f"{directory} belongs to somebody else")
    return directory


def _greet(own: Path) -> None:
    """Note every living run in this one's file, and this one in theirs; what a killed run left behind is removed."""
    for other in own.parent.iterdir():
        if other == own:
            continue
        with suppress(OSError), other.open("ab") as file:
            if _lock(file):
                other.unlink(missing_ok=True)
                continue
            _note(other, own.name)
            _note(own, other.name)


def _note(path: Path, name: str) -> None:
    # One short write at the end of a file: two runs that do it at once do not disturb each other.
    with path.open("ab", buffering=0) as file:
        file.write(f"{name}\n".encode("ascii"))


def _lock(file: IO[bytes]) -> bool:
    """Take the lock that the system gives back when this process ends, however it does."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
