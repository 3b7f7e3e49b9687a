"""The verb `run`: Hydra composes, one run is executed, errors become sentences.

What executes a run is imported when there is one to execute: `--cfg job`, completion and mistakes are answered without
it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from binn_cli.arguments import refuse_added_groups, refuse_repeated_groups, told_apart
from binn_cli.config.compose import Settings, validated
from binn_cli.config.explain import explained
from binn_cli.config.store import conf_directory, register
from binn_cli.garbage import search_again, search_postponed
from binn_cli.sweeps import current as sweep_state

__all__ = ["job", "main"]


FULL_ERROR = "HYDRA_FULL_ERROR"
_set_here: list[str] = []
_failures: list[Exception] = []
"""What the run of this process raised, for `main` to tell."""


def job(config: DictConfig) -> str | None:
    """Run one composed configuration; Hydra calls this, in this process or, in a sweep, perhaps in another.

    Returns:
        The results file, for Hydra's callbacks; None where there is none.
    """
    if sweep_state.current().refusal is not None:
        return None
    register()
    composition = HydraConfig.get()
    with _environment_as_found():
        if composition.mode == RunMode.MULTIRUN:
            search_again()
            from binn_cli.sweeps.job import run_job

            return run_job(config, composition)
        return _single(config)


def _single(config: DictConfig) -> str | None:
    from binn_cli.asked import settled
    from binn_cli.compiled_code import prepare_jax
    from binn_cli.directory import claimed
    from binn_cli.execute import execute
    from binn_cli.models.processes import join_if_asked, leave_without_waiting
    from binn_cli.refusals import require_possible

    try:
        settings = settled(validated(config))
        require_possible(settings)
        prepare_jax()
        place = join_if_asked()
        if place is not None and place.index > 0:
            # The first process alone writes; the others compute with it.
            with TemporaryDirectory() as scratch:
                execute(settings, claimed(Path(scratch), "run"), live=False)
            return None
        if (path := _decided(settings)) is not None:
            print(path)
            return str(path)
    except Exception as error:
        # Hydra would put a line of its own before the sentence if this were raised here.
        _failures.append(error)
        leave_without_waiting()
    return None


def _decided(settings: Settings) -> Path | None:
    """Run what is needed; gives the results file, or None where nothing was asked for but the plan."""
    from binn_cli.directory import claimed, stamped
    from binn_cli.results.fate import RESULTS
    from binn_cli.sweeps.plan import GO_ON, LEAVE, SKIP, EarlierRuns
    from binn_cli.sweeps.single import run_single

    wishes, root = settings.wishes, Path(settings.output.root)
    runs = EarlierRuns.below(root) if wishes.resume else EarlierRuns()
    decision = runs.decide(settings.config_id, wishes, settings)
    name = "_".join([settings.task.name, settings.dataset.name, settings.model.name])
    if wishes.dry_run:
        from binn_cli.views.console.fates import print_plan

        print_plan([((name,), decision.action, decision.why, decision.directory)])
        return None
    if decision.directory is not None and decision.action in (SKIP, LEAVE):
        print(f"{decision.action}: {decision.why} in {decision.directory}; force=true runs it again", file=sys.stderr)
        return decision.directory / RESULTS
    if decision.directory is not None and decision.action == GO_ON:
        print(f"going on with {decision.directory}, {decision.why}", file=sys.stderr)
        return run_single(settings, decision.directory, resuming=True)
    return run_single(settings, claimed(root, stamped(name)))


def main(arguments: Sequence[str], program: str = "binn run", goes_on_in: Path | None = None) -> int:
    """Run Hydra on the arguments behind the verb.

    Args:
        arguments: overrides and Hydra's flags.
        program: what Hydra takes for the name of the program.
        goes_on_in: directory of a sweep that is to go on, whose arguments these are.

    Returns:
        The exit status: 0 complete, 1 failed.

    Raises:
        SystemExit: with status 2 for flags that Hydra does not know.
    """
    register()
    # A line of Hydra's that cannot be written (binn run --info | head) is not worth a traceback on stderr.
    logging.raiseExceptions = False
    _failures.clear()
    composed = hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(job)
    known = told_apart(arguments, program)
    flags = tuple(flag for flag in known.flags if flag != "--multirun")
    sweep_state.begin(flags, known.overrides, goes_on_in)
    ordered, words = [program, *known.ordered], [*flags, *known.overrides]
    with search_postponed(), _argv(ordered), _mode_by_flags(words), _errors_raised() as full:
        try:
            refuse_added_groups(known.overrides)
            refuse_repeated_groups(known.overrides)
            composed()
            if _failures:
                raise _failures[0]
            if refusal := sweep_state.current().refusal:
                raise refusal
        except KeyboardInterrupt:
            if full:
                raise
            print(_interrupted(), file=sys.stderr)
            return 1
        except BrokenPipeError:
            # Nobody reads any more: not a mistake to explain.
            raise
        except Exception as error:
            _note_fates()
            if full:
                raise
            print(explained(sweep_state.current().refusal or error, known.overrides), file=sys.stderr)
            return 1
    return _reported(known.overrides)


def _reported(overrides: Sequence[str]) -> int:
    """Tell how the jobs went, if there was a sweep; gives the exit status."""
    sweep = sweep_state.current()
    if sweep.directory is not None:
        from binn_cli.views.console.fates import report_sweep

        report_sweep(sweep.directory, sweep.fates)
    if sweep.trouble is not None:
        print(explained(sweep.trouble, overrides), file=sys.stderr)
    if sweep.directory is None:
        return 0 if sweep.trouble is None else 1
    if not sweep.succeeded and sweep.planned:
        print(_how_to_go_on(sweep.directory), file=sys.stderr)
    return 0 if sweep.succeeded else 1


def _interrupted() -> str:
    """The sentence for a Ctrl-C that no single run has answered."""
    _note_fates()
    sweep = sweep_state.current()
    if sweep.directory is None:
        return "interrupted"
    from binn_cli.views.console.fates import report_sweep

    report_sweep(sweep.directory, sweep.fates)
    return (
        f"interrupted; {_how_to_go_on(sweep.directory)}"
        if sweep.planned
        else f"interrupted; what there is stands in {sweep.directory}"
    )


def _note_fates() -> None:
    from binn_cli.sweeps.sweeper import note_fates

    note_fates()


def _how_to_go_on(directory: Path) -> str:
    import shlex

    return f"go on with: {shlex.join(['binn', 'resume', str(directory)])}"


@contextmanager
def _argv(values: Sequence[str]) -> Iterator[None]:
    """Hydra reads the command line from sys.argv and nowhere else."""
    before, sys.argv = sys.argv, list(values)
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _mode_by_flags(words: Sequence[str]) -> Iterator[None]:
    """Spare Hydra the composition with which it finds out whether the configuration asks for a sweep, a third of a
    second, where only an experiment or a setting of Hydra's could do that and none is named."""
    if any(word.lstrip("+~").startswith(("experiment", "budget", "hydra", "--config", "-c")) for word in words):
        yield
        return
    found = Hydra.get_mode
    Hydra.get_mode = _no_mode  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = found  # type: ignore[method-assign]


def _no_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> None:
    """As `Hydra.get_mode` where no configuration says anything: flags decide."""


@contextmanager
def _environment_as_found() -> Iterator[None]:
    """Take back what `_errors_raised` set, so that processes which a task starts do not inherit it."""
    ours = os.environ.pop(FULL_ERROR) if _set_here and FULL_ERROR in os.environ else None
    try:
        yield
    finally:
        if ours is not None:
            os.environ[FULL_ERROR] = ours


@contextmanager
def _errors_raised() -> Iterator[bool]:
    """Have Hydra raise instead of printing; gives whether the user asked for tracebacks with HYDRA_FULL_ERROR=1."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    if before != "1":
        _set_here.append(FULL_ERROR)
    try:
        yield before == "1"
    finally:
        _set_here.clear()
        if before is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = before
