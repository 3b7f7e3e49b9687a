"""A file as a table of inputs and outputs, with all that was found on the way and should be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.datasets.columns.choice import Choice, chosen, counts_rows, numbers_rows
from binn_cli.datasets.columns.column_file import ColumnFile, Reading, read
from binn_cli.datasets.columns.doubts import is_index, may_number_cases, told_marks
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.netcdf_file import NetcdfFile, has_dimensions
from binn_cli.datasets.columns.numpy_file import NumpyFile
from binn_cli.datasets.columns.opening import kind_of
from binn_cli.datasets.columns.parquet_file import ParquetFile
from binn_cli.datasets.columns.text_file import TextFile
from binn_cli.errors import DataError

LISTED = 40
"""Columns that are named in the line about a file."""


@dataclass(frozen=True)
class TableReport:
    """What reading a file has found, for the line that says so.

    Attributes:
        path: the file.
        inputs, outputs: names of the columns, with their units.
        rows: how many rows were read.
        dropped: how many of them were left out.
        why_dropped: the first of them, and what it lacks.
        left_out: the columns that are neither, and why.
        notes: what else should be said.
        missing: how many rows lack a column, for every column that some lack.
    """

    path: Path
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    rows: int
    dropped: int = 0
    why_dropped: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """All of it in one line."""
        parts = [f"{self.path.name}: {self.rows:,} rows"]
        if self.dropped:
            parts[0] += f", {self.dropped:,} left out ({self.why_dropped})"
        parts += (
            [_listed("input", self.inputs), _listed("output", self.outputs)]
            if self.outputs
            else [_listed("column", self.inputs)]
        )
        if self.left_out:
            parts.append("columns left out: " + _some([f"{name} ({reason})" for name, reason in self.left_out.items()]))
        return " ".join("; ".join((*parts, *self.notes)).splitlines())  # names may go over several lines


def _listed(kind: str, units: Mapping[str, str]) -> str:
    return (
        f"{kind}{'s' if len(units) != 1 else ''} "
        f"{_some([f'{name} [{unit}]' if unit else name for name, unit in units.items()])}"
    )


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - LISTED
    return ", ".join(texts[:LISTED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class TableContent:
    """Rows of a file.

    Attributes:
        x: (N, D) inputs.
        y: (N, L) outputs.
        report: names, units and what was left out.
        file: where they come from.
        kept: (N,) which rows of the file they are.
    """

    x: Float[np.ndarray, "N D"]
    y: Float[np.ndarray, "N L"]
    report: TableReport
    file: ColumnFile
    kept: Sequence[int] | np.ndarray


def opened_columns(path: Path, reading: Reading, wanted: Sequence[str] = ()) -> ColumnFile:
    """The columns of a file of any kind; `wanted` are names that are asked for.

    Raises:
        DataError: if it cannot be read.
    """
    kind = kind_of(path)
    if kind == "text":
        return TextFile.of(path, reading, wanted)
    if kind in ("npz", "npy"):
        return NumpyFile.of(path, reading)
    if kind == "parquet":
        return ParquetFile.of(path, reading, wanted)
    if kind == "netcdf3":
        return NetcdfFile.of(path, reading, "scipy")
    return NetcdfFile.of(path, reading, "h5netcdf") if has_dimensions(path) else Hdf5File.of(path, reading)


def read_table(
    path: Path,
    reading: Reading,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    drop_missing: bool = False,
    outputs_needed: bool = True,
) -> TableContent:
    """The inputs and outputs of all rows of a file.

    Args:
        path: the file.
        reading: what the user says of it.
        inputs: names of the inputs; every other column where empty.
        outputs: names of the outputs.
        drop_missing: whether rows that lack a value are left out; they are refused otherwise.
        outputs_needed: whether there must be an output.

    Raises:
        DataError: if the file or a row cannot be used.
    """
    file = opened_columns(path, reading, (*inputs, *outputs))
    choice = chosen(file, inputs, outputs, outputs_needed=outputs_needed)
    names = [*choice.inputs, *choice.outputs]
    table = read(file, names)
    rows: Sequence[int] | np.ndarray = range(len(table))
    blank = blank_rows(file, table)
    if blank.any():
        table, rows = table[~blank], np.flatnonzero(~blank)
    if len(table) == 0:
        raise DataError(f"{path}: there is no row below the names; give at least one")
    choice, notes = without_useless(choice, dict(zip(names, table.T, strict=True)))
    notes = (*notes, *told_marks(dict(zip(names, table.T, strict=True))))
    kept = [names.index(name) for name in (*choice.inputs, *choice.outputs)]
    table = table[:, kept] if len(kept) < len(names) else table
    found, absent, why = len(table), dict[str, int](), ""
    # The sum first: no table of flags for good data.
    if not np.isfinite(np.sum(table)) and not (finite := np.isfinite(table)).all():
        absent = {
            name: int(n) for name, n in zip([*choice.inputs, *choice.outputs], (~finite).sum(axis=0), strict=True) if n
        }
        why = first_missing(file, choice, table, rows)
        whole = finite.all(axis=1)
        if not drop_missing:
            raise DataError(refusal(path, why, int((~whole).sum()), found))
        table, rows = table[whole], np.asarray(rows)[whole]
        if len(table) == 0:
            raise DataError(f"{path}: every row lacks a number ({why}); mend the file")
    report = TableReport(
        path=path,
        inputs={name: file.units[name] for name in choice.inputs},
        outputs={name: file.units[name] for name in choice.outputs},
        rows=found,
        dropped=found - len(table),
        why_dropped=why,
        left_out=choice.left_out,
        notes=(*file.notes, *notes, *(_told_blank(int(blank.sum())))),
        missing=absent,
    )
    count = len(choice.inputs)
    return TableContent(table[:, :count], table[:, count:], report, file, rows)


def blank_rows(file: ColumnFile, table: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
    """Which rows hold nothing at all."""
    blank = np.zeros(len(table), dtype=bool)
    empty = (
        np.flatnonzero(np.isnan(table).all(axis=1))
        if len(table) and np.isnan(table[:, 0]).any()
        else np.zeros(0, dtype=int)
    )
    if len(empty):
        blank[empty] = file.blank(empty)
    return blank


def without_useless(choice: Choice, columns: Mapping[str, Float[np.ndarray, " n"]]) -> tuple[Choice, tuple[str, ...]]:
    """The choice without inputs that hold nothing or only number the rows, if nobody named them; and notes on those
    that might."""
    if not choice.all_others:
        return choice, ()
    reasons, notes = {}, []
    for name in choice.inputs:
        column = columns[name]
        if len(column) > 1 and column[0] == column[-1] and np.ptp(column) == 0.0:  # most differ at the ends already
            notes.append(f"{name} is {columns[name][0]:g} in every row, and tells nothing")
        if np.isnan(columns[name][:1]).all() and np.isnan(columns[name]).all():  # the first value tells of most columns
            reasons[name] = "no value"
        elif is_index(name, columns[name]):
            reasons[name] = "the index of a data frame"
        elif counts_rows(columns[name]) and len(choice.inputs) - len(reasons) > 1:
            if numbers_rows(name):
                reasons[name] = "only counts the rows"
            else:
                notes.append(
                    f"{name} counts the rows; if it means nothing, leave it out by naming the others with "
                    f"dataset.inputs=[…]"
                )
        elif may_number_cases(name, columns[name]):
            notes.append(f"{name} may only number the simulations; if so, leave it out by naming dataset.inputs=[…]")
    return choice.without(reasons), tuple(notes)


def first_missing(
    file: ColumnFile, choice: Choice, table: Float[np.ndarray, "n k"], rows: Sequence[int] | np.ndarray
) -> str:
    """Where the first value is missing and what stands there: `line 35: 'drag' is nan`."""
    row, column = np.argwhere(~np.isfinite(table))[0]
    name = (*choice.inputs, *choice.outputs)[column]
    return f"{file.place(int(rows[row]))}: {name!r} is {file.text(int(rows[row]), name)}"


def refusal(path: Path, why: str, lacking: int, rows: int) -> str:
    """The sentence about rows that lack a number."""
    count = f"{lacking:,} of {rows:,} rows {'lacks' if lacking == 1 else 'lack'} a number"
    return f"{path}, {why}; {count}: mend the file, or leave such rows out with dataset.missing=drop"


def _told_blank(count: int) -> tuple[str, ...]:
    return (f"{count:,} empty {'row' if count == 1 else 'rows'} passed over",) if count else ()
