"""Small JSON files that are seen whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from binn_cli.whole_file import write_whole


def write_json(path: Path, content: Any, *, indent: int | None = 1) -> None:
    """Write a file under a temporary name in its directory and move it into place.

    Raises:
        OSError: if it cannot be written; a file that was there stays as it was.
    """
    write_whole(path, json.dumps(content, indent=indent, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """What a file holds, or None where it is not there, cannot be read or is not an object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
