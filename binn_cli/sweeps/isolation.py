"""One run in a process of its own: begun within milliseconds, ended when it exceeds a limit, and told apart however it
ends.

The processes are forked from one that has imported what every run needs and has computed nothing: a job then begins in
a fraction of the time that a new interpreter takes, and inherits neither memory nor settings of the jobs before it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from binn_cli import build
from binn_cli.config.compose import Settings
from binn_cli.config.schema import LimitsConfig
from binn_cli.results.fate import COMPLETE, FAILED, INTERRUPTED, INTERRUPTION, KILLED, OUT_OF_MEMORY, TIMED_OUT
from binn_cli.sweeps.memory import MemoryWatch

GRACE_SECONDS = 10.0
"""How long a run that is asked to stop may take to close its files before it is killed."""
POLL_SECONDS = 0.1

STANDARD_METHODS = ("fork", "forkserver", "spawn")

NEEDED = (
    "numpy",
    "h5py",
    "scipy.linalg",
    "jax",
    "binn_cli.execute",
    "binn_cli.results.recorder",
    "binn_cli.tasks.evaluation",
)
"""What every run imports."""


@dataclass(frozen=True)
class Request:
    """A run to be executed.

    Attributes:
        settings: what to run.
        directory: the run's own.
        resuming: whether it goes on.
        live: whether it shows its progress on stderr.
        environment: variables of the process.
    """

    settings: Settings
    directory: Path
    resuming: bool
    live: bool
    environment: dict[str, str]


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        status: `COMPLETE`, `FAILED`, or a fate of one that ended early.
        reason: why it is not complete, one sentence.
    """

    status: str
    reason: str = ""


class Stopped(KeyboardInterrupt):
    """The user or the system asked to stop, once; the run has ended as it should."""

    def __init__(self, end: End) -> None:
        """`end` is how the run ended."""
        super().__init__(end.reason)
        self.end = end


def warm_up(modules: tuple[str, ...] = ()) -> None:
    """Start the process from which runs are forked, which goes on importing while this one does other things.

    Args:
        modules: what the runs need beside `NEEDED`.
    """
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        context.set_forkserver_preload([*NEEDED, *modules])
        ensure_running()


def modules_of(settings: Settings) -> tuple[str, ...]:
    """The modules of the classes that a run is built from."""
    chosen = {"dataset": settings.dataset.name, "model": settings.model.name, "task": settings.task.name}
    return tuple(build.CLASSES[group][name].partition(":")[0] for group, name in chosen.items())


def _context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


@contextmanager
def _known_start_method() -> Iterator[None]:
    """Let the new process know how processes are started here: it would not know joblib's way, which it is told
    otherwise."""
    before = multiprocessing.get_start_method(allow_none=True)
    if before in (None, *STANDARD_METHODS):
        yield
        return
    multiprocessing.set_start_method(_context().get_start_method(), force=True)
    try:
        yield
    finally:
        multiprocessing.set_start_method(before, force=True)


def supervised(request: Request, limits: LimitsConfig, stop_asked: Callable[[], str | None] = lambda: None) -> End:
    """Execute a run in a process of its own and wait for its end.

    Args:
        request: the run.
        limits: what it may cost.
        stop_asked: asked now and then; a reason makes the run stop as by Ctrl-C.

    Returns:
        How it ended.

    Raises:
        Stopped: if this process got SIGINT or SIGTERM; the run has ended by then. At the second one it is killed.
    """
    context = _context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(request, theirs), daemon=False)
    with _signals() as asked:
        with _known_start_method():
            process.start()
        theirs.close()
        watch = _Watch(process, ours, limits)
        while not watch.ended(POLL_SECONDS):
            watch.heed(asked.count, stop_asked)
        end = watch.end()
    process.close()
    if asked.count:
        raise Stopped(end)
    return end


