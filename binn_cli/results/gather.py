"""The runs that paths lead to, for a comparison: complete ones in short, all others with what became of them."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from binn_cli.errors import BinnError
from binn_cli.results.fate import COMPLETE, RESULTS, UNREADABLE, Fate, fate_of, is_sweep, results_of_sweep
from binn_cli.results.found import results_below
from binn_cli.results.head import Head
from binn_cli.results.index import heads_of
from binn_cli.results.provenance import DATA_IDENTITY


@dataclass(frozen=True)
class Run:
    """A complete run.

    Attributes:
        directory: where it lies.
        head: what it found, in short.
    """

    directory: Path
    head: Head

    @property
    def identity(self) -> tuple[str, str, str]:
        """What two runs have in common that are one: configuration, data and code."""
        known = self.head.provenance
        return (
            self.head.config_id,
            str(known.get(DATA_IDENTITY, "")),
            str(known.get("code_digest", known.get("git_commit", ""))),
        )

    @property
    def data(self) -> str:
        """Digits that tell its data from others of the same configuration; empty for formulas."""
        found = json.loads(str(self.head.provenance.get(DATA_IDENTITY, "{}")))
        return ", ".join(str(value).removeprefix("sha256:")[:8] for value in found.values())

    @property
    def code(self) -> str:
        """What tells its code from others."""
        known = self.head.provenance
        digest = str(known.get("code_digest", "")).removeprefix("sha256:")[:7]
        return digest or str(known.get("git_commit", ""))[:7] or str(known.get("program_version", ""))


@dataclass
class Gathered:
    """What some paths lead to.

    Attributes:
        runs: complete runs, each configuration once.
        others: what is not complete, or cannot be read.
        repeated: directories of complete runs that equal a later one.
        not_runs: paths that hold no run.
    """

    runs: list[Run] = field(default_factory=list)
    others: list[Fate] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)
    not_runs: list[Path] = field(default_factory=list)


def gathered(names: Sequence[str]) -> Gathered:
    """The runs below paths and patterns.

    Args:
        names: directories of runs, of sweeps and of outputs, results files, and patterns such as `outputs/*_sweep`.

    Raises:
        BinnError: if a name leads nowhere.
    """
    found = Gathered()
    files: list[Path] = []
    for path in [path for name in names for path in _matching(name)]:
        known = len(found.others)
        below = _files(path, found)
        if not below and len(found.others) == known:
            found.not_runs.append(path)
        files += below
    unique = list({file.resolve(): file for file in files}.values())
    runs: dict[tuple[str, str, str], Run] = {}
    for file, head in heads_of(unique).items():
        if isinstance(head, BinnError):
            found.others.append(Fate(UNREADABLE, str(head), file.parent))
        elif head.status != COMPLETE:
            found.others.append(fate_of(file.parent))
        else:
            run = Run(file.parent, head)
            if (before := runs.pop(run.identity, None)) is not None:
                found.repeated.append(before.directory)
            runs[run.identity] = run
    found.runs = list(runs.values())
    return found


def _matching(name: str) -> list[Path]:
    path = Path(name)
    if path.exists():
        return [path]
    matches = sorted(Path(match) for match in glob.glob(name)) if glob.has_magic(name) else []
    if not matches:
        problem = "matches nothing" if glob.has_magic(name) else "does not exist"
        raise BinnError(
            f"{name}: {problem}; name directories of runs, of sweeps or of all outputs, or a pattern such as "
            f"'outputs/*_sweep'"
        )
    return matches


def _files(path: Path, found: Gathered) -> list[Path]:
    """The results files below a path; jobs that have none are noted."""
    if not path.is_dir():
        return [path]
    if (path / RESULTS).exists():
        return [path / RESULTS]
    if is_sweep(path):
        try:
            files, rest = results_of_sweep(path)
        except BinnError as error:
            # Its plan cannot be read; its runs can.
            files, rest = results_below(path), [Fate(UNREADABLE, str(error), path)]
        found.others += rest
        return files
    return [file for entry in sorted(path.iterdir()) if entry.is_dir() for file in _files_of_output(entry, found)]


def _files_of_output(directory: Path, found: Gathered) -> list[Path]:
    return _files(directory, found) if (directory / RESULTS).exists() or is_sweep(directory) else []
