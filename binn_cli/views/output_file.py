"""Files of views that are seen whole or not at all."""

from __future__ import annotations

from pathlib import Path

from binn_cli.errors import BinnError
from binn_cli.whole_file import write_whole


def write_output(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its directory and move it into place.

    Raises:
        BinnError: if it cannot be written; a file that was there stays as it was.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise BinnError(f"cannot write {path}: {error.strerror}") from error
