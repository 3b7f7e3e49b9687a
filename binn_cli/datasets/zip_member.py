"""One file of a zip, whole, or a sentence about why it cannot be read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from binn_cli.errors import DataError

DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error)
LOCKED = (RuntimeError, NotImplementedError)
"""What `zipfile` raises; the latter for what is encrypted, or compressed in a way that it does not know."""


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
    except (*DAMAGED, *LOCKED) as error:
        name = member if isinstance(member, str) else member.filename
        advice = "unpack it, and name the folder" if isinstance(error, LOCKED) else "copy the zip again"
        raise DataError(f"{path}: {name} cannot be read from the zip ({error}); {advice}") from error
