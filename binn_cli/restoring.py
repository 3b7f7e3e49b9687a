"""The surrogate of a run out of its results file, and what it is of; nothing else of the file is read."""

from __future__ import annotations

from pathlib import Path

from binn_cli import build
from binn_cli.errors import BinnError, ConfigError, MissingExtraError
from binn_cli.learned import Learned
from binn_cli.models.scope import KEY, Scope, scope_of_state
from binn_cli.results.named import results_of
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read_surrogate

__all__ = ["restored", "results_of", "scope_of"]


def restored(run: Path) -> Learned:
    """What a run has learned.

    Raises:
        BinnError: if there is no such run, it ended before its first fit, or this version cannot restore what another
            one kept.
    """
    path = results_of(run)
    record = read_surrogate(path)
    try:
        model, fitted = build.model_and_fitted(record)
        return Learned(model, fitted, scope_of(record))
    except MissingExtraError:
        raise
    except (BinnError, KeyError, ValueError, TypeError, IndexError) as error:
        if record.surrogate is None:
            raise BinnError(f"{path}: {error}") from error
        version = record.provenance.get("program_version", "unknown")
        what = error if isinstance(error, (BinnError, ConfigError)) else f"{type(error).__name__}: {error}"
        problem = f"this version of the program cannot restore the surrogate that version {version} kept ({what})"
        raise BinnError(f"{path}: {problem}; learn it anew with binn run") from error


def scope_of(record: RunRecord) -> Scope:
    """Names, units and ranges; of a file of an older version those of the predictions that it keeps.

    Raises:
        BinnError: if the file has neither.
    """
    tree = record.surrogate or {}
    if KEY in tree:
        return Scope.from_tree(tree[KEY])
    known = record.predictions
    if known is None:
        raise BinnError("the run does not say of which inputs its surrogate is")
    return scope_of_state(tree, known.input_names, known.input_units, known.output_names, known.output_units)
