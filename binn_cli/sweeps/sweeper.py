"""Hydra's sweeper with a plan: what is there already is not launched, and the plan stands on the disk before the first
job begins."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.plugins.sweeper import Sweeper as HydraSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from binn_cli.asked import settled
from binn_cli.config.compose import Settings, validated
from binn_cli.config.schema import Wishes
from binn_cli.directory import claimed, stamped
from binn_cli.errors import BinnError
from binn_cli.results.fate import fates_of, latest_attempts
from binn_cli.results.holder import held
from binn_cli.results.job_file import read_job
from binn_cli.results.provenance import now
from binn_cli.results.sweep_file import PlannedJob, SweepFile, write_sweep
from binn_cli.sweeps.current import current
from binn_cli.sweeps.earlier_sweeps import EarlierSweep, composed_with, earlier_sweeps, the_same_sweep
from binn_cli.sweeps.isolation import modules_of, warm_up
from binn_cli.sweeps.job import STOP, SweepStopped
from binn_cli.sweeps.launchers import every_job_waited_for, launcher_of, require_launcher, stopping_all
from binn_cli.sweeps.overrides import WISHES, telling, without_wishes
from binn_cli.sweeps.plan import AGAIN, GO_ON, LEAVE, RUN, SKIP, Decision, EarlierRuns

NO_JOB = "-m: the values give no job, so nothing was run; write them as in seed=0,1,2 or seed=range(0,3)"
LOCK = ".lock"
NEEDED = (RUN, AGAIN, GO_ON)
"""What is launched."""
MOST_KEPT = 200
"""Composed configurations that are kept from the plan to the launch; each takes a third of a megabyte."""


@dataclass(frozen=True)
class Candidate:
    """A job before its sweep has a directory.

    Attributes:
        arguments: all of its overrides.
        config_id: of its configuration; empty where that cannot be used.
        decision: what is done about it.
    """

    arguments: tuple[str, ...]
    config_id: str
    decision: Decision

    @property
    def overrides(self) -> tuple[str, ...]:
        """Those that tell it from others."""
        return telling(self.arguments)


class Sweeper(HydraSweeper):
    """All combinations of the values, as with Hydra's own sweeper, but only those jobs that are needed."""

    hydra_context: Any
    config: Any
    launcher: Any

    def __init__(self, max_batch_size: int | None, params: Mapping[str, str] | None) -> None:
        """The values of `hydra.sweeper`: how many jobs are launched at a time, and what a file of conf/ sweeps over."""
        self.max_batch_size = max_batch_size
        self.params = dict(params or {})
        self._kept: dict[tuple[str, ...], DictConfig] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra has for a sweeper."""
        self.hydra_context, self.config = hydra_context, config
        self.task_function = task_function
        require_launcher(config)

    def sweep(self, arguments: list[str]) -> Any:
        """Plan, then launch."""
        if current().refusal is not None:  # by a callback
            return []
        grid = self._grid(arguments)
        if not grid:
            current().refusal = BinnError(NO_JOB)
            return []
        wishes = Wishes(**{wish: bool(OmegaConf.select(self.config, wish)) for wish in WISHES})
        root = Path(str(OmegaConf.select(self.config, "hydra.sweep.dir")))
        plan = self._planned(grid, wishes, root)
        if wishes.dry_run:
            from binn_cli.views.console.fates import print_plan

            print_plan([(job.overrides, job.decision.action, job.decision.why, job.decision.directory) for job in plan])
            return []
        return self._launched(plan, root, wishes)

    def _grid(self, arguments: Sequence[str]) -> list[tuple[str, ...]]:
        """The overrides of every job."""
        typed = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        parsed = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(typed)
        return [tuple(job) for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]

    def _planned(self, grid: Sequence[tuple[str, ...]], wishes: Wishes, root: Path) -> list[Candidate]:
        """What is done about every job; a job that equals one before it is skipped."""
        own = current().goes_on_in
        looks = wishes.resume or own is not None
        runs = EarlierRuns.below(*([own] if own is not None else []), root) if looks else EarlierRuns()
        known = _known_configurations(root, own) if looks else {}
        plan: list[Candidate] = []
        first: dict[str, int] = {}
        for number, arguments in enumerate(grid):
            config_id = known.get(telling(arguments), "")
            settings = None if config_id else self._composed(arguments)
            config_id = config_id or ("" if settings is None else settings.config_id)
            identity = config_id or " ".join(telling(arguments))
            if identity in first:
                decision = Decision(SKIP, f"the same as job {first[identity]}")
            else:
                first[identity] = number
                decision = runs.decide(config_id, wishes, settings)
            if decision.action in NEEDED and not wishes.dry_run and self._one_by_one:
                warm_up(() if settings is None else modules_of(settings))
            plan.append(Candidate(arguments, config_id, decision))
        return plan

    def _composed(self, arguments: tuple[str, ...]) -> Settings | None:
        """The settings of a job, or None where their values cannot be used: then the job will tell.

        Raises:
            Exception: Hydra's own where the job cannot even be composed; then no job of the sweep begins.
        """
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(arguments))
        with open_dict(composed):
            own = composed.pop("hydra")
            try:
                return settled(validated(composed))
            except BinnError:
                return None
            finally:
                composed.hydra = own
                if len(self._kept) < MOST_KEPT and self._one_by_one:
                    self._kept[arguments] = composed

    @contextmanager
    def _composed_once(self) -> Iterator[None]:
        """Give the launcher the configurations that the plan was made from: composing takes a fifth of a second."""
        loader = self.hydra_context.config_loader
        compose = loader.load_sweep_config

        def load_sweep_config(master: DictConfig, overrides: list[str]) -> DictConfig:
            kept = self._kept.pop(tuple(overrides), None)
            if kept is None:
                return compose(master, overrides)
            with read_write(kept), open_dict(kept):
                kept.hydra.sweep.dir = master.hydra.sweep.dir
            return kept

        loader.load_sweep_config = load_sweep_config
        try:
            yield
        finally:
            del loader.load_sweep_config
            self._kept.clear()

    @property
    def _one_by_one(self) -> bool:
        """Whether the jobs run one after the other, each waited for by this process."""
        return str(self.config.hydra.launcher._target_).endswith(".BasicLauncher")

    def _launched(self, plan: Sequence[Candidate], root: Path, wishes: Wishes) -> list[Any]:
        try:
            before = self._before(plan, wishes, root)
            directory = claimed(root, stamped("sweep")) if before is None else before.directory
        except BinnError as error:
            current().refusal = error
            return []
        current().directory, current().planned = directory, True
        self._tell_jobs(directory)
        # Not before: its values may name the directory of the sweep.
        self.launcher = launcher_of(self.hydra_context, self.task_function, self.config)
        with ExitStack() as stack:
            try:
                stack.enter_context(held(directory, LOCK))
                (directory / STOP).unlink(missing_ok=True)
            except OSError as error:
                raise BinnError(f"{directory}: cannot be written ({error.strerror})") from error
            jobs = _numbered(plan, directory, before)
            self._keep_plan(jobs, directory)
            needed = zip(jobs, plan, strict=True)
            todo = [(job, candidate.arguments) for job, candidate in needed if candidate.decision.action in NEEDED]
            if todo:
                from binn_cli.views.console.sweep_view import SweepView

                stack.enter_context(SweepView(directory, [job.job for job, _ in todo], len(jobs)))
            return self._batches(todo, directory)

    def _keep_plan(self, jobs: Sequence[PlannedJob], directory: Path) -> None:
        flags, overrides = current().flags, without_wishes(current().overrides)
        in_order = tuple(sorted(jobs, key=lambda job: job.job))
        write_sweep(directory, SweepFile(flags, overrides, composed_with(flags), now(), in_order))

    def _before(self, plan: Sequence[Candidate], wishes: Wishes, root: Path) -> EarlierSweep | None:
        """The sweep that goes on, or None where a new one begins."""
        own = current().goes_on_in
        if own is not None:
            return next((sweep for sweep in earlier_sweeps(own.parent) if sweep.directory == own), None)
        return (
            the_same_sweep([(c.config_id, c.overrides) for c in plan], earlier_sweeps(root)) if wishes.resume else None
        )

    def _tell_jobs(self, directory: Path) -> None:
        """Jobs are composed anew from these overrides, in whatever process the launcher starts."""
        with read_write(self.config), open_dict(self.config):
            self.config.hydra.sweep.dir = str(directory)
            self.config.hydra.overrides.hydra.append(f"hydra.sweep.dir={json.dumps(str(directory))}")

    def _batches(self, todo: Sequence[tuple[PlannedJob, tuple[str, ...]]], directory: Path) -> list[Any]:
        size = self.max_batch_size or max(len(todo), 1)
        returned = []
        asked = nullcontext(list[int]()) if self._one_by_one else stopping_all(directory / STOP)
        with asked as stops, self._composed_once():
            try:
                with every_job_waited_for(self.launcher) as troubles:
                    for k in range(0, len(todo), size):
                        batch = [list(arguments) for _, arguments in todo[k : k + size]]
                        returned.append(self.launcher.launch(batch, initial_job_idx=todo[k][0].job))
                current().trouble = troubles[0] if troubles else None
                current().launched = True
            except SweepStopped:
                pass
            except Exception as error:
                # What a cluster says of a job that it ended; the others' results are there all the same.
                current().trouble = error
            if stops:
                raise KeyboardInterrupt
        return returned


def _put_in_place() -> None:
    """Have Hydra take our sweeper for the one sweep that begins: as a plugin it would have to lie in a package that is
    not ours."""
    plugins = Plugins.instance()

    def instantiate_sweeper(*, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> Sweeper:
        del plugins.instantiate_sweeper  # type: ignore[method-assign]
        chosen = config.hydra.sweeper
        sweeper = Sweeper(chosen.max_batch_size, chosen.params)
        sweeper.setup(hydra_context=hydra_context, task_function=task_function, config=config)
        return sweeper

    plugins.instantiate_sweeper = instantiate_sweeper  # type: ignore[method-assign]


def _known_configurations(root: Path, own: Path | None) -> dict[tuple[str, ...], str]:
    """The `config_id`s of jobs that were composed before from the same files by the same code: a fifth of a second
    saved for each."""
    now_composed = composed_with(current().flags)
    known: dict[tuple[str, ...], str] = {}
    for sweep in [*earlier_sweeps(root), *(earlier_sweeps(own.parent) if own is not None else [])]:
        if now_composed and sweep.file.composed_with == now_composed:
            known |= {job.overrides: job.config_id for job in sweep.file.jobs if job.config_id}
    return {
        overrides: config_id
        for overrides, config_id in known.items()
        if not any("${" in override for override in overrides)
    }


def _numbered(plan: Sequence[Candidate], directory: Path, before: EarlierSweep | None) -> list[PlannedJob]:
    """The jobs with the numbers that they had in the sweep that goes on."""
    numbers = {} if before is None else before.numbers
    free = iter(sorted(set(range(len(plan) + len(numbers))) - set(numbers.values())))
    attempts = {number: read_job(attempt) for number, attempt in latest_attempts(directory).items()}
    jobs = []
    for candidate in plan:
        identity = candidate.config_id or " ".join(candidate.overrides)
        number = numbers.pop(identity) if identity in numbers else next(free)
        job, last = _planned_job(number, candidate, directory), attempts.get(number)
        jobs.append(replace(job, attempt=1 if last is None else last.attempt + (not job.goes_on)))
    return jobs


def _planned_job(number: int, candidate: Candidate, directory: Path) -> PlannedJob:
    decision = candidate.decision
    job = PlannedJob(number, candidate.overrides, candidate.config_id)
    if decision.directory is None:
        return replace(job, why=decision.why) if decision.action == SKIP else job
    there = _relative(decision.directory, directory)
    inside = decision.directory.resolve().parent == directory.resolve()
    if decision.action == GO_ON:
        return replace(job, goes_on=there, stands_for="" if inside else there)
    if inside:
        return job
    return replace(
        job, stands_for=there, why="" if decision.action == LEAVE else f"{decision.why} in {decision.directory}"
    )


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path.resolve(), start.resolve())


class Sweep(Callback):
    """Hydra's callback: puts our sweeper in place, and sums up after the last job."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take our sweeper for Hydra's own; for any other, claim a directory below output.root and hand it to every
        job."""
        if str(config.hydra.sweeper._target_) == f"{BasicSweeper.__module__}.{BasicSweeper.__name__}":
            _put_in_place()
            return
        try:
            directory = claimed(Path(str(OmegaConf.select(config, "hydra.sweep.dir"))), stamped("sweep"))
        except BinnError as error:
            # Hydra turns what a callback raises into a warning and goes on, until it cannot make the directory itself.
            current().refusal = error
            return
        current().directory = directory
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = str(directory)
            config.hydra.overrides.hydra.append(f"hydra.sweep.dir={json.dumps(str(directory))}")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Know how the jobs went."""
        note_fates()


def note_fates() -> None:
    """Look how the jobs of the present sweep stand; a directory is removed in which none was ever launched."""
    directory = current().directory
    if directory is None or not directory.is_dir():
        return
    # The file that Hydra leaves beside the runs: each run's config.yaml says as much.
    (directory / "multirun.yaml").unlink(missing_ok=True)
    current().fates = fates_of(directory)
    if not current().launched and not any(directory.glob("*/")) and not any(fate.directory for fate in current().fates):
        shutil.rmtree(directory, ignore_errors=True)
        current().directory, current().fates = None, []
