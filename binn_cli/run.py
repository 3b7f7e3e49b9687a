"""The verb `run`: Hydra composes, one run is executed, errors become sentences."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from binn_cli import sweep
from binn_cli.arguments import refuse_added_groups, told_apart
from binn_cli.config.compose import validated
from binn_cli.config.explain import explained
from binn_cli.config.store import conf_directory, register
from binn_cli.directory import claimed, stamped
from binn_cli.execute import execute, prepare_jax, resume
from binn_cli.models.processes import join_if_asked, leave_without_waiting

__all__ = ["job", "main", "resume"]


FULL_ERROR = "HYDRA_FULL_ERROR"
_set_here: list[str] = []
_failures: list[Exception] = []
"""What the run of this process raised, for `main` to tell."""


def job(config: DictConfig) -> None:
    """Run one composed configuration; Hydra calls this, in this process or, in a sweep, perhaps in another."""
    composition = HydraConfig.get()
    with _environment_as_found():
        if composition.mode == RunMode.MULTIRUN:
            sweep.run_job(config, composition)
        else:
            _single(config)


def _single(config: DictConfig) -> None:
    try:
        settings = validated(config)
        name = stamped("_".join([settings.task.name, settings.dataset.name, settings.model.name]))
        prepare_jax()
        place = join_if_asked()
        if place is not None and place.index > 0:
            # The first process alone writes; the others compute with it.
            with TemporaryDirectory() as scratch:
                execute(settings, claimed(Path(scratch), name), live=False)
            return
        print(execute(settings, claimed(Path(settings.output.root), name), live=True))
    except Exception as error:
        # Hydra would put a line of its own before the sentence if this were raised here.
        _failures.append(error)
        leave_without_waiting()


def main(arguments: Sequence[str], program: str = "binn run") -> int:
    """Run Hydra on the arguments behind the verb.

    Args:
        arguments: overrides and Hydra's flags.
        program: what Hydra takes for the name of the program.

    Returns:
        The exit status: 0 complete, 1 failed.

    Raises:
        SystemExit: with status 2 for flags that Hydra does not know.
    """
    register()
    # A line of Hydra's that cannot be written (binn run --info | head) is not worth a traceback on stderr.
    logging.raiseExceptions = False
    _failures.clear()
    sweep.forget()
    composed = hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(job)
    known = told_apart(arguments, program)
    with _argv([program, *known.ordered]), _errors_raised() as full:
        try:
            refuse_added_groups(known.overrides)
            composed()
            if _failures:
                raise _failures[0]
            if refusal := sweep.refusal():
                raise refusal
        except KeyboardInterrupt:
            if full:
                raise
            print(sweep.interruption(), file=sys.stderr)
            return 1
        except BrokenPipeError:
            # Nobody reads any more: not a mistake to explain.
            raise
        except Exception as error:
            sweep.forsaken()
            if full:
                raise
            print(explained(sweep.refusal() or error, known.overrides), file=sys.stderr)
            return 1
    return 1 if sweep.last_failures() else 0


@contextmanager
def _argv(values: Sequence[str]) -> Iterator[None]:
    """Hydra reads the command line from sys.argv and nowhere else."""
    before, sys.argv = sys.argv, list(values)
    try:
        yield
    finally:
        sys.argv = before


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
