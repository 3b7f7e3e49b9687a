"""One run from checked settings to a finished results file."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from binn_cli import build
from binn_cli.compiled_code import cache_trouble_logged, prepare_jax
from binn_cli.config.compose import Settings
from binn_cli.config.schema.questions import asks_a_run
from binn_cli.errors import BinnError
from binn_cli.garbage import search_again
from binn_cli.models.freed_memory import keep_freed_memory
from binn_cli.neighbours import among_neighbours
from binn_cli.results.fate import INTERRUPTION, OUT_OF_MEMORY
from binn_cli.results.holder import LOG_NAME, held
from binn_cli.results.provenance import SIDE_BY_SIDE
from binn_cli.whole_file import write_whole

LOG = logging.getLogger("binn")
SAME_WISH_SECONDS = 1.0
"""Signals that come so soon after one another mean the same."""


class RunFailed(BinnError):
    """A run that ended early; the reason is in its results file and its log."""


class Interrupted(RunFailed):
    """A run that the user or the system stopped."""


def execute(
    settings: Settings,
    directory: Path,
    *,
    live: bool,
    resuming: bool = False,
    why_stopped: Callable[[], str | None] = lambda: None,
    listeners: Sequence[Any] = (),
) -> Path:
    """Run a task in a directory that is this run's own.

    Args:
        settings: what to run.
        directory: where everything is written.
        live: whether progress is shown on stderr.
        resuming: whether the directory holds an interrupted run that goes on.
        why_stopped: asked when the run is told to stop; None stands for the user or the system.
        listeners: who else is to hear of the run; see `binn_cli.results.recorder.Listener`.

    Returns:
        The path of the results file.

    Raises:
        BinnError: if the directory cannot be written to, or another process is working on it.
        RunFailed: if the run failed; what it had is kept.
        Interrupted: if it was stopped by Ctrl-C or SIGTERM.
    """
    prepare_jax()
    keep_freed_memory()
    with ExitStack() as stack:
        try:
            stack.enter_context(held(directory))
            if not resuming:
                write_whole(directory / "config.yaml", settings.yaml)
            stack.enter_context(logging_to(directory / LOG_NAME, settings.verbose))
        except OSError as error:
            raise BinnError(f"{directory}: cannot be written ({error.strerror})") from error
        stack.enter_context(cache_trouble_logged())
        interruption = stack.enter_context(_interruptible(why_stopped))
        neighbours = stack.enter_context(among_neighbours())
        try:
            recorder = _opened(settings, directory, resuming)
            recorder.ask_at_the_end(SIDE_BY_SIDE, neighbours.count)
            return _recorded(settings, recorder, interruption, listeners, live=live)
        except BinnError:
            LOG.exception("failed")
            raise
        except Exception as error:
            LOG.exception("failed")
            if isinstance(error, MemoryError):
                raise RunFailed(
                    f"the run needs more memory than there is ({error}); make the data or the model smaller"
                ) from error
            raise RunFailed(
                f"the run failed with {reason_of(error)}; the traceback is in {directory / LOG_NAME}"
            ) from error


def _opened(settings: Settings, directory: Path, resuming: bool) -> Any:
    """The recorder of the run."""
    from binn_cli.results.record import Header
    from binn_cli.results.recorder import Recorder

    header = Header(
        task=settings.task.name,
        dataset=settings.dataset.name,
        model=settings.model.name,
        config_id=settings.config_id,
        seed=settings.seed,
        config=settings.yaml,
    )
    LOG.info(
        "%s task=%s dataset=%s model=%s",
        "resuming" if resuming else "starting",
        header.task,
        header.dataset,
        header.model,
    )
    return Recorder.reopen(directory) if resuming else Recorder(directory, header)


def _recorded(
    settings: Settings, recorder: Any, interruption: _Interruption, listeners: Sequence[Any], *, live: bool
) -> Path:
    directory = recorder.path.parent
    if settings.output.figures:
        from binn_cli.views.drawing import stand_by

        stand_by()
    try:
        with ExitStack() as stack:
            if live:
                from binn_cli.views.console.live import LiveView

                recorder.subscribe(
                    stack.enter_context(LiveView(recorder.record.header, calls=lambda: recorder.record.calls))
                )
            for listener in (*listeners, interruption):
                recorder.subscribe(listener)
            _run(settings, recorder, interruption.reason)
    except KeyboardInterrupt as error:
        kept = len(recorder.record.steps)
        steps = "no finished step" if kept == 0 else "1 finished step" if kept == 1 else f"{kept} finished steps"
        command = shlex.join(["binn", "resume", str(directory)])
        raise Interrupted(f"interrupted: {steps} kept in {recorder.path}; go on with: {command}") from error
    finished = drawing_of(directory) if settings.output.figures else None
    if live:
        from binn_cli.views.console.tables import summarise

        summarise(recorder.record)
    if finished is not None:
        finished()  # after the tables, which are what one waits for
    return Path(recorder.path)


def _run(settings: Settings, recorder: Any, why_stopped: Callable[[], str]) -> None:
    """Run the task; whatever ends it, the results file says how."""
    try:
        from binn_cli.asked import identity, source_of

        task = build.task(settings)
        if asks_a_run(settings.task):
            recorder.identify(identity(settings))
            source, record = source_of(settings)
            recorder.note(record.header.note)
            search_again()
            task.ask(source, recorder)
            recorder.finish("complete", None)
            LOG.info("complete")
            return
        dataset = build.dataset(settings)
        if dataset.note:
            LOG.info("the data of %s are %s", settings.dataset.name, dataset.note)
        recorder.note(dataset.note)
        recorder.identify(build.data_identity(settings, dataset))
        recorder.write_rarely()
        model = build.model(settings)
        search_again()  # all is imported
        task.run(dataset, model, recorder)
        recorder.finish("complete", None)
        LOG.info("complete")
    except BaseException as error:
        _finish_failed(recorder, why_stopped() if isinstance(error, KeyboardInterrupt) else reason_of(error))
        raise


def reason_of(error: BaseException) -> str:
    """Why a run failed, as its results file says it."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return f"{OUT_OF_MEMORY}: {' '.join(str(error).split())}"[:300]
    text = str(error) if isinstance(error, BinnError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def _finish_failed(recorder: Any, reason: str) -> None:
    """Mark the results as failed; the first error matters more than one that this may raise (a full disk raises
    both)."""
    try:
        recorder.finish("failed", reason)
    except Exception:
        LOG.exception("the results file could not be marked as failed")


def drawing_of(directory: Path) -> Callable[[], None]:
    """Begin to draw the figures, if a process for that stands by; gives what waits for them.

    The results are complete without them, so a failure is told and nothing more.
    """
    from binn_cli.views.drawing import begun

    finished = begun(directory)

    def wait() -> None:
        """Return when the figures are drawn; tell where they could not be."""
        try:
            for path in finished():
                LOG.info("drew %s", path)
        except Exception as error:
            LOG.exception("the figures could not be drawn")
            print(
                f"the results are complete but the figures could not be drawn ({type(error).__name__}); see "
                f"{directory / LOG_NAME}",
                file=sys.stderr,
            )

    return wait


@contextmanager
def logging_to(path: Path, verbose: bool) -> Iterator[None]:
    """Write what the program logs to a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    # The root keeps to warnings: other libraries' debugging messages would drown the run's own.
    root.addHandler(handler)
    LOG.setLevel(logging.DEBUG if verbose else logging.INFO)
    propagating, LOG.propagate = LOG.propagate, False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        LOG.removeHandler(handler)
        LOG.propagate = propagating
        handler.close()


class _Interruption:
    """Ctrl-C and SIGTERM, with which a batch system stops a job: KeyboardInterrupt at once, so that the results are
    closed properly.

    As a listener of the recorder it raises again at the run's next word if the first one was lost: Python drops what is
    raised inside a callback of its garbage collector, and JAX has such a callback.
    """

    def __init__(self, why: Callable[[], str | None]) -> None:
        self._asked = False
        self._asked_at = 0.0
        self._why = why

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # A terminal sends Ctrl-C to every process, and the one that waits for this run passes it on: that is one wish.
        if self._asked and time.monotonic() - self._asked_at < SAME_WISH_SECONDS:
            return
        self._asked, self._asked_at = True, time.monotonic()
        raise KeyboardInterrupt

    def reason(self) -> str:
        """Why the run was told to stop."""
        return self._why() or INTERRUPTION

    def _heed(self) -> None:
        if self._asked:
            raise KeyboardInterrupt

    def on_note(self, note: str) -> None:
        self._heed()

    def on_data(self, line: str) -> None:
        self._heed()

    def on_plan(self, total: int) -> None:
        self._heed()

    def on_announce(self, message: str, done: int, total: int) -> None:
        self._heed()

    def on_step(self, index: int, step: Any) -> None:
        self._heed()

    def on_finish(self, status: str, reason: str | None) -> None:
        """The run is over."""


@contextmanager
def _interruptible(why: Callable[[], str | None]) -> Iterator[_Interruption]:
    interruption = _Interruption(why)
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, interruption)
    # A shell starts background jobs with Ctrl-C ignored, and so it stays.
    if before[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, interruption)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
