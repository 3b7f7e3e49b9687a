"""The heads of many runs at once: an index beside them keeps what was read, and the files themselves say whether it
still holds."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from binn_cli.errors import BinnError
from binn_cli.results.head import Head, read_head
from binn_cli.results.json_file import read_json, write_json

FILE_NAME = ".binn-index.json"
"""Name of the index, in the directory that holds the directories of the runs; it may be removed at any time."""
LAYOUT = 1
"""Changes whenever a head is read differently, so that indexes of before are made anew."""

Key = list[int]


def heads_of(files: Iterable[Path]) -> dict[Path, Head | BinnError]:
    """The head of every results file, or the sentence about one that cannot be read; in the order of the files."""
    together: dict[Path, list[Path]] = defaultdict(list)
    order = list(dict.fromkeys(files))
    for file in order:
        together[file.parent.parent].append(file)
    found: dict[Path, Head | BinnError] = {}
    for container, members in together.items():
        found |= _indexed(container, members)
    return {file: found[file] for file in order}


def _indexed(container: Path, files: list[Path]) -> dict[Path, Head | BinnError]:
    """The heads of files whose runs' directories lie in one directory."""
    kept = _kept(container / FILE_NAME)
    found: dict[Path, Head | BinnError] = {}
    changed = False
    for file in files:
        # Before the file is read: if it is replaced meanwhile, the next look finds another key.
        key, entry = _key(file), kept.get(_name(file))
        head = _known(entry, key)
        if head is None:
            try:
                head = read_head(file)
            except BinnError as error:
                found[file] = error
                continue
            if key is not None:
                kept[_name(file)] = {"key": key, "head": asdict(head)}
                changed = True
        found[file] = head
    if changed:
        _keep(container / FILE_NAME, kept)
    return found


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def _key(file: Path) -> Key | None:
    """What tells a file from every other that stood in its place: each writing gives it a new inode."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _known(entry: Any, key: Key | None) -> Head | None:
    if not isinstance(entry, dict) or key is None or entry.get("key") != key:
        return None
    try:
        return Head(**entry["head"] | {"outputs": tuple(entry["head"]["outputs"])})
    except (TypeError, KeyError):
        return None


def _kept(path: Path) -> dict[str, Any]:
    index = read_json(path)
    if index is None or index.get("layout") != LAYOUT or not isinstance(index.get("runs"), dict):
        return {}
    return dict(index["runs"])


def _keep(path: Path, runs: dict[str, Any]) -> None:
    there = {name: entry for name, entry in runs.items() if (path.parent / name).exists()}
    with suppress(OSError):  # a directory that cannot be written to is read slowly
        write_json(path, {"layout": LAYOUT, "runs": there}, indent=None)
