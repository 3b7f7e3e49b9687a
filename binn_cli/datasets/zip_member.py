"""One file of a zip, whole, or a sentence about why it cannot be read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from binn_cli.errors import DataError

UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What `zipfile` raises; RuntimeError for what is encrypted, NotImplementedError for compression that it does not
know."""


def read_member(file: zipfile.ZipFile, member: str | zipfile.ZipInfo, path: Path) -> bytes:
    """What a member of a zip holds.

    Args:
        file: the zip.
        member: which.
        path: of the zip, as it is told.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return file.read(member)
    except UNREADABLE as error:
        name = member if isinstance(member, str) else member.filename
        raise DataError(f"{path}: {name} cannot be read from the zip ({error}); copy the zip again") from error
