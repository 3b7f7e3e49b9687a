"""The runs that paths lead to: a results file, the directory of a run, of a sweep, or of all outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from binn_cli.results.fate import RESULTS as FILE_NAME


@dataclass(frozen=True)
class Found:
    """What some paths lead to.

    Attributes:
        files: results files, each once, in the order of the paths and by name below each of them; what is meant as one
            counts.
        not_runs: paths that exist but hold no run.
    """

    files: tuple[Path, ...]
    not_runs: tuple[Path, ...]


def find_runs(paths: Sequence[Path]) -> Found:
    """Look for results files.

    Args:
        paths: files and directories, such as those that `outputs/*` names.
    """
    below = {path: _below(path) for path in paths}
    # One run may be named twice, by itself and by the directory of its sweep.
    files: dict[Path, Path] = {}
    for path in paths:
        for file in below[path]:
            files.setdefault(file.resolve(), file)
    return Found(tuple(files.values()), tuple(path for path in paths if not below[path]))


def _below(path: Path) -> list[Path]:
    if not path.exists():
        return [path]
    if not path.is_dir():
        import h5py

        # A damaged results file is one still, and reading it will say what is wrong.
        return [path] if path.suffix == Path(FILE_NAME).suffix or h5py.is_hdf5(path) else []
    return results_below(path)


def results_below(directory: Path) -> list[Path]:
    """The results file of a run's directory, or all those of the runs and sweeps in a directory, by name."""
    own = directory / FILE_NAME
    # A job of a sweep lies two levels below the directory of all outputs.
    return (
        [own]
        if own.exists()
        else sorted([*directory.glob(f"*/{FILE_NAME}"), *directory.glob(f"*/*/{FILE_NAME}")], key=_by_number)
    )


def _by_number(path: Path) -> list[int | str]:
    """Job 10 of a sweep comes behind job 2."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]
