"""A sweep while it goes on, whatever launches its jobs: one screen in a terminal, plain lines elsewhere; all of it read
from the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from binn_cli.results.fate import RUNNING, Fate, fate_of, fates_of, varied
from binn_cli.results.job_file import FILE_NAME, Job, read_job
from binn_cli.results.progress import Progress, progress_of
from binn_cli.views.console import quantities
from binn_cli.views.console.fates import COLOURS, line_of
from binn_cli.views.console.streams import Notices

LOOK_SECONDS = 0.5
MOST_ROWS = 16
"""Running jobs that are shown at once."""


@dataclass
class Running:
    """A job that has begun.

    Attributes:
        directory: its run's.
        since: when it was first seen, of a clock that nobody sets.
    """

    directory: Path
    since: float = field(default_factory=time.monotonic)


class SweepView:
    """Looks at the directory of a sweep now and then; a context manager around the launch of its jobs."""

    def __init__(self, directory: Path, jobs: Sequence[int], total: int, console: Console | None = None) -> None:
        """`jobs` are the numbers of those that are launched, `total` how many the sweep has; `console` is stderr unless
        given."""
        self._directory = directory
        self._left = set(jobs)
        self._launched = len(self._left)
        self._total = total
        self._console = console or Notices()
        self._running: dict[int, Running] = {}
        self._ended: list[Fate] = []
        self._took: list[float] = []
        self._seen: set[Path] = set()
        self._before: dict[Path, Job | None] = {}
        self._labels: dict[int, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._began = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> SweepView:
        fates = fates_of(self._directory)
        self._labels = {
            fate.job: label for fate, label in zip(fates, varied(fates), strict=True) if fate.job is not None
        }
        # What lay there before the launch is no news.
        self._seen = {fate.directory for fate in fates if fate.directory is not None and fate.job not in self._left}
        self._before = {path.parent: read_job(path.parent) for path in self._files()}
        skipped = self._total - self._launched
        rest = f", {skipped} not needed" if skipped else ""
        self._line(f"{self._directory}: {self._launched} {'job' if self._launched == 1 else 'jobs'} to run{rest}")
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                transient=True,
                redirect_stdout=False,
                refresh_per_second=4,
                get_renderable=self._screen,
            )
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._look()
        if self._live is not None:
            self._live.stop()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except OSError:
                continue  # somebody removes a directory while it is being read

    def _look(self) -> None:
        """Take note of what has begun and of what has ended."""
        for path in self._files():
            directory = path.parent
            if directory in self._seen:
                continue
            job = read_job(directory)
            if job is None or job.job not in self._left:
                continue
            if job == self._before.get(directory):
                continue  # how the attempt before went, in the place where the job goes on
            if job.status == RUNNING:
                if job.job not in self._running:
                    self._running[job.job] = Running(directory)
                    if self._live is None:
                        label = self._labels.get(job.job, "")
                        self._line(f"job {job.job} begins" + (f" ({label})" if label else ""))
                continue
            if job.job not in self._running and not job.seconds:
                continue
            self._seen.add(directory)
            self._running.pop(job.job, None)
            self._left.discard(job.job)
            self._end(directory)

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob(f"*/{FILE_NAME}"))

    def _end(self, directory: Path) -> None:
        fate = fate_of(directory)
        self._ended.append(fate)
        self._took.append(fate.seconds)
        label = self._labels.get(fate.job if fate.job is not None else -1, "")
        self._line(line_of(fate, label), style=COLOURS.get(fate.status, "") if not fate.succeeded else "")

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)

    def _screen(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for number, running in sorted(self._running.items())[:MOST_ROWS]:
            table.add_row(*self._row(number, running, progress_of(running.directory)))
        hidden = len(self._running) - MOST_ROWS
        more = [Text(f"and {hidden} more running", style="dim")] if hidden > 0 else []
        return Group(Text(self._headline(), style="bold"), table, *more)

    def _row(self, number: int, running: Running, progress: Progress) -> list[RenderableType]:
        took = quantities.seconds(time.monotonic() - running.since)
        bar = ProgressBar(total=progress.total or None, completed=progress.done, width=12, pulse=not progress.total)
        steps = f"{progress.done}/{progress.total}" if progress.total else ""
        return [
            f"job {number}",
            escape(self._labels.get(number, "")),
            bar,
            steps,
            took,
            Text(progress.message, style="dim", overflow="ellipsis"),
        ]

    def _headline(self) -> str:
        failed = sum(not fate.succeeded for fate in self._ended)
        parts = [f"{len(self._ended)} of {self._launched} jobs done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{len(self._running)} running"]
        left = self._time_left()
        return "  ".join(parts + ([f"about {quantities.roughly(left)} left"] if left is not None else []))

    def _time_left(self) -> float | None:
        """What the jobs to come should take, if they take as long as those that have ended, and as many run at once."""
        if not self._took or not self._left:
            return None
        each, at_once = sum(self._took) / len(self._took), max(len(self._running), 1)
        begun = sum(min(time.monotonic() - running.since, each) for running in self._running.values())
        return max((each * len(self._left) - begun) / at_once, 0.0)
