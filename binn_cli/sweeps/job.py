"""One job of a sweep, wherever its launcher has put it: its directory, its process, and what became of it beside its
results."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from binn_cli.asked import settled
from binn_cli.compiled_code import prepare_jax
from binn_cli.config.compose import Settings, validated
from binn_cli.config.explain import explained
from binn_cli.config.schema import SCHEMAS
from binn_cli.config.schema.questions import QUESTIONS
from binn_cli.directory import claimed
from binn_cli.errors import BinnError
from binn_cli.execute import Interrupted, RunFailed, execute, reason_of
from binn_cli.refusals import require_possible
from binn_cli.results.fate import (
    COMPLETE,
    ENDED_EARLY,
    FAILED,
    INTERRUPTED,
    INTERRUPTION,
    KILLED,
    OUT_OF_MEMORY,
    RESULTS,
    TIMED_OUT,
    fate_of,
    latest_attempts,
)
from binn_cli.results.holder import held
from binn_cli.results.job_file import Job, read_job, write_job
from binn_cli.results.provenance import now
from binn_cli.results.sweep_file import read_sweep
from binn_cli.sweeps.isolation import End, Request, Stopped, supervised
from binn_cli.sweeps.overrides import telling
from binn_cli.whole_file import write_whole

STOP = ".stop"
"""A file in a sweep's directory that tells every job, on whatever machine, to stop, and why."""


class SweepStopped(BaseException):
    """The sweep ends here, because a job failed and `fail_fast` is set; no error, or the launcher would take it for the
    job's."""


@dataclass(frozen=True)
class Place:
    """Where a job belongs.

    Attributes:
        sweep: directory of the sweep.
        number: the job's.
        overrides: the arguments that set it apart.
        goes_on: directory of the run that it goes on with; None for a new one.
        attempt: number of the attempt; 0 where there is no plan.
        serial: whether the jobs of the sweep run one after the other in this process.
    """

    sweep: Path
    number: int
    overrides: tuple[str, ...]
    goes_on: Path | None
    attempt: int
    serial: bool

    @classmethod
    def of(cls, hydra: Any) -> Place:
        """From Hydra's own configuration of the job; other sweepers than ours leave no plan."""
        sweep, overrides = Path(hydra.sweep.dir), telling(hydra.overrides.task)
        serial = str(hydra.launcher._target_).endswith(".BasicLauncher")
        plan = read_sweep(sweep)
        job = next((job for job in plan.jobs if job.overrides == overrides), None) if plan is not None else None
        if job is None:
            return cls(sweep, int(hydra.job.num), overrides, None, 0, serial)
        place = cls(sweep, job.job, overrides, sweep / job.goes_on if job.goes_on else None, job.attempt, serial)
        return place if place.goes_on is not None else replace(place, goes_on=_begun_before(place))


def _begun_before(place: Place) -> Path | None:
    """The run of the very attempt, where a cluster has ended the job and queued it again: it goes on from its last
    step."""
    latest = latest_attempts(place.sweep).get(place.number)
    job = None if latest is None else read_job(latest)
    if latest is None or job is None or job.attempt < place.attempt:
        return None
    fate = fate_of(latest)
    return latest if fate.status in ENDED_EARLY and fate.steps else None


def run_job(config: Any, hydra: Any) -> str | None:
    """Run one job and write its outcome beside its results, where the launching process finds it whatever the launcher.

    Args:
        config: the composed configuration of the job.
        hydra: Hydra's own configuration of the job.

    Returns:
        The results file; None where the job left none.
    """
    place = Place.of(hydra)
    if (place.sweep / STOP).exists():
        return None
    began = time.monotonic()
    try:
        directory, job = _begun(place, config)
    except (BinnError, OSError) as error:
        print(f"job {place.number} could not begin: {explained(error, ())}", file=sys.stderr)
        return None
    # A run of another sweep that this one goes on with keeps its place there.
    own = place.goes_on is None or place.goes_on.parent.resolve() == place.sweep.resolve()
    try:
        settings = settled(validated(config))
        require_possible(settings)
        job = replace(job, config_id=settings.config_id)
        if own:
            with suppress(OSError):
                write_job(directory, job)
        end = run_to_its_end(settings, directory, resuming=place.goes_on is not None, sweep=place.sweep)
    except Stopped as stopped:
        _keep(directory, job, stopped.end, began, own)
        raise KeyboardInterrupt from stopped
    except Exception as error:
        end = End(FAILED, explained(error, place.overrides))
    _keep(directory, job, end, began, own)
    if end.status != COMPLETE and OmegaConf.select(config, "fail_fast"):
        write_whole(place.sweep / STOP, f"job {place.number} failed (fail_fast=true)")
        if place.serial:
            raise SweepStopped
    path = directory / RESULTS
    return str(path) if path.exists() else None


