"""The process that runs calls: one after the other, told on its stdin, one line of JSON each; started by
`call_pool.py`.

It holds the lock of a case while it works on it and writes down how each attempt ended. It is in a session of its own
and ends when its stdin does, so that a call goes on to its end, and is kept, if the program that asked for it is killed
meanwhile.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from binn_cli.datasets.simulator.call_store import (
    COMPLETE,
    FAILED,
    LOCK,
    TIMED_OUT,
    Attempt,
    CallRecord,
    read_record,
    write_record,
)
from binn_cli.datasets.simulator.errors import CallFailed, CallTimedOut, SolverGone, SolverUnusable
from binn_cli.datasets.simulator.solvers import Runner, runner_of


def attempt_directory(folder: Path) -> Path:
    """A new working directory for the next attempt; killed attempts leave theirs behind."""
    number = 1
    while True:
        directory = folder / f"attempt-{number}"
        try:
            directory.mkdir()
        except FileExistsError:
            number += 1
            continue
        return directory


class Worker:
    """Runs the calls of one solver."""

    def __init__(self, channel: TextIO) -> None:
        """`channel` is where answers go, a line each."""
        self._channel = channel
        self._runner: Runner | None = None
        self._ending = threading.Lock()

    def answer(self, **content: Any) -> None:
        """Send one line; if nobody listens any more the work goes on."""
        with suppress(OSError):
            self._channel.write(json.dumps(content) + "\n")
            self._channel.flush()

    def prepare(self, solver: Mapping[str, Any]) -> None:
        """Get the solver ready, and say what it says of itself or why it cannot be used."""
        try:
            self._runner = runner_of(solver)
            self.answer(ready=self._runner.prepare())
        except (SolverUnusable, SolverGone) as error:
            self.answer(unusable=str(error), gone=isinstance(error, SolverGone))

    def call(self, folder: Path, case: Mapping[str, Any], timeout: float | None, allowed: int) -> None:
        """Run a case until it completes or `allowed` attempts have been made, unless somebody else has or does."""
        lock = FileLock(str(folder / LOCK))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self.answer(waiting=True)
            lock.acquire(poll_interval=0.05)
        try:
            record = read_record(folder) or CallRecord(case["parameters"])
            while not record.attempts or (record.last.status != COMPLETE and len(record.attempts) < allowed):
                record = record.with_attempt(self._attempt(folder, case, timeout, record))
                with self._ending:
                    write_record(folder, record)
        except SolverGone as error:
            self.answer(gone=str(error))
            return
        except OSError as error:
            self.answer(broken=f"{error.filename or folder}: {error.strerror or error}")
            return
        finally:
            lock.release()
        self.answer(ended=True)

    def _attempt(self, folder: Path, case: Mapping[str, Any], timeout: float | None, record: CallRecord) -> Attempt:
        assert self._runner is not None
        directory = attempt_directory(folder)
        started, began = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        self.answer(started=directory.name)

        def ended(status: str, reason: str = "") -> Attempt:
            return Attempt(status, directory.name, time.monotonic() - began, reason, started)

        watch = None
        if timeout is not None and not self._runner.keeps_time:
            # What runs in this very process can only be ended together with it.
            def give_up() -> None:
                self._ending.acquire()
                write_record(folder, record.with_attempt(ended(TIMED_OUT, limit_reached(timeout))))
                os._exit(1)

            watch = threading.Timer(timeout, give_up)
            watch.daemon = True
            watch.start()
        try:
            self._runner.run(directory, case, timeout)
        except CallTimedOut as error:
            return ended(TIMED_OUT, str(error))
        except CallFailed as error:
            return ended(FAILED, str(error))
        finally:
            if watch is not None:
                watch.cancel()
        return ended(COMPLETE)


def limit_reached(timeout: float) -> str:
    """The sentence about a call that took too long."""
    return f"took longer than the {timeout:g} s that dataset.timeout allows"


def main() -> None:
    """Serve until stdin ends."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    for descriptor in (
        0,
        1,
    ):  # what a callable prints must not be taken for an answer, nor may it read what is meant for this loop
        os.dup2(nowhere, descriptor)
    worker = Worker(channel)

    def stop(number: int, frame: object) -> None:
        if worker._runner is not None:
            worker._runner.stop()
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C is the business of whoever asked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in requests:
        request = json.loads(line)
        if "solver" in request:
            worker.prepare(request["solver"])
        else:
            worker.call(Path(request["folder"]), request["case"], request["timeout"], request["allowed"])


if __name__ == "__main__":
    main()
