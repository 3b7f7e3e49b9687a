"""The table of all runs: one row for each run and output, with values to sort and filter by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from binn_cli.results.head import Head, Scalar
from binn_cli.views.compare.columns import SEED, differing, value_of
from binn_cli.views.compare.table import label_of
from binn_cli.views.console import quantities
from binn_cli.views.report.reading import Entry

FIXED = ("task", "dataset", "model")
"""The keys that have a column whether they differ or not."""
MOST_CHOICES = 40
"""Values of a key up to which a reader can choose one from a list."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: its heading.
        numeric: whether it holds numbers, which stand at the right.
        choices: values to filter by; none where nothing is to be chosen.
    """

    name: str
    numeric: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and the value that it is sorted by: every digit of a number, empty for nothing."""

    text: str
    value: str


@dataclass(frozen=True)
class TableRow:
    """A run and one of its outputs."""

    entry: Entry
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RunTable:
    """The whole table; `columns` are those of the cells."""

    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]


def run_table(entries: Sequence[Entry], metrics: Sequence[str], splits: Sequence[str]) -> RunTable:
    """One row for each run and output, with the keys that differ, scores of the last step, and costs."""
    known = [run for entry in entries if (run := entry.run) is not None]
    keys = [*FIXED, *(key for key in differing(known) if key not in FIXED), SEED]
    outputs = list(dict.fromkeys(output for run in known for output in run.head.outputs))
    scored = [
        (split, metric)
        for split in splits
        for metric in metrics
        if any(metric in run.head.metrics.get(split, {}) for run in known)
    ]
    phases = [phase for phase in ("fit", "compile", "acquire") if any(run.head.timings.get(phase) for run in known)]
    rows = []
    for entry in entries:
        for output in (entry.head.outputs if entry.head is not None else ()) or ("",):
            cells = [_plain(entry.fate.status), *_keys(entry, keys)]
            cells += [_plain(output)] * (len(outputs) > 1)
            cells += [_score(entry.head, output, split, metric) for split, metric in scored]
            cells += [_cost(entry.head, phase) for phase in phases]
            rows.append(TableRow(entry, (*cells, _memory(entry.head))))
    names = ["status", *keys, *(["output"] if len(outputs) > 1 else [])]
    texts = [Column(name, False, _choices(rows, i)) for i, name in enumerate(names)]
    numbers = [f"{split} {metric}" for split, metric in scored] + [f"{phase} time" for phase in phases] + ["memory"]
    return RunTable((*texts, *(Column(name, True) for name in numbers)), tuple(rows))


def _choices(rows: Sequence[TableRow], i: int) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(row.cells[i].value for row in rows if row.cells[i].value))
    return found if 1 < len(found) <= MOST_CHOICES else ()


def _plain(text: str) -> Cell:
    return Cell(text or quantities.MISSING, text)


def _keys(entry: Entry, keys: Sequence[str]) -> list[Cell]:
    run = entry.run
    values: list[Scalar] = [None if run is None else value_of(run, key) for key in keys]
    return [_plain("" if value is None else label_of(value)) for value in values]


def _number(value: float | None, text: str) -> Cell:
    """JSON and sorting know no NaN."""
    return Cell(text, repr(value)) if value is not None and math.isfinite(value) else Cell(quantities.MISSING, "")


def _score(head: Head | None, output: str, split: str, metric: str) -> Cell:
    values = None if head is None else head.metrics.get(split, {}).get(metric)
    value = None if values is None or head is None else values[head.outputs.index(output)]
    if value is None:
        return _number(None, "")
    return _number(value, quantities.percent(value) if metric.startswith("coverage") else quantities.number(value))


def _cost(head: Head | None, phase: str) -> Cell:
    value = None if head is None or not head.n_steps else head.timings.get(phase)
    return _number(value, "" if value is None else quantities.seconds(value))


def _memory(head: Head | None) -> Cell:
    value = float(head.peak_rss_bytes) if head is not None and head.peak_rss_bytes else None
    return _number(value, "" if value is None else quantities.size(value))
