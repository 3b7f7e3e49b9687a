"""Small JSON files that are seen whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

_serial = itertools.count()


def write_json(path: Path, content: Any, *, indent: int | None = 1) -> None:
    """Write a file under a temporary name in its directory and move it into place.

    Raises:
        OSError: if it cannot be written; a file that was there stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_serial)}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=indent, ensure_ascii=False)
            file.write("\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """What a file holds, or None where it is not there, cannot be read or is not an object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
