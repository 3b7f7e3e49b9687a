"""A comparison in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binn_cli.results.fate import Fate
from binn_cli.results.head import Scalar
from binn_cli.views.compare.summary import BEST, NEAR, Comparison, Mean, Row
from binn_cli.views.console import quantities
from binn_cli.views.console.fates import COLOURS

SIGNS = {BEST: "*", NEAR: "°"}
STYLES = {BEST: "bold green", NEAR: "green"}
LEGEND = "* best of its data set and output; ° within one standard error of the difference from it"
TIMES = ("fit", "compile")
"""The phases that have a column."""


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table, what must be said of it, and the runs that are not in it."""
    if comparison.rows:
        table = _table(comparison)
        if not console.is_terminal:
            # Who reads it from a file or a pipe has no margin at 80 columns.
            console.width = max(console.width, console.measure(table).maximum)
        console.print(table)
    notes = list(comparison.notes)
    if any(row.marks for row in comparison.rows):
        notes = [LEGEND, *notes]
    for note in notes:
        console.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)
    if comparison.gathered.others:
        console.print(_failures(comparison.gathered.others))


def label_of(value: Scalar) -> str:
    """A value of the configuration as it is written on the command line."""
    if value is None:
        return quantities.MISSING
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def mean_text(mean: Mean | None, metric: str, runs: int) -> str:
    """A mean with its standard error; in brackets of how many runs, where some have no value."""
    if mean is None:
        return quantities.MISSING
    share = metric.startswith("coverage")
    if mean.error is None:
        text = quantities.percent(mean.value) if share else quantities.number(mean.value)
    elif share:
        text = f"{100 * mean.value:.1f} ± {100 * mean.error:.1f} %"
    else:
        text = quantities.with_error(mean.value, mean.error)
    return text if mean.n == runs else f"{text} [{mean.n}]"


def _table(comparison: Comparison) -> Table:
    several = len(comparison.outputs) > 1
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in [*map(_heading, comparison.columns), *(["output"] if several else [])]:
        table.add_column(escape(name), vertical="bottom", overflow="fold")
    times = [phase for phase in TIMES if any(phase in row.timings for row in comparison.rows)]
    headings = [f"{split}\n{metric}" for split, metric in comparison.cells]
    for heading in ["runs", *headings, *times]:
        table.add_column(escape(heading), justify="right", vertical="bottom", no_wrap=True)
    for row in comparison.rows:
        keys = [escape(label_of(value)) for value in row.keys.values()] + ([escape(row.output)] if several else [])
        table.add_row(*keys, str(len(row.runs)), *_scores(row, comparison), *(_time(row, phase) for phase in times))
    return table


def _heading(key: str) -> str:
    group, _, leaf = key.rpartition(".")
    return f"{group}.\n{leaf}" if group else leaf


def _scores(row: Row, comparison: Comparison) -> list[str]:
    cells = []
    for cell in comparison.cells:
        text, mark = mean_text(row.metrics.get(cell), cell[1], len(row.runs)), row.marks.get(cell)
        cells.append(f"[{STYLES[mark]}]{escape(text)}{SIGNS[mark]}[/]" if mark else f"{escape(text)} ")
    return cells


def _time(row: Row, phase: str) -> str:
    mean = row.timings.get(phase)
    return quantities.MISSING if mean is None else quantities.seconds(mean.value)


def _failures(others: Sequence[Fate]) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=f"{len(others)} not compared",
        title_justify="left",
    )
    for name in ("run", "fate", "why"):
        table.add_column(name, overflow="fold", no_wrap=name == "fate")
    for fate in others:
        run = str(fate.directory) if fate.directory is not None else f"job {fate.job} ({' '.join(fate.overrides)})"
        table.add_row(escape(run), f"[{COLOURS.get(fate.status, 'default')}]{fate.status}[/]", escape(fate.reason))
    return table
