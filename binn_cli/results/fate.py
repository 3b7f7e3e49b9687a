"""What became of a run or of every job of a sweep, from what stands on the disk: at any time, whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from binn_cli.errors import BinnError
from binn_cli.results import job_file, sweep_file
from binn_cli.results.holder import is_held
from binn_cli.results.job_file import Job, read_job
from binn_cli.results.sweep_file import PlannedJob, read_sweep

RESULTS = "results.h5"

RUNNING, COMPLETE, FAILED, SKIPPED, WAITING = "running", "complete", "failed", "skipped", "not started"
INTERRUPTED, TIMED_OUT, OUT_OF_MEMORY, KILLED, UNREADABLE = (
    "interrupted",
    "timed out",
    "out of memory",
    "killed",
    "unreadable",
)
ENDED_EARLY = (INTERRUPTED, TIMED_OUT, OUT_OF_MEMORY, KILLED)
"""Fates whose run goes on from its last step; a reason in a results file begins with one of them."""
INTERRUPTION = "interrupted by the user or the system"
SILENT = "its process ended without a word"
FATES = (RUNNING, COMPLETE, FAILED, *ENDED_EARLY, SKIPPED, WAITING, UNREADABLE)


@dataclass(frozen=True)
class Fate:
    """How a run stands.

    Attributes:
        status: one of `FATES`.
        reason: why it is not complete, or why it is skipped; empty where there is nothing to say.
        directory: of the run; None for a job that has none.
        steps: how many steps are finished.
        since: when it began (UTC), where known.
        seconds: how long it took, where known.
        job: its number in its sweep; None for a single run.
        overrides: the arguments of the job.
    """

    status: str
    reason: str = ""
    directory: Path | None = None
    steps: int = 0
    since: str = ""
    seconds: float = 0.0
    job: int | None = None
    overrides: tuple[str, ...] = ()

    @property
    def results(self) -> Path | None:
        """The results file, where there is one."""
        path = None if self.directory is None else self.directory / RESULTS
        return path if path is not None and path.exists() else None

    @property
    def succeeded(self) -> bool:
        """Whether what was asked for is there."""
        return self.status in (COMPLETE, SKIPPED)


def fate_of(directory: Path) -> Fate:
    """The fate of the run in a directory."""
    job, path = read_job(directory), directory / RESULTS
    held = is_held(directory)
    if path.exists():
        known = _of_results(path, held)
    elif held:
        known = Fate(RUNNING)
    elif job is not None and job.status == FAILED:
        known = Fate(_named(job.reason), job.reason)
    else:
        known = Fate(INTERRUPTED, "its process ended before it wrote anything")
    known = replace(known, directory=directory)
    return known if job is None else _as_job(known, job)


def _of_results(path: Path, held: bool) -> Fate:
    from binn_cli.results.store import opened
    from binn_cli.results.tree import scalar

    try:
        with opened(path) as file:
            status, steps = str(file.attrs["status"]), len(file["step/n_train"])
            reason = str(file.attrs.get("reason", ""))
            known = {
                name: str(scalar(value)) for name, value in file["provenance"].attrs.items() if name.endswith("_time")
            }
    except BinnError as error:
        return Fate(UNREADABLE, str(error))
    since = known.get("resume_time") or known.get("start_time", "")
    if status == COMPLETE:
        return Fate(COMPLETE, "", steps=steps, since=since)
    if held:
        return Fate(RUNNING, "", steps=steps, since=since)
    if status == FAILED:
        return Fate(_named(reason), reason, steps=steps, since=since)
    return Fate(INTERRUPTED, SILENT, steps=steps, since=since)


def _named(reason: str) -> str:
    return next((fate for fate in ENDED_EARLY if reason.startswith(fate)), FAILED)


def _as_job(fate: Fate, job: Job) -> Fate:
    # A single `binn resume` of the run may have come after what the sweep wrote, so the results file knows better.
    if fate.reason == SILENT and job.status == FAILED:
        fate = replace(fate, status=_named(job.reason), reason=job.reason)
    seconds = 0.0 if fate.status == RUNNING else job.seconds
    return replace(fate, job=job.job, overrides=job.overrides, since=fate.since or job.started, seconds=seconds)


def is_sweep(directory: Path) -> bool:
    """Whether a directory holds the jobs of a sweep."""
    return (directory / sweep_file.FILE_NAME).is_file() or any(directory.glob(f"*/{job_file.FILE_NAME}"))


def sweeps_in(paths: Iterable[Path]) -> list[Path]:
    """The sweeps among some paths, and those in the directories of outputs among them, by name."""
    found = []
    for path in paths:
        if not path.is_dir() or (path / RESULTS).exists():
            continue
        found += (
            [path]
            if is_sweep(path)
            else [entry for entry in sorted(path.iterdir()) if entry.is_dir() and is_sweep(entry)]
        )
    return list(dict.fromkeys(found))


def latest_attempts(directory: Path) -> dict[int, Path]:
    """The directory of the last attempt at every job of a sweep that was begun, by the job's number."""
    latest: dict[int, tuple[int, Path]] = {}
    for path in directory.glob(f"*/{job_file.FILE_NAME}"):
        job = read_job(path.parent)
        if job is not None and job.attempt >= latest.get(job.job, (0, path))[0]:
            latest[job.job] = (job.attempt, path.parent)
    return {number: found for number, (_, found) in sorted(latest.items())}


