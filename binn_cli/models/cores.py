"""The cores of this machine: how many there are, work shared out over them, and one BLAS thread each."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from binn_cli.cores import available_cores

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """The BLAS libraries, SciPy's among them: JAX factorises with it, but loads it only for the first function that
    does."""
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

    LAPACK's own threads gain nothing on them, and where another process uses the same cores they wait for one another
    in busy loops: a fit of 1 s then took 12 s.
    """
    return _one_thread


_taken = False


@contextlib.contextmanager
def second_core_taken() -> Iterator[None]:
    """Within, nothing is shared out to the second core, which has other work."""
    global _taken
    before, _taken = _taken, True
    try:
        yield
    finally:
        _taken = before


def _is_free() -> bool:
    """Whether there is a second core that no other work of this process was given."""
    return available_cores() > 1 and not _taken


@functools.cache
def _second_thread(process: int) -> ThreadPoolExecutor:
    """A thread that is kept; a forked process has none of its parent's."""
    del process
    return ThreadPoolExecutor(1, "second core")


def on_two_cores(function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """Results for one item, or for two at once: for work of milliseconds, for which a pool of threads is not worth
    starting."""
    if len(items) < 2 or not _is_free():
        return [function(item) for item in items]
    first, second = items
    later = _second_thread(os.getpid()).submit(function, second)
    return [function(first), later.result()]


def meanwhile(function: Callable[[], Answer]) -> Callable[[], Answer]:
    """What gives a function's result, which the second core, if there is one, finds while this one does other
    things."""
    if not _is_free():
        answer = function()
        return lambda: answer
    return _second_thread(os.getpid()).submit(contextvars.copy_context().run, function).result


def mapped_ahead(function: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """Results in the order of the items, so many worked on at once and one more waiting."""
    if not _is_free():
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
