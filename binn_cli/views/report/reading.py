"""What a report is of: every run that the names lead to, complete or not, with as much of each as the page shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from binn_cli.errors import BinnError
from binn_cli.results.fate import COMPLETE, RESULTS, UNREADABLE, Fate
from binn_cli.results.gather import Gathered, Run, gathered
from binn_cli.results.head import Head
from binn_cli.results.index import heads_of
from binn_cli.results.job_file import read_job
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read

MOST_DETAILED = 60
"""Runs up to which each has figures, its diagnostics and its whole configuration; more would make the page heavy."""


@dataclass(frozen=True)
class Entry:
    """One run of a report.

    Attributes:
        number: its place, from 1.
        fate: what became of it.
        head: what it found, in short; None where nothing can be read.
        record: its steps, and in a report of few runs its predictions and diagnostics; None as above, and in a report
            of many runs also where the steps hold nothing that the head does not say.
    """

    number: int
    fate: Fate
    head: Head | None
    record: RunRecord | None

    @property
    def name(self) -> str:
        """The directory, as a reader can find it; of a job that has none, its overrides."""
        if self.fate.directory is None:
            return f"job {self.fate.job}: {' '.join(self.fate.overrides)}"
        return str(self.fate.directory)

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return self.name if self.fate.directory is None else self.fate.directory.resolve().name

    @property
    def run(self) -> Run | None:
        """For the columns of a comparison."""
        directory = self.fate.directory
        return None if self.head is None or directory is None else Run(directory, self.head)

    @property
    def typed(self) -> str:
        """The command that makes the same run anew: what was typed, or what a sweep made of it for this job."""
        job = None if self.fate.directory is None else read_job(self.fate.directory)
        if job is not None and job.overrides:
            return shlex.join(["binn", "run", *job.overrides])
        return "" if self.head is None else str(self.head.provenance.get("argv") or "")

    @property
    def again(self) -> str:
        """The command that repeats it from its own file and compares the numbers."""
        return shlex.join(["binn", "rerun", self.name]) if self.head is not None else ""


@dataclass(frozen=True)
class Reading:
    """All that a page is made of.

    Attributes:
        names: what was asked for.
        found: the runs as a comparison takes them.
        entries: every run, complete ones first.
        detailed: whether the entries have all their arrays.
    """

    names: tuple[str, ...]
    found: Gathered
    entries: tuple[Entry, ...]
    detailed: bool


def reading(names: Sequence[str]) -> Reading:
    """Read the runs below paths and patterns; what is damaged, foreign or still running is an entry too.

    Raises:
        BinnError: if a name leads nowhere.
    """
    found = gathered(names)
    fates = [*(Fate(COMPLETE, directory=run.directory) for run in found.runs), *found.others]
    known: dict[Path, Head | BinnError] = {run.directory: run.head for run in found.runs}
    files = [file for fate in found.others if fate.status != UNREADABLE and (file := fate.results) is not None]
    known |= {file.parent: head for file, head in heads_of(files).items()}
    detailed = len(fates) <= MOST_DETAILED
    entries = tuple(_entry(i, fate, known, detailed) for i, fate in enumerate(fates, start=1))
    return Reading(tuple(names), found, entries, detailed)


def _entry(number: int, fate: Fate, known: dict[Path, Head | BinnError], detailed: bool) -> Entry:
    head = None if fate.directory is None else known.get(fate.directory)
    if not isinstance(head, Head) or fate.directory is None:
        return Entry(number, fate, None, None)
    if not (detailed or head.warnings or head.n_steps > 1):
        return Entry(number, fate, head, None)
    try:
        record = read(fate.directory / RESULTS, arrays=detailed, provenance=False, surrogate=False)
    except BinnError:
        record = None  # the head could be read: a file with another name, or one that has gone meanwhile
    return Entry(number, fate, head, record)
