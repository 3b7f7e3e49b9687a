"""The run that `dataset.cheap` names: what it has learned of a cheap solver, and what that is known by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.errors import ConfigError
from binn_cli.models.cheap import Cheap
from binn_cli.models.scope import KEY, Scope, own_state
from binn_cli.models.surrogate import Tree
from binn_cli.results.fate import RESULTS
from binn_cli.results.named import require_complete, results_named
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read_surrogate

SETTING = "dataset.cheap"

BuildModel = Callable[[str], Any]
"""From the configuration of a run to its model."""


def cheap_of_run(name: str, model: BuildModel) -> Cheap:
    """What a run has learned of the cheap solver.

    Args:
        name: its directory, its results file, or a pattern that only it fits.
        model: builds the model of a run.

    Raises:
        BinnError: if there is no such run, it is not complete or has no surrogate, or this version cannot restore it.
    """
    path, record = _read(name)
    assert record.surrogate is not None
    # An array: HDF5 keeps no long text as an attribute.
    tree = {
        "run": str(path.parent if path.name == RESULTS else path),
        "config": np.array([record.header.config]),
        "surrogate": record.surrogate,
    }
    try:
        return cheap_of_tree(tree, model)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        why = f"{type(error).__name__}: {error}"
        problem = f"this version of the program cannot restore the surrogate of {path} ({why})"
        raise ConfigError(SETTING, f"{problem}; learn it anew with binn run") from error


def cheap_of_tree(tree: Tree, model: BuildModel) -> Cheap:
    """The same out of `Cheap.tree`."""
    built = model(str(np.atleast_1d(tree["config"])[0]))
    surrogate = built.from_state(own_state(tree["surrogate"]))
    return Cheap(surrogate, Scope.from_tree(tree["surrogate"][KEY]), built.name, str(tree["run"]), tree)


def identity(name: str) -> dict[str, str]:
    """What the surrogate of the run is known by: its content counts, not where or when it was written.

    Raises:
        BinnError: as `cheap_of_run`.
    """
    tree = _read(name)[1].surrogate
    assert tree is not None
    digest = hashlib.sha256()
    for path, leaf in _leaves(tree, ""):
        array = np.asarray(leaf)
        content = array.astype(str).tolist() if array.dtype.kind in "OSU" else np.ascontiguousarray(array).tobytes()
        digest.update(f"{path} {array.dtype} {array.shape} ".encode())
        digest.update(content if isinstance(content, bytes) else repr(content).encode())
    return {SETTING: f"sha256:{digest.hexdigest()}"}


def _leaves(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key in sorted(tree):
        if isinstance(tree[key], Mapping):
            yield from _leaves(tree[key], f"{above}{key}/")
        else:
            yield f"{above}{key}", tree[key]


def _read(name: str) -> tuple[Path, RunRecord]:
    path = results_named(SETTING, name)
    require_complete(path)
    record = read_surrogate(path)
    if record.surrogate is None or KEY not in record.surrogate:
        has = "holds no surrogate" if record.surrogate is None else "does not say of which inputs its surrogate is"
        problem = f"{path} {has}; name a run that has learned the cheap solver (task=regress, active_learn or solve)"
        raise ConfigError(SETTING, problem)
    return path, record
