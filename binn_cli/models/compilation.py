"""Ahead-of-time compilation, so that the time of compiling is known apart from the time of running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax

from binn_cli.models.compilation_cache import keep_entries_whole
from binn_cli.models.cores import one_blas_thread

keep_entries_whole()

MOST_EXECUTABLES = 24
"""Executables that one function keeps, the latest used: more than a run needs. Each holds memory maps, of which a
process may have 65,530, and a long sweep in one process compiles for many shapes."""


@dataclass
class Stopwatch:
    """Seconds spent compiling since it was made; a fit carries one through its calls."""

    compile_seconds: float = 0.0


_compiling = threading.Lock()
"""One thread compiles at a time: another one with the same shapes waits for the result, and no second is counted
twice."""


class CompiledFunction:
    """A function compiled once for each static setting and each family of argument shapes.

    Unlike `jax.jit`, a call reports what compiling cost, and never hides it in the run time. It returns when the result
    is there.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """`function` takes array pytrees as positional arguments and hashable settings as keywords."""
        self._function = function
        self._executables: dict[Hashable, Any] = {}
        self._built = 0

    def __call__(self, stopwatch: Stopwatch, *arguments: Any, **static: Hashable) -> Any:
        """Run on the arguments, compiling first if this is the first call of its kind."""
        arrays = jax.tree.map(jax.numpy.asarray, arguments)
        executable = self._executable(stopwatch, arrays, static)
        with one_blas_thread():
            return jax.block_until_ready(executable(*arrays))

    def _executable(self, stopwatch: Stopwatch, arrays: tuple[Any, ...], static: dict[str, Hashable]) -> Any:
        leaves, structure = jax.tree.flatten(arrays)
        key = (tuple(sorted(static.items())), structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves))
        with _compiling:
            executable = self._executables.pop(key, None)
            if executable is None:
                started = time.perf_counter()
                function = self._function

                def bound(*inner: Any) -> Any:
                    return function(*inner, **static)

                executable = jax.jit(bound).lower(*arrays).compile()
                stopwatch.compile_seconds += time.perf_counter() - started
                self._built += 1
            self._executables[key] = executable  # last again, as the latest used
            if len(self._executables) > MOST_EXECUTABLES:
                del self._executables[next(iter(self._executables))]
        return executable

    @property
    def compilations(self) -> int:
        """How many executables this process has built."""
        return self._built
