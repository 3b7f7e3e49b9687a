"""Solvers that are functions of Python, called in the worker process."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from binn_cli.datasets.simulator.call_store import STDERR, STDOUT
from binn_cli.datasets.simulator.errors import CallFailed, SolverUnusable
from binn_cli.datasets.simulator.solvers import laid_out
from binn_cli.whole_file import replacing

OUTPUT = "output.npz"
"""What is kept of what a function or a server gives back."""
WHOLE = "value"
"""The name of an array that came back without one."""


class CallableRunner:
    """Calls `module:function` with the parameters by name, and keeps what it returns."""

    keeps_time = False

    def __init__(self, solver: Mapping[str, Any]) -> None:
        """`solver` is as `description.py` describes it."""
        self._solver = solver
        self._function: Callable[..., Any] | None = None

    def prepare(self) -> dict[str, Any]:
        """Import it."""
        module, _, name = self._solver["target"].partition(":")
        if self._solver["start"] not in sys.path:
            sys.path.insert(0, self._solver["start"])
        try:
            found: Any = importlib.import_module(module)
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError) and error.name in (module, module.partition(".")[0]):
                raise SolverUnusable(
                    f"there is no Python module {module!r} in {self._solver['start']} or where this Python looks for "
                    f"modules"
                ) from error
            raise SolverUnusable(
                f"the module {module!r} cannot be imported ({type(error).__name__}: {_line(error)})"
            ) from error
        for part in name.split("."):
            if not hasattr(found, part):
                raise SolverUnusable(f"the module {module!r} has no {name!r}")
            found = getattr(found, part)
        if not callable(found):
            raise SolverUnusable(f"{name!r} of the module {module!r} is no function")
        self._function = found
        return {}

    def run(self, directory: Path, case: Mapping[str, Any], timeout: float | None) -> None:
        """See `Runner`."""
        assert self._function is not None
        environment = laid_out(directory, self._solver)
        with _inside(directory, {name: environment[name] for name in self._solver["environment"]}):
            try:
                result = self._function(**case["parameters"])
            except BaseException as error:
                traceback.print_exc()
                raise CallFailed(f"raised {type(error).__name__}: {_line(error)}") from error
            arrays = arrays_of(result)
        save(directory / OUTPUT, arrays)

    def stop(self) -> None:
        """Nothing: the process itself is ended."""


def arrays_of(result: Any) -> dict[str, Any]:
    """What a function returned as arrays by name: a mapping's own names, `0`, `1` … for several arrays, `value` for a
    single one.

    Raises:
        CallFailed: if there are no numbers in it.
    """
    import numpy as np

    if isinstance(result, Mapping):
        named = {str(name): value for name, value in result.items()}
    elif isinstance(result, Sequence) and not isinstance(result, str) and any(np.ndim(item) > 0 for item in result):
        named = {str(place): value for place, value in enumerate(result)}
    else:
        named = {WHOLE: result}
    arrays = {}
    for name, value in named.items():
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError
        except (TypeError, ValueError):
            where = "" if name == WHOLE else f" for {name!r}"
            raise CallFailed(f"returned {type(value).__name__}{where}, which is not an array of real numbers") from None
        arrays[name] = array
    if not arrays:
        raise CallFailed("returned nothing")
    return arrays


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays as npz under a temporary name, flush them to the disk and move them into place."""
    import numpy as np

    # numpy.savez would take the names for its own arguments
    with replacing(path, durable=True) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


@contextmanager
def _inside(directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Work in a directory, with what is printed going to files there."""
    before = os.getcwd()
    changed = {name: os.environ.get(name) for name in environment}
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    try:
        for descriptor, name in ((1, STDOUT), (2, STDERR)):
            file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(file, descriptor)
            os.close(file)
        os.environ.update(environment)
        os.chdir(directory)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.chdir(before)
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        for name, value in changed.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
