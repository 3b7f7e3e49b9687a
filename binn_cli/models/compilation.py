"""Ahead-of-time compilation, so that the time of compiling is known apart from the time of running."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import jax
from threadpoolctl import ThreadpoolController

MOST_EXECUTABLES = 24
"""Executables that one function keeps, the latest used: more than a run needs. Each holds memory maps, of which a process may have 65,530,
and a long sweep in one process compiles for many shapes."""


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """The BLAS libraries, SciPy's among them: JAX factorises with it, but loads it only for the first function that does."""
    importlib.import_module("scipy.linalg.cython_lapack")
    return ThreadpoolController()


class _OneThread:
    """The limit on BLAS threads, which several of our threads may ask for: set by the first, lifted by the last."""

    def __init__(self) -> None:
        self._lock, self._holders, self._limit = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._holders == 0:
                self._limit.enter_context(_thread_pools().limit(limits=1, user_api="blas"))
            self._holders += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._limit.close()


_one_thread = _OneThread()


def one_blas_thread() -> AbstractContextManager[None]:
    """Small factorisations on one thread.

    LAPACK's own threads gain nothing on them, and where another process uses the same cores they wait for one another in busy loops: a
    fit of 1 s then took 12 s.
    """
    return _one_thread


def available_cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped_ahead(function: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """Results in the order of the items, so many worked on at once and one more waiting."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass
class Stopwatch:
    """Seconds spent compiling since it was made; a fit carries one through its calls."""

    compile_seconds: float = 0.0


_compiling = threading.Lock()
"""One thread compiles at a time: another one with the same shapes waits for the result, and no second is counted twice."""


class CompiledFunction:
    """A function compiled once for each static setting and each family of argument shapes.

    Unlike `jax.jit`, a call reports what compiling cost, and never hides it in the run time. It returns when the result is there.
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

    def each(self, stopwatch: Stopwatch, shared: Sequence[Any], own: Sequence[Any], **static: Hashable) -> list[Any]:
        """Results for several last arguments of the same shapes, on all cores at once; `shared` come before the last one."""
        common = jax.tree.map(jax.numpy.asarray, tuple(shared))
        return list(mapped_ahead(lambda last: self(stopwatch, *common, last, **static), own, min(len(own), available_cores())))

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
