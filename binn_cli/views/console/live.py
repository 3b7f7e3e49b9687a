"""A run while it goes on: a progress line in a terminal, one plain line per step elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from binn_cli.results.calls import Calls
from binn_cli.results.record import EXPECTED_GAIN, PREDICTED_RMSE, Header, Step, judging
from binn_cli.views.console import quantities
from binn_cli.views.console.streams import Notices


class LiveView:
    """A listener of a recorder that shows progress on stderr, so that stdout stays for the result.

    Use it as a context manager: leaving it gives the terminal back, also after an error.
    """

    def __init__(
        self, header: Header, console: Console | None = None, calls: Callable[[], Calls | None] = lambda: None
    ) -> None:
        """`console` is where to show the run, by default stderr; `calls` gives what a solver was asked for so far."""
        self._header, self._calls = header, calls
        self._console = console or Notices()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._total: int | None = None
        self._status = ""
        self._since = time.monotonic()
        self._durations: deque[float] = deque(maxlen=5)
        self._announced: set[str] = set()
        self._warned: set[str] = set()

    def __enter__(self) -> LiveView:
        self._since = time.monotonic()
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=10), TimeElapsedColumn())
            # stdout is not ours: its last line is the path of the results
            self._progress = Progress(*columns, console=self._console, transient=True, redirect_stdout=False)
            self._bar = self._progress.add_task(escape(self._title()), total=None)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def on_note(self, note: str) -> None:
        """Call the data so from now on."""
        self._header = replace(self._header, note=note)
        self._describe("")

    def on_data(self, line: str) -> None:
        """Say what was read, once and for all."""
        self._line(f"data: {line}")

    def on_plan(self, total: int) -> None:
        """Know how many steps there will be."""
        self._total = total
        # what went before is the start of the program
        self._since = time.monotonic()
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, total=total)

    def on_announce(self, message: str, done: int, total: int) -> None:
        """Show what is being done inside a step; elsewhere than in a terminal only the first time."""
        if self._progress is not None:
            self._describe(f"{message} {done}/{total}")
        elif message not in self._announced:
            self._announced.add(message)
            self._line(f"{self._title()}  {message}")

    def on_step(self, index: int, step: Step) -> None:
        """Show the step's scores and estimate the time left."""
        now = time.monotonic()
        # Compilation and the first simulations are paid once: they say nothing about the steps to come.
        once = sum(step.timings.get(phase, 0.0) for phase in ("compile", "data")) if index == 0 else 0.0
        self._durations.append(max(now - self._since - once, 0.0))
        self._since = now
        place, left = self._place(index, step), self._time_left(index)
        if index + 1 != self._total:  # behind the last step the tables repeat all warnings
            self._warn(step)
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=index + 1)
            # a narrow terminal cuts the end off, so what matters most comes first
            self._status = "  ".join(part for part in (place, left, *self._facts(step)) if part)
            self._describe("")
        else:
            self._line("  ".join(part for part in (self._title(), place, *self._facts(step), left) if part))

    def on_finish(self, status: str, reason: str | None) -> None:
        """Give the terminal back."""
        self._stop()

    def _title(self) -> str:
        return f"{self._header.task} · {self._header.data} · {self._header.model}"

    def _place(self, index: int, step: Step) -> str:
        if "round" in step.coordinates:
            last = "" if self._total is None else f"/{self._total - 1}"
            return f"round {step.coordinates['round']:g}{last}"
        if "size" in step.coordinates:
            return f"size {step.coordinates['size']:,.0f}"
        return f"step {index + 1}" + ("" if self._total is None else f"/{self._total}")

    def _time_left(self, index: int) -> str:
        # sizes grow from step to step, so what they took says little about what is left
        if self._total is None or index + 1 >= self._total or self._header.task == "scaling":
            return ""
        return f"about {quantities.roughly(float(np.mean(self._durations)) * (self._total - index - 1))} left"

    def _facts(self, step: Step) -> list[str]:
        facts = [f"{step.n_train:,} points"] if step.n_train else []
        scores = step.metrics.get(judging(step.metrics), {})
        if "rmse" in scores:
            facts.append(f"RMSE {quantities.numbers(scores['rmse'])}")
        facts += _expectations(step)
        if "fit" in step.timings:
            fit = step.timings["fit"]
            facts.append(f"fit {quantities.seconds(fit)}" if np.isfinite(fit) else "not measured")
        if step.acquired:
            calls = self._calls()
            facts.append(f"chose {quantities.case(step.acquired, {} if calls is None else calls.choices)}")
        return facts

    def _describe(self, activity: str) -> None:
        if self._progress is not None and self._bar is not None:
            parts = (self._title(), activity, self._status)
            self._progress.update(self._bar, description=escape("  ".join(part for part in parts if part)))

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _warn(self, step: Step) -> None:
        """Every warning at once, but only the first time."""
        for warning in step.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self._console.print(
                    f"warning: {warning}", markup=False, highlight=False, soft_wrap=True, style="yellow"
                )

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _expectations(step: Step) -> list[str]:
    """The error that the surrogate expects of itself, and what one more simulation would make of it."""
    expected = step.diagnostics.get(PREDICTED_RMSE)
    if expected is None:
        return []
    gain = float(np.ravel(step.diagnostics.get(EXPECTED_GAIN, np.nan))[0])
    more = (
        f", {quantities.numbers(np.ravel(expected) * (1 - gain))} after one more simulation"
        if np.isfinite(gain)
        else ""
    )
    return [f"predicted RMSE {quantities.numbers(np.ravel(expected))}{more}"]