class _Watch:
    """What is known of a process that is being waited for."""

    def __init__(self, process: Any, answers: Connection, limits: LimitsConfig) -> None:
        self._process, self._answers, self._limits = process, answers, limits
        self._began = time.monotonic()
        self._memory = MemoryWatch(process.pid)
        self._answer: End | None = None
        self._cause: End | None = None
        self._kill_at: float | None = None
        self._signalled = 0

    def ended(self, seconds: float) -> bool:
        """Whether the process is over, after waiting for it for at most so long."""
        wait([self._process.sentinel, *([self._answers] if self._answer is None else [])], seconds)
        self._listen()
        return not self._process.is_alive()

    def heed(self, signals: int, stop_asked: Callable[[], str | None]) -> None:
        """Stop the process if it must."""
        now = time.monotonic()
        if signals > self._signalled:
            self._signalled = signals
            # The terminal sends Ctrl-C to both; what the run gets twice it takes once.
            self._stop(End(INTERRUPTED, INTERRUPTION), grace=float("inf") if signals == 1 else 0.0)
        elif self._cause is None:
            if self._limits.seconds is not None and now - self._began > self._limits.seconds:
                self._stop(End(TIMED_OUT, f"timed out after {self._limits.seconds:g} s (limits.seconds)"))
            elif (
                self._limits.memory_gb is not None
                and (held := self._memory.held_bytes()) > self._limits.memory_gb * 1e9
            ):
                said = (
                    f"out of memory: it held {held / 1e9:.2f} GB, more than limits.memory_gb = "
                    f"{self._limits.memory_gb:g}"
                )
                self._stop(End(OUT_OF_MEMORY, said), grace=0.0)
            elif reason := stop_asked():
                self._stop(End(INTERRUPTED, f"interrupted: {reason}"))
        if self._kill_at is not None and now >= self._kill_at:
            self._memory.end_all()

    def end(self) -> End:
        """How the process ended."""
        self._process.join()
        self._listen()
        if self._answer is not None and (self._cause is None or self._answer.status == COMPLETE):
            return self._answer
        if self._cause is not None:
            return self._cause
        code = self._process.exitcode
        if code is not None and code < 0:
            if self._memory.system_ended_one():
                return End(OUT_OF_MEMORY, "out of memory: the system ended it, because the machine had none left")
            return End(KILLED, f"killed by {signal.Signals(-code).name}")
        return End(FAILED, f"its process ended with status {code} without a word")

    def _listen(self) -> None:
        try:
            while self._answer is None and self._answers.poll():
                self._answer = self._answers.recv()
        except (EOFError, OSError):
            pass

    def _stop(self, cause: End, grace: float | None = None) -> None:
        self._cause = self._cause or cause
        self._kill_at = time.monotonic() + (GRACE_SECONDS if grace is None else grace)
        if grace != 0.0:
            try:
                self._answers.send(cause.reason)
                os.kill(self._process.pid, signal.SIGTERM)
            except OSError:
                pass  # it has just ended


@dataclass
class _Asked:
    count: int = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


@contextmanager
def _signals() -> Iterator[_Asked]:
    """Count SIGINT and SIGTERM instead of being ended by them."""
    asked = _Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, asked)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(request: Request, answers: Connection) -> None:
    """What the process of a run does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(request.environment)
    from binn_cli.execute import Interrupted, execute
    from binn_cli.results.progress import ProgressFile

    def why() -> str | None:
        return answers.recv() if answers.poll() else None

    try:
        listeners = () if request.live else (ProgressFile(request.directory),)
        execute(
            request.settings,
            request.directory,
            live=request.live,
            resuming=request.resuming,
            why_stopped=why,
            listeners=listeners,
        )
        answers.send(End(COMPLETE))
    except (Interrupted, KeyboardInterrupt):
        answers.send(End(INTERRUPTED, INTERRUPTION))
    except Exception as error:
        answers.send(_failed(error))
    # What a library has registered for the end of a program must not keep a run waiting that has closed its files.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _failed(error: Exception) -> End:
    from binn_cli.config.explain import explained
    from binn_cli.execute import reason_of

    reason = reason_of(error.__cause__ if isinstance(error.__cause__, MemoryError) else error)
    return End(OUT_OF_MEMORY, reason) if reason.startswith(OUT_OF_MEMORY) else End(FAILED, explained(error, ()))


def _end_with_parent() -> None:
    """End at once when the process that waits for this one is gone: what is on the disk is whole, and nobody would hear
    of the rest."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)
