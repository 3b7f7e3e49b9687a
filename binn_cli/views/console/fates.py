"""What became of every job of a sweep, and what would become of it: as a table, and as lines where nobody looks at a
terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binn_cli.results.fate import (
    COMPLETE,
    FAILED,
    INTERRUPTED,
    KILLED,
    OUT_OF_MEMORY,
    RUNNING,
    SKIPPED,
    TIMED_OUT,
    UNREADABLE,
    Fate,
    counted,
    varied,
)
from binn_cli.results.head import Head
from binn_cli.results.index import heads_of
from binn_cli.views.console import quantities
from binn_cli.views.console.streams import Notices

COLOURS = {
    COMPLETE: "green",
    SKIPPED: "green",
    RUNNING: "yellow",
    **dict.fromkeys((FAILED, INTERRUPTED, TIMED_OUT, OUT_OF_MEMORY, KILLED, UNREADABLE), "red"),
}
MOST_ROWS = 60
"""Of longer sweeps the table at the end leaves out what went well."""

Planned = tuple[tuple[str, ...], str, str, Path | None]
"""Of a job its overrides, what is done about it, why, and the run that it concerns."""


def print_plan(jobs: Sequence[Planned], console: Console | None = None) -> None:
    """Print on stdout what would be done, and why."""
    from binn_cli.views.console.streams import Results

    console = console or Results()
    table = _headed(("job", "would", "why", "overrides"))
    labels = varied([Fate("", overrides=overrides) for overrides, *_ in jobs])
    for number, ((_, action, why, directory), label) in enumerate(zip(jobs, labels, strict=True)):
        place = "" if directory is None else f" ({directory})"
        table.add_row(str(number), action, escape(why + place), escape(label))
    console.print(table)
    actions = [action for _, action, *_ in jobs]
    console.print(
        "would "
        + ", ".join(f"{action}: {actions.count(action)}" for action in dict.fromkeys(actions))
        + "; nothing has been done",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def report_sweep(directory: Path, fates: Sequence[Fate]) -> None:
    """Print paths of results files on stdout, one a line in the order of the jobs; on stderr how each went, and what is
    published of it."""
    console = Notices()
    _print_published(fates)
    told = fates if len(fates) <= MOST_ROWS else [fate for fate in fates if not fate.succeeded]
    console.print(f"{directory}: {counted(fates)}", style="bold", markup=False, highlight=False, soft_wrap=True)
    if told:
        console.print(fate_table(told, fates))
    if len(told) < len(fates):
        command = shlex.join(["binn", "show", str(directory)])
        console.print(
            f"the others are complete; {command} lists all", style="dim", markup=False, highlight=False, soft_wrap=True
        )
    for fate in fates:
        if (path := fate.results) is not None:
            print(path)


def fate_table(fates: Sequence[Fate], among: Sequence[Fate] | None = None) -> Table:
    """A row for each job.

    Args:
        fates: the jobs to list.
        among: all jobs of the sweep, which decide what sets a job apart.
    """
    everyone = fates if among is None else among
    labels = {fate.job: label for fate, label in zip(everyone, varied(everyone), strict=True)}
    explained = any(map(_why, fates))
    table = _headed(("job", "fate", "took", "overrides", *(["why"] if explained else [])))
    for fate in fates:
        colour = COLOURS.get(fate.status, "default")
        took = quantities.seconds(fate.seconds) if fate.seconds else quantities.MISSING
        label = f"[{colour}]{fate.status}[/{colour}]"
        table.add_row(
            str(fate.job), label, took, escape(labels[fate.job]), *([escape(_why(fate))] if explained else [])
        )
    return table


def _why(fate: Fate) -> str:
    if fate.status == RUNNING:
        steps = f", {fate.steps} finished steps" if fate.steps else ""
        return f"since {local_time(fate.since)}{steps}"
    return fate.reason


def line_of(fate: Fate, label: str) -> str:
    """A job's end in one line."""
    took = f" after {quantities.seconds(fate.seconds)}" if fate.seconds else ""
    reason = f": {fate.reason}" if fate.reason and not fate.succeeded else ""
    return f"job {fate.job} {fate.status}{took}{f' ({label})' if label else ''}{reason}"


def local_time(utc: str) -> str:
    """A time of the results file as the clock on the wall shows it; the day too, unless it is today."""
    try:
        then = datetime.fromisoformat(utc).astimezone()
    except ValueError:
        return "an unknown time"
    today = datetime.now(UTC).astimezone().date()
    return f"{then:%H:%M:%S}" if then.date() == today else f"{then:%Y-%m-%d %H:%M}"


def _headed(names: Iterable[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        table.add_column(
            name,
            overflow="fold",
            no_wrap=name in ("job", "fate", "took", "would"),
            justify="right" if name == "job" else "left",
        )
    return table


def _print_published(fates: Sequence[Fate]) -> None:
    """Print what the jobs found beside what is published of the same, where something is."""
    files = [path for fate in fates if fate.succeeded and (path := fate.results) is not None]
    heads = {path: head for path, head in heads_of(files).items() if isinstance(head, Head) and head.task == "regress"}
    published = [path for path, head in heads.items() if head.dataset == "blendednet"]
    models = [head.model for head in heads.values()]
    if published or len(models) > 2:
        from binn_cli.results.store import read
        from binn_cli.views.console.architectures import are_compared, compare_architectures
        from binn_cli.views.console.comparison import compare

        sys.stdout.flush()
        if published:
            compare([read(path).without_arrays for path in published])
        if are_compared(models):
            compare_architectures([read(path, arrays=False) for path in heads])
