"""What several processes need is made by one of them, while the others wait; and by another one if the first has
died."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from binn_cli.datasets.dataset import Announce, silent

log = logging.getLogger(__name__)

LOOK_SECONDS, BEAT_SECONDS, SILENT_SECONDS = 0.2, 5.0, 60.0
"""How often a waiting process looks, how often a working one gives a sign, and after what silence it counts as dead."""


@contextmanager
def made_once(path: Path | None, announce: Announce = silent) -> Iterator[None]:
    """Keep other processes from making a file while this one does; look again inside whether it is there by now.

    The system lets go of the lock whenever its process ends. Where it does not, as on a network file system after a
    crash, the working process's signs stop, and those who wait go on without a lock: then a file may be made twice,
    which does no harm, since each is moved into place whole. Where there are no locks, nobody waits.

    Args:
        path: the file; None where nothing is kept.
        announce: told that this process waits.
    """
    if path is None:
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    except OSError:
        yield  # a directory that cannot be written to: then nothing is kept there either
        return
    with file:
        if not _waited(file, lock, announce):
            yield
            return
        over = threading.Event()
        beat = threading.Thread(target=_give_signs, args=(lock, over), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            with suppress(OSError):
                lock.unlink(missing_ok=True)


def _waited(file: IO[bytes], lock: Path, announce: Announce) -> bool:
    """Wait for the lock; gives whether this process has it."""
    seen, since = _sign(lock), time.monotonic()
    while (locked := _try(file)) is False:
        announce(f"waiting for another process that makes {lock.name.removeprefix('.').removesuffix('.lock')}", 0, 1)
        time.sleep(LOOK_SECONDS)
        if (sign := _sign(lock)) != seen:
            seen, since = sign, time.monotonic()
        elif time.monotonic() - since > SILENT_SECONDS:
            log.warning(
                "%s is held, but its process has been silent for %g s; going on without it", lock, SILENT_SECONDS
            )
            return False
    return bool(locked)


def _try(file: IO[bytes]) -> bool | None:
    """Take the lock: True, or False where another process has it, or None where there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return None
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK) else None
    return True


def _sign(lock: Path) -> int:
    """Changes whenever the working process gives a sign; which is earlier does not matter, for clocks differ."""
    try:
        return lock.stat().st_mtime_ns
    except OSError:
        return 0


def _give_signs(lock: Path, over: threading.Event) -> None:
    while not over.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(lock)