def _begun(place: Place, config: Any) -> tuple[Path, Job]:
    """The job's directory, and what is known of the attempt that begins."""
    latest = latest_attempts(place.sweep).get(place.number)
    before = None if latest is None else read_job(latest)
    attempt = 1 if before is None else before.attempt + (place.goes_on is None)
    if place.goes_on is not None:
        directory = place.goes_on
    else:
        task = str(OmegaConf.select(config, "task.name"))
        # What a question asks is known only once its run is read.
        rest = () if SCHEMAS["task"].get(task) in QUESTIONS else ("dataset", "model")
        names = [task, *(str(OmegaConf.select(config, f"{group}.name")) for group in rest)]
        directory = claimed(place.sweep, re.sub(r"[^\w.-]", "_", "_".join([str(place.number), *names])))
    job = Job(place.number, place.overrides, attempt=attempt, started=now())
    if place.goes_on is None:
        write_job(directory, job)
    return directory, job


def _keep(directory: Path, job: Job, end: End, began: float, own: bool) -> None:
    if not own:
        return
    ended = job.ended(COMPLETE if end.status == COMPLETE else FAILED, end.reason, time.monotonic() - began)
    try:
        directory.mkdir(exist_ok=True)  # somebody may have removed it, but what became of the job is still to be told
        write_job(directory, ended)
    except OSError as error:
        said = f"{end.status}: {end.reason}" if end.reason else end.status
        print(f"job {job.job} {said}; this cannot be written to {directory} ({error.strerror})", file=sys.stderr)


def run_to_its_end(
    settings: Settings, directory: Path, *, resuming: bool, sweep: Path | None = None, live: bool = False
) -> End:
    """Execute a run, in a process of its own unless told otherwise, and see to it that its file says how it ended.

    Args:
        settings: what to run.
        directory: the run's own.
        resuming: whether it goes on.
        sweep: directory of the sweep to which it belongs, whose wish to stop is heeded.
        live: whether it shows its progress on stderr.

    Returns:
        How it ended.

    Raises:
        Stopped: if the user or the system stopped it.
    """
    if not settings.limits.isolate:
        return _here(settings, directory, resuming, live)
    prepare_jax()
    end = supervised(
        Request(settings, directory, resuming, live, dict(os.environ)), settings.limits, lambda: _wish_to_stop(sweep)
    )
    if end.status in (TIMED_OUT, OUT_OF_MEMORY, KILLED, INTERRUPTED):
        _mark(directory, end.reason)
    return end


def _here(settings: Settings, directory: Path, resuming: bool, live: bool) -> End:
    try:
        execute(settings, directory, live=live, resuming=resuming)
    except Interrupted as error:
        raise Stopped(End(INTERRUPTED, INTERRUPTION)) from error
    except RunFailed as error:
        cause = error.__cause__
        if isinstance(cause, MemoryError):
            return End(OUT_OF_MEMORY, reason_of(cause))
        raise
    return End(COMPLETE)


def _wish_to_stop(sweep: Path | None) -> str | None:
    if sweep is None:
        return None
    try:
        return (sweep / STOP).read_text(encoding="utf-8")
    except OSError:
        return None


def _mark(directory: Path, reason: str) -> None:
    """Say in a results file that still says "running" why its process ended."""
    from binn_cli.results.store import mark_failed, opened

    path = directory / RESULTS
    if not path.exists():
        return
    try:
        with held(directory), opened(path) as file:
            if str(file.attrs["status"]) != "running":
                return
        mark_failed(path, reason)
    except (BinnError, OSError):
        pass  # the job's own file says it too
