"""Digests of files, by which data are known wherever they lie."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from binn_cli.errors import DataError


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, as `sha256:` and 64 hexadecimal digits.

    Raises:
        DataError: if the file cannot be read.
    """
    try:
        found = path.stat()
        # Several jobs of one process may ask for the same large file.
        return _digest(path.absolute(), (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=64)
def _digest(path: Path, stamp: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
