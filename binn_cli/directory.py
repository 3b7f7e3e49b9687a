"""The directory of a run: claimed once, and worked on by one process at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from binn_cli.errors import BinnError

ATTEMPTS = 1000


def stamped(name: str) -> str:
    """The name behind the local time, so that directories sort by age."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name}"


def claimed(parent: Path, name: str) -> Path:
    """A new directory of this name below `parent`, with -2, -3 … behind it where the name is taken.

    Raises:
        BinnError: if it cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            directory = parent / (name if attempt == 1 else f"{name}-{attempt}")
            try:
                # Two runs may start within one second: the one whose mkdir succeeds owns the name.
                directory.mkdir(exist_ok=False)
            except FileExistsError:
                continue
            return directory
    except OSError as error:
        raise BinnError(
            f'output.root: cannot make a directory below "{parent}" ({error.strerror}); choose another with output.root=DIR'
        ) from error
    raise BinnError(f'output.root: "{parent}" already holds {ATTEMPTS} directories named {name}; choose another with output.root=DIR')


@contextmanager
def held(directory: Path, log: str) -> Iterator[None]:
    """Keep every other process from working on the run in `directory`; the system lets go of it whenever this process ends.

    Args:
        directory: the run's.
        log: name of the file in it that carries the lock.

    Raises:
        BinnError: if a living process holds it.
        OSError: if the file cannot be written.
    """
    with open(directory / log, "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # Windows has no such lock.
        except BlockingIOError as error:
            raise BinnError(f"{directory}: another process is working on this run; wait until it has ended, or stop it first") from error
        except OSError as error:
            # Some network file systems have no locks; a run there is worth more than the protection.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
        yield
