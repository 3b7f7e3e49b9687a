"""Several calls at once: one worker process for each, driven by threads, so that all are busy while there is work."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from binn_cli.datasets.simulator.call_store import (
    FAILED,
    LOCK,
    TIMED_OUT,
    Attempt,
    CallRecord,
    read_record,
    write_record,
)
from binn_cli.datasets.simulator.errors import SimulatorError, SolverGone
from binn_cli.datasets.simulator.solvers import last_words

SLACK_SECONDS = 10.0
"""How long past its time a worker may take to end a call before it is ended itself."""
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """A call to be made.

    Attributes:
        key: whatever tells it apart.
        folder: the folder of its case.
        case: what a worker needs to know of it.
        timeout: seconds that an attempt may take, None for no limit.
        allowed: how many attempts there may be in all.
    """

    key: Any
    folder: Path
    case: Mapping[str, Any]
    timeout: float | None
    allowed: int


@dataclass(frozen=True)
class Event:
    """What happened to a job.

    Attributes:
        kind: `waiting` for another process that has the same case, `started`, or `ended`.
        job: the job.
        record: how it ended, where it did.
    """

    kind: str
    job: Job
    record: CallRecord | None = None


class _Process:
    """A worker process."""

    def __init__(self, solver: Mapping[str, Any], start: Path) -> None:
        command = [sys.executable, "-m", "binn_cli.datasets.simulator.worker"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=start,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.send({"solver": solver})

    def send(self, request: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def heard(self) -> dict[str, Any] | None:
        """The next answer, None where the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        try:
            return dict(json.loads(line)) if line else None
        except ValueError:
            return None

    def end(self, number: int = signal.SIGTERM) -> None:
        """Tell it to end, with what it runs."""
        with suppress(OSError):
            self.process.send_signal(number)


class CallPool:
    """Runs jobs on at most `at_once` workers."""

    def __init__(self, solver: Mapping[str, Any], at_once: int) -> None:
        """Nothing is started before there is work.

        Args:
            solver: what a worker needs to know of the solver.
            at_once: how many calls may run at the same time.
        """
        self._solver = dict(solver)
        self._start = Path(solver["start"])
        self._at_once = at_once
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def prepare(self) -> dict[str, Any]:
        """Start a first worker, which says whether the solver can be called, and what it says of itself.

        Raises:
            SimulatorError: if it cannot.
        """
        process = self._started()
        with self._lock:
            self._idle.append(process)
        return self._solver

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run jobs in their order and give events as they happen, until all have ended.

        Raises:
            SimulatorError: if the solver cannot be called.
            SolverGone: if it no longer can; jobs that run then are waited for.
        """
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        count = min(self._at_once, len(jobs))
        threads = [threading.Thread(target=self._work, args=(waiting, events), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        trouble: BaseException | None = None
        try:
            while count:
                # A timeout lets Ctrl-C through.
                with suppress(queue.Empty):
                    event = events.get(timeout=0.5)
                    if event is None:
                        count -= 1
                    elif isinstance(event, BaseException):
                        trouble = trouble or event
                        _emptied(waiting)
                    else:
                        yield event
        except BaseException:
            _emptied(waiting)
            self.close()
            raise
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """End all workers, and what they run; a call that is ended so has not been made."""
        with self._lock:
            self._stopping = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for process in (*idle, *busy):
            process.end()
        deadline = time.monotonic() + STOP_SECONDS
        for process in (*idle, *busy):
            try:
                process.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.end(signal.SIGKILL)
                process.process.wait()

    def _started(self) -> _Process:
        process = _Process(self._solver, self._start)
        with self._lock:
            self._busy.add(process)
        try:
            answer = process.heard()
        finally:
            with self._lock:
                self._busy.discard(process)
        if answer is None:
            process.process.wait()
            raise SimulatorError("dataset.simulator", "the process that calls the solver ended before it was ready")
        if "unusable" in answer:
            process.end()
            if answer["gone"]:
                raise SolverGone(answer["unusable"])
            raise SimulatorError(f"dataset.{self._solver['kind']}", answer["unusable"])
        # Sizes are asked once, not by every worker.
        self._solver |= answer["ready"]
        return process

    def _work(self, waiting: queue.SimpleQueue[Job], events: queue.SimpleQueue[Event | BaseException | None]) -> None:
        try:
            while not self._stopping:
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    break
                self._run(job, events)
        except BaseException as error:
            events.put(error)
        finally:
            events.put(None)

    def _run(self, job: Job, events: queue.SimpleQueue[Event | BaseException | None]) -> None:
        """Run one job to its end, with new workers in place of those that end while they work on it."""
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None or process.process.poll() is not None:
                process = self._started()
            with self._lock:
                self._busy.add(process)
            known = read_record(job.folder)
            before = len(known.attempts) if known else 0
            process.send({"folder": str(job.folder), "case": job.case, "timeout": job.timeout, "allowed": job.allowed})
            ended = self._followed(process, job, events)
            with self._lock:
                self._busy.discard(process)
                if ended and not self._stopping:
                    self._idle.append(process)
            if self._stopping:
                return
            record = read_record(job.folder) if ended else self._after_a_death(process, job, before)
            if record is not None and (record.last.status == "complete" or len(record.attempts) >= job.allowed):
                events.put(Event("ended", job, record))
                return

    def _followed(self, process: _Process, job: Job, events: queue.SimpleQueue[Event | BaseException | None]) -> bool:
        """Wait until a worker has done a job; False where it ended instead."""
        watch: threading.Timer | None = None
        try:
            while True:
                answer = process.heard()
                if answer is None:
                    return False
                if "gone" in answer:
                    raise SolverGone(answer["gone"])
                if "broken" in answer:
                    raise SimulatorError("dataset.store", f"the calls cannot be kept: {answer['broken']}")
                if "ended" in answer:
                    return True
                events.put(Event("waiting" if "waiting" in answer else "started", job))
                if watch is not None:
                    watch.cancel()
                if "started" in answer and job.timeout is not None:
                    # For a callable that never lets Python's own threads run.
                    watch = threading.Timer(job.timeout + SLACK_SECONDS, process.end, (signal.SIGKILL,))
                    watch.daemon = True
                    watch.start()
        finally:
            if watch is not None:
                watch.cancel()

    def _after_a_death(self, process: _Process, job: Job, before: int) -> CallRecord | None:
        """The record of a case whose worker has ended, with the attempt that it died of, unless it wrote that
        itself."""
        code = process.process.wait()
        with FileLock(str(job.folder / LOCK)):
            record = read_record(job.folder) or CallRecord(job.case["parameters"])
            if len(record.attempts) > before:
                return record
            directory = _latest(job.folder)
            if directory is None:
                return None
            began = directory.stat().st_mtime
            seconds = max(0.0, time.time() - began)
            late = job.timeout is not None and seconds > job.timeout
            how = f"signal {-code} ({_name(-code)})" if code < 0 else f"status {code}"
            reason = (
                f"took longer than the {job.timeout:g} s that dataset.timeout allows"
                if late
                else f"the process that ran it ended with {how}{last_words(directory)}"
            )
            record = record.with_attempt(Attempt(TIMED_OUT if late else FAILED, directory.name, seconds, reason))
            write_record(job.folder, record)
            return record


def _latest(folder: Path) -> Path | None:
    found = sorted(folder.glob("attempt-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return found[-1] if found else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _emptied(waiting: queue.SimpleQueue[Job]) -> None:
    with suppress(queue.Empty):
        while True:
            waiting.get_nowait()
