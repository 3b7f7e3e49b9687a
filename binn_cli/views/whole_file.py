"""Files of views that are seen whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from binn_cli.errors import BinnError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its directory and move it into place.

    Raises:
        BinnError: if it cannot be written; a file that was there stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise BinnError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
