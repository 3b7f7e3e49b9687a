"""Work shared with a twin of this process, which a fork makes in a few hundredths of a second.

Two threads gain nothing where arrays are small: at 18,000 numbers an array, one waits for the other's lock on Python as
long as it computes. A twin has a Python of its own, and all data without a copy. It is made only where a program of
ours asked for it: in a process of somebody else's it could meet threads that hold locks for ever.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TypeVar

from binn_cli.cores import available_cores
from binn_cli.models.cores import second_core_taken

Item = TypeVar("Item")
Answer = TypeVar("Answer")

STOPS = {signal.SIGINT, signal.SIGTERM}

PATIENCE, TIMES = 30.0, 10.0
"""Seconds that a twin is waited for, and how many times as long as this process has worked beside it: one that met a
lock which nobody will release would be waited for without end."""

PLACE, MOST_ITEMS = 4, 1000
"""Bytes of the place of an item, and most items: their places fit into a pipe."""

_allowed = False


@contextlib.contextmanager
def twins_allowed() -> Iterator[None]:
    """Within, work may be shared with twins of this process, where there is a second core for one."""
    global _allowed
    before, _allowed = _allowed, sys.platform == "linux"
    try:
        yield
    finally:
        _allowed = before


def side_by_side(function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """Results in the order of the items, of which a twin of this process, where that is allowed, takes one whenever it
    is free: for work of a twentieth of a second and more, none of which is then shared out again.

    What the twin fails to do is done here, where errors are raised and told.
    """
    if not 2 <= len(items) <= MOST_ITEMS or not _allowed or available_cores() < 2 or "jax" in sys.modules:
        return [function(item) for item in items]
    with _alone(), second_core_taken():
        twin, began = _Twin(function, items), time.monotonic()
        try:
            found = dict(twin.taken(function, items))
            found |= twin.answers(PATIENCE + TIMES * (time.monotonic() - began))
        finally:
            twin.end()
        return [found[i] if i in found else function(item) for i, item in enumerate(items)]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    global _allowed
    before, _allowed = _allowed, False
    try:
        yield
    finally:
        _allowed = before


class _Twin:
    """A fork of this process that works on items; places of those that nobody has begun wait in a pipe."""

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self._number = 0
        self._places, places = os.pipe()
        os.write(places, b"".join(place.to_bytes(PLACE) for place in range(len(items))))
        os.close(places)
        self._answers, answers = os.pipe()
        # Until the twin has settled what signals mean to it, none may interrupt it: it would go on as this process.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            with warnings.catch_warnings():
                # Threads of ours hold no lock that the twin asks for: they show progress, or wait for work.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._number = os.fork()
            if self._number == 0:
                self._work(function, items, answers)
        except OSError:  # no more processes, or no memory for one
            pass
        finally:
            os.close(answers)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def taken(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Places and results of the items that whoever asks has worked on, until none waits."""
        while place := os.read(self._places, PLACE):
            index = int.from_bytes(place)
            yield index, function(items[index])

    def answers(self, seconds: float) -> dict[int, Any]:
        """Places and results of the items that the twin has worked on; none where it failed, or says nothing for so
        long."""
        if not self._number or not select.select([self._answers], [], [], seconds)[0]:
            return {}
        with os.fdopen(os.dup(self._answers), "rb") as pipe:
            try:
                found: dict[int, Any] = pickle.load(pipe)
                return found
            except (EOFError, pickle.UnpicklingError):
                return {}

    def end(self) -> None:
        """End it, whatever it does."""
        os.close(self._answers)
        os.close(self._places)
        if self._number:
            with contextlib.suppress(OSError):
                os.kill(self._number, signal.SIGKILL)
                os.waitpid(self._number, 0)

    def _work(self, function: Callable[[Any], Any], items: Sequence[Any], answers: int) -> NoReturn:
        """What the twin does; it never returns, and says nothing to anybody but its pipe."""
        try:
            # Ctrl-C is for the process that it is a twin of, and which ends it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            found = pickle.dumps(dict(self.taken(function, items)), protocol=pickle.HIGHEST_PROTOCOL)
            with os.fdopen(answers, "wb") as pipe:
                pipe.write(found)
        finally:
            os._exit(0)
