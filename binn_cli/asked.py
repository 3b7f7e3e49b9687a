"""Tasks that ask the surrogate of a run: data set and model are those of that run, and neither is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from binn_cli import build
from binn_cli.config.compose import Settings, from_text
from binn_cli.config.schema.questions import asks_a_run
from binn_cli.datasets.digest import file_digest
from binn_cli.errors import ConfigError
from binn_cli.models.scope import KEY, Scope
from binn_cli.results.named import require_complete, results_named
from binn_cli.results.record import RunRecord
from binn_cli.results.store import config_text, opened, read
from binn_cli.results.tree import read_tree
from binn_cli.tasks.questions.fitting import require_fitting
from binn_cli.tasks.questions.source import Source

FILES = ("observations", "target")
"""Settings of such a task that may name a file."""


def settled(settings: Settings) -> Settings:
    """Settings as they are, or where the task asks a run, with the data set and the model of that run.

    Raises:
        ConfigError: if no run is named.
        BinnError: if there is none, it cannot be read, or it is not complete.
    """
    if not asks_a_run(settings.task):
        return settings
    path = _results(settings)
    require_complete(path)
    with opened(path) as file:
        theirs = from_text(config_text(file), path)
    groups = {group: theirs.resolved[group] for group in ("dataset", "model")}
    budget = {"budget": theirs.budget}
    resolved = {**settings.resolved, **groups, **budget}
    return replace(settings, dataset=theirs.dataset, model=theirs.model, budget=theirs.budget, resolved=resolved)


def require_question_fits(settings: Settings) -> None:
    """Require that what a task asks its run can be asked, from the names, units and ranges of its surrogate alone.

    Raises:
        BinnError: if it cannot.
    """
    if not asks_a_run(settings.task):
        return
    path = _results(settings)
    with opened(path) as file:
        place = f"surrogate/{KEY}"
        # Older files do not say it so briefly: what does not fit is found when the surrogate is there.
        tree = read_tree(file[place]) if place in file else None
    if tree is not None:
        scope = _with_stated(Scope.from_tree(tree), settings)
        require_fitting(settings.task, Source(None, scope, settings.model.name, str(settings.task.run)))


def source_of(settings: Settings) -> tuple[Source, RunRecord]:
    """The surrogate that a task asks, and the run without its arrays.

    Raises:
        BinnError: if the run has none.
    """
    # What it takes to restore a surrogate imports libraries for tables, which other runs do without.
    from binn_cli.restoring import restored

    path = _results(settings)
    require_complete(path)
    record = read(path, arrays=False)
    learned = restored(path)
    trained = record.steps[-1].n_train if record.steps else 0
    scope = _with_stated(learned.scope, settings)
    return Source(learned.surrogate, scope, record.header.model, str(settings.task.run), trained), record


def _with_stated(scope: Scope, settings: Settings) -> Scope:
    """Ranges that the data set states, where they reach beyond the training points."""
    stated = getattr(settings.dataset, "ranges", None) or getattr(settings.dataset, "parameters", None)
    low, high = scope.low.copy(), scope.high.copy()
    for name, ends in stated.items() if isinstance(stated, Mapping) else ():
        numbers = isinstance(ends, (list, tuple)) and len(ends) == 2 and all(isinstance(e, (int, float)) for e in ends)
        if numbers and name in scope.inputs:
            column = scope.inputs.index(name)
            low[column], high[column] = min(low[column], ends[0]), max(high[column], ends[1])
    return scope.within(low, high)


def identity(settings: Settings) -> dict[str, str]:
    """What a run's data are known by: those of the data set, or the run and the files that a question reads.

    Raises:
        BinnError: if they cannot be read.
    """
    if not asks_a_run(settings.task):
        return build.data_identity(settings, build.dataset(settings))
    names = {"run": _results(settings)}
    for key in FILES:
        value = getattr(settings.task, key, None)
        if isinstance(value, str) and Path(value).is_file():
            names[key] = Path(value)
    return {key: file_digest(path) for key, path in names.items()}


def _results(settings: Settings) -> Path:
    run = settings.task.run
    if not run:
        raise ConfigError("task.run", "name the run to ask with task.run=RUN, its directory or its results.h5")
    return results_named("task.run", run)