def fates_of(directory: Path) -> list[Fate]:
    """The fate of every job of a sweep, by number.

    Raises:
        BinnError: if the sweep's file cannot be used.
    """
    sweep, attempts = read_sweep(directory), latest_attempts(directory)
    if sweep is None:
        return [fate_of(attempt) for attempt in attempts.values()]
    return [_planned(directory, job, attempts.get(job.job)) for job in sweep.jobs]


def results_of_sweep(directory: Path) -> tuple[list[Path], list[Fate]]:
    """The results files of a sweep's jobs, of each its last attempt's, and the fates of the jobs that have none.

    Raises:
        BinnError: if the sweep's file cannot be used.
    """
    sweep, attempts = read_sweep(directory), latest_attempts(directory)
    jobs = (PlannedJob(number, ()) for number in attempts) if sweep is None else sweep.jobs
    files: list[Path] = []
    rest: list[Fate] = []
    for job in jobs:
        there = attempts.get(job.job) or (directory / job.stands_for if job.stands_for else None)
        if there is not None and (there / RESULTS).exists():
            files.append(there / RESULTS)
        elif not (job.why and not job.stands_for):  # a job that equals another is no failure
            rest.append(_planned(directory, job, attempts.get(job.job)))
    return files, rest


def _planned(directory: Path, job: PlannedJob, attempt: Path | None) -> Fate:
    if attempt is not None:
        return fate_of(attempt)
    elsewhere = directory / job.stands_for if job.stands_for else None
    if job.why:
        return Fate(SKIPPED, job.why, elsewhere, job=job.job, overrides=job.overrides)
    if elsewhere is not None:
        return replace(fate_of(elsewhere), job=job.job, overrides=job.overrides)
    return Fate(WAITING, job=job.job, overrides=job.overrides)


def counted(fates: Iterable[Fate]) -> str:
    """How many of each, as in "3 complete, 1 timed out"."""
    count = Counter(fate.status for fate in fates)
    return ", ".join(f"{count[name]} {name}" for name in FATES if count[name])


def varied(fates: Sequence[Fate]) -> list[str]:
    """What sets every job apart: its overrides without those that all have in common."""
    common = set.intersection(*(set(fate.overrides) for fate in fates)) if len(fates) > 1 else set()
    return [" ".join(override for override in fate.overrides if override not in common) for fate in fates]
