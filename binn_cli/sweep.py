"""A sweep: one directory for all of its jobs, and a word at its end on how each of them went."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from binn_cli.config.compose import validated
from binn_cli.config.explain import explained
from binn_cli.directory import claimed, stamped
from binn_cli.errors import BinnError
from binn_cli.execute import Interrupted, execute

OUTCOME = "job.json"


@dataclass(frozen=True)
class Outcome:
    """How one job of a sweep went.

    Attributes:
        job: its number, from 0.
        overrides: the arguments that set it apart.
        status: "complete" or "failed".
        reason: why it failed, one sentence; empty where it did not.
        results: path of its results file; empty where it has none.
    """

    job: int
    overrides: list[str]
    status: str
    reason: str
    results: str


_last: list[Outcome] = []
_claimed: list[Path] = []
_refused: list[BinnError] = []


def last_failures() -> int:
    """How many jobs of the sweep that this process finished last have failed."""
    return sum(outcome.status != "complete" for outcome in _last)


def forget() -> None:
    """Start afresh: what this process knows of a sweep before counts no longer."""
    _last.clear()
    _claimed.clear()
    _refused.clear()


def refusal() -> BinnError | None:
    """Why the sweep could not begin, or had no job; None where it had one."""
    return _refused[0] if _refused else None


def forsaken() -> bool:
    """Remove the sweep's directory if no job has begun in it; gives whether that was so."""
    if not _claimed:
        return False
    _tidy(_claimed[-1])
    try:
        _claimed[-1].rmdir()
    except OSError:
        return False
    return True


def interruption() -> str:
    """The sentence for a Ctrl-C that no single run has answered."""
    if not _claimed:
        return "interrupted"
    _tidy(_claimed[-1])
    return f"interrupted; what the jobs had is kept in {_claimed[-1]}"


def _tidy(directory: Path) -> None:
    """Remove the file that Hydra leaves beside the runs: each run's config.yaml says as much."""
    (directory / "multirun.yaml").unlink(missing_ok=True)


def run_job(config: DictConfig, hydra: Any) -> None:
    """Run one job and write its outcome beside its results, where the launching process finds it whatever the launcher.

    Args:
        config: the composed configuration of the job.
        hydra: Hydra's own configuration of the job.
    """
    overrides = list(hydra.overrides.task)
    names = [str(OmegaConf.select(config, f"{group}.name")) for group in ("task", "dataset", "model")]
    name = re.sub(r"[^\w.-]", "_", "_".join([str(hydra.job.num), *names]))
    directory = claimed(Path(hydra.sweep.dir), name)
    try:
        path = execute(validated(config), directory, live=False)
        outcome = Outcome(hydra.job.num, overrides, "complete", "", str(path))
    except Interrupted as error:
        _write(directory, Outcome(hydra.job.num, overrides, "failed", str(error), _results(directory)))
        # The user stops the sweep, not only this job.
        raise KeyboardInterrupt from error
    except Exception as error:
        outcome = Outcome(hydra.job.num, overrides, "failed", explained(error, overrides), _results(directory))
    _write(directory, outcome)


def _results(directory: Path) -> str:
    path = directory / "results.h5"
    return str(path) if path.exists() else ""


def _write(directory: Path, outcome: Outcome) -> None:
    (directory / OUTCOME).write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")


def outcomes(directory: Path) -> list[Outcome]:
    """The outcomes of all jobs below a sweep's directory, by job number."""
    found = [Outcome(**json.loads(path.read_text(encoding="utf-8"))) for path in directory.glob(f"*/{OUTCOME}")]
    return sorted(found, key=lambda outcome: outcome.job)


class Sweep(Callback):
    """Hydra's callback: claims the sweep's directory before the first job and sums up after the last."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Claim a directory below output.root and hand it to every job."""
        try:
            directory = claimed(Path(str(OmegaConf.select(config, "hydra.sweep.dir"))), stamped("sweep"))
        except BinnError as error:
            # Hydra turns what a callback raises into a warning and goes on, until it cannot make the directory itself.
            _refused.append(error)
            return
        _claimed.append(directory)
        override = f"hydra.sweep.dir={json.dumps(str(directory))}"
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = str(directory)
            # Jobs are composed anew from these overrides, in whatever process the launcher starts.
            config.hydra.overrides.hydra.append(override)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the results files on stdout and, where there are any, a table of the failures on stderr."""
        directory = Path(config.hydra.sweep.dir)
        _tidy(directory)
        _last[:] = outcomes(directory)
        if not _last and _claimed and forsaken():
            _refused.append(BinnError("-m: the values give no job, so nothing was run; write them as in seed=0,1,2 or seed=range(0,3)"))
        report(_last)


def report(jobs: Sequence[Outcome]) -> None:
    """Print paths of results files on stdout, one a line in the order of the jobs, and comparison and failures on stderr."""
    _compared(jobs)
    failed = [outcome for outcome in jobs if outcome.status != "complete"]
    if failed:
        from rich.console import Console
        from rich.table import Table

        table = Table("job", "overrides", "reason", title=f"{len(failed)} of {len(jobs)} jobs failed", title_justify="left")
        for outcome in failed:
            table.add_row(str(outcome.job), shlex.join(outcome.overrides), outcome.reason)
        Console(file=sys.stderr, markup=False).print(table)
    for outcome in jobs:
        if outcome.results:
            print(outcome.results)


def _compared(jobs: Sequence[Outcome]) -> None:
    """Print what the jobs found beside what is published of the same, where something is."""
    from binn_cli.results.store import read
    from binn_cli.views.console import compare

    compare([read(Path(outcome.results)).without_arrays for outcome in jobs if outcome.status == "complete"])
