"""The run that a setting names: its directory, its results file, or a pattern that only one run fits."""

from __future__ import annotations

from glob import glob
from pathlib import Path

from binn_cli.errors import BinnError, ConfigError
from binn_cli.results.fate import COMPLETE, RESULTS, fate_of
from binn_cli.results.found import find_runs
from binn_cli.results.store import read


def results_of(run: Path) -> Path:
    """The results file of a run that is named by its directory or its file, or by a directory that holds it alone.

    Raises:
        BinnError: if the directory holds several runs.
    """
    if run.is_dir() and not (run / RESULTS).exists():
        files = find_runs([run]).files
        if len(files) > 1:
            raise BinnError(f"{run}: holds {len(files)} runs; name one of them (binn_cli.load_many loads them all)")
        if files:
            return files[0]
    return run / RESULTS if run.is_dir() else run


def results_named(key: str, name: str) -> Path:
    """The results file of the run that a setting names.

    Args:
        key: of the setting, for errors.
        name: what it says.

    Raises:
        ConfigError: if there is none, or there are several.
    """
    if Path(name).exists():
        return results_of(Path(name))
    found = sorted(glob(name))
    if len(found) != 1:
        there = f"{len(found)} runs are called {name}" if found else f"there is no {name}"
        raise ConfigError(key, f"{there}; name the directory of a run, or its results.h5")
    return results_of(Path(found[0]))


def require_complete(path: Path) -> None:
    """Require that the run of a results file is complete.

    Raises:
        BinnError: if it is not, or the file cannot be read.
    """
    record = read(path, arrays=False)
    if record.status == COMPLETE:
        return
    fate = fate_of(path.parent) if path.name == RESULTS else None
    status = record.status if fate is None else fate.status
    raise BinnError(f"{path}: the run is not complete ({status}); finish it with binn resume, or ask another")
