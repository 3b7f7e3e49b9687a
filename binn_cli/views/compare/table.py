"""A comparison in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
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
    for table, width in _tables(comparison, console) if comparison.rows else ():
        # Names stay whole: a terminal that is too narrow for them breaks the lines by itself.
        there, console.width = console.width, max(console.width, width)
        console.print(table)
        console.width = there
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


def _tables(comparison: Comparison, console: Console) -> list[tuple[Table, int]]:
    """Tables, each with the columns of a terminal that it needs: one; where a terminal is too narrow for it, one for
    each split and one for the times; where it is too narrow for those too, they have the keys one below the other."""
    times = [phase for phase in TIMES if any(phase in row.timings for row in comparison.rows)]
    whole = [_table(comparison, comparison.cells, times)]
    if not console.is_terminal:
        # Who reads it from a file or a pipe has no margin at 80 columns.
        console.width = max(console.width, console.measure(whole[0]).maximum)
    splits = dict.fromkeys(split for split, _ in comparison.cells)
    parts: list[tuple[list[tuple[str, str]], list[str]]] = [
        ([cell for cell in comparison.cells if cell[0] == split], []) for split in splits
    ]
    parts += [([], times)] if times else []
    side_by_side = [_table(comparison, *part) for part in parts]
    stacked = [_table(comparison, *part, stacked=True) for part in parts]
    for tables in (whole, side_by_side, stacked):
        widths = [_fold(table, console) for table in tables]
        if max(widths) <= console.width:
            break
    return list(zip(tables, widths, strict=True))


def _fold(table: Table, console: Console) -> int:
    """Fold values of keys, the longest first, until a table fits; gives the columns of a terminal that it still
    needs."""
    needed = console.measure(table, options=console.options.update(width=10_000)).maximum
    least = [column for column in table.columns if column.min_width is not None]
    widths = [
        max((cell_len(line) for cell in column.cells for line in str(cell).splitlines()), default=0) for column in least
    ]
    spare = [max(width - (column.min_width or 0), 0) for width, column in zip(widths, least, strict=True)]
    while needed > console.width and any(spare):
        widest = max((k for k in range(len(least)) if spare[k]), key=lambda k: widths[k])
        widths[widest], spare[widest], needed = widths[widest] - 1, spare[widest] - 1, needed - 1
    for column, width in zip(least, widths, strict=True):
        column.width = max(width, column.min_width or 0)
    return needed


def _table(
    comparison: Comparison, cells: Sequence[tuple[str, str]], times: Sequence[str], *, stacked: bool = False
) -> Table:
    several = len(comparison.outputs) > 1
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    names = ["configuration"] if stacked else [_heading(key) for key in comparison.columns]
    for name in [*names, *(["output"] if several else [])]:
        lines = [f"{key}=" for key in comparison.columns] if stacked and name == names[0] else name.splitlines()
        widest = max(map(len, lines), default=0)
        table.add_column(escape(name), vertical="bottom", overflow="fold", min_width=widest)
    headings = [f"{split}\n{metric}" for split, metric in cells]
    for heading in ["runs", *headings, *times]:
        table.add_column(escape(heading), justify="right", vertical="bottom", no_wrap=True)
    for row in comparison.rows:
        keys = [escape(label_of(value)) for value in row.keys.values()]
        if stacked:
            keys = ["\n".join(f"{escape(name)}={key}" for name, key in zip(row.keys, keys, strict=True))]
        keys += [escape(row.output)] if several else []
        scores = [_score(row, cell) for cell in cells]
        table.add_row(*keys, str(len(row.runs)), *scores, *(_time(row, phase) for phase in times))
    return table


def _heading(key: str) -> str:
    group, _, leaf = key.rpartition(".")
    return f"{group}.\n{leaf}" if group else leaf


def _score(row: Row, cell: tuple[str, str]) -> str:
    text, mark = mean_text(row.metrics.get(cell), cell[1], len(row.runs)), row.marks.get(cell)
    return f"[{STYLES[mark]}]{escape(text)}{SIGNS[mark]}[/]" if mark else f"{escape(text)} "


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
