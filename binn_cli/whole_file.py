"""Files that are seen whole or not at all: written under a temporary name in their directory, then moved into place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary path that takes the place of another one when the block ends well; what was there stays until then.

    A link keeps pointing where it does, and its target is replaced. What is no file, such as a pipe or /dev/null, is
    written to as it is.

    Args:
        path: the file; its directory is there.
        durable: whether the content is on the disk before the file is in its place, so that not even a machine that
            loses its power leaves half a file.

    Raises:
        OSError: if it cannot be moved into place.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if durable:
            _flush(temporary, os.O_RDWR)
        os.replace(temporary, target)
        if durable:
            with suppress(OSError):  # some file systems know no flush of a directory
                _flush(target.parent, os.O_RDONLY)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write a file of bytes, or of text in UTF-8.

    Raises:
        OSError: if it cannot be written; a file that was there stays as it was.
    """
    with replacing(path, durable=durable) as temporary:
        temporary.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
