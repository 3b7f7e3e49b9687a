"""What was observed or is wanted, out of a file: known inputs and outputs by name, in the units of what they are
compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.choice import column_of, listed, require_units, same_name
from binn_cli.datasets.columns.column_file import ColumnFile, read
from binn_cli.datasets.columns.table_reader import blank_rows
from binn_cli.errors import DataError
from binn_cli.models.scope import Scope


@dataclass(frozen=True)
class Whose:
    """The words for what observations are compared with.

    Attributes:
        name: such as "the run".
        reach: its range, such as "the training range".
        remedy: what to do about rows beyond it, such as "train on a wider one".
    """

    name: str
    reach: str
    remedy: str


RUN = Whose("the run", "the training range", "train on a wider one")
EQUATION = Whose("the equation", "the equation's domain", "solve on a larger one")


@dataclass(frozen=True)
class Observed:
    """Rows of a file.

    Attributes:
        file: where they stand.
        points: (n, K) known inputs.
        values: (n, L) outputs, NaN where there is none; at least one a row.
        labels: (n,) numbers of a further column; zeros without one.
        notes: what is to be said of the file.
    """

    file: ColumnFile
    points: Float[np.ndarray, "n K"]
    values: Float[np.ndarray, "n L"]
    labels: Float[np.ndarray, " n"]
    notes: tuple[str, ...]


def observed_columns(
    file: ColumnFile,
    scope: Scope,
    whose: Whose,
    known: Sequence[str],
    outputs: Sequence[str],
    *,
    label: str = "",
    meaning: Mapping[str, str] | None = None,
) -> Observed:
    """The rows of a file that have a value, complete and within reach.

    Args:
        file: its columns.
        scope: names, units and ranges of what they are compared with.
        whose: what that is.
        known: names of inputs.
        outputs: names of outputs.
        label: name of a further column; none where empty.
        meaning: what names stand for, for the sentence about one that is missing.

    Raises:
        DataError: if a column is missing or in another unit, there is no value at all, or a known input of a row with a
            value is missing or out of reach.
    """
    names = [*known, *outputs, *([label] if label else [])]
    columns = [column_of(file, name, (meaning or {}).get(name, "")) for name in names]
    units = [scope.unit_of(name) for name in (*known, *outputs)]
    stated = columns[: len(units)]
    require_units(file, stated, units, f"in {whose.name}")
    table = read(file, columns)
    some = np.isfinite(table[:, len(known) : len(units)]).any(axis=1)
    rows, passed_over = np.flatnonzero(some), int(np.sum(~some & ~blank_rows(file, table)))
    if not len(rows):
        raise DataError(f"{file.path}: holds no observation; give at least one row with a number for {listed(outputs)}")
    for k, name in enumerate(known):
        _require_inside(file, columns[k], name, table[:, k], rows, scope, whose)
    if label and not np.isfinite(table[rows, -1]).all():
        row = int(rows[np.argmin(np.isfinite(table[rows, -1]))])
        raise DataError(f"{file.path}, {file.place(row)}: {label} is missing; it tells which target the row is of")
    notes = _said_of_unused(file, columns) + _said_of_unknown_units(file, stated, units, whose)
    if passed_over:
        count = "1 row is" if passed_over == 1 else f"{passed_over:,} rows are"
        notes += (f"{file.path.name}: {count} passed over, without a number for {listed(outputs)}",)
    table = table[rows]
    labels = table[:, -1] if label else np.zeros(len(rows))
    return Observed(file, table[:, : len(known)], table[:, len(known) : len(units)], labels, notes)


def _require_inside(
    file: ColumnFile, column: str, name: str, values: np.ndarray, rows: np.ndarray, scope: Scope, whose: Whose
) -> None:
    """Raise where an input is missing, or out of reach."""
    missing = rows[~np.isfinite(values[rows])]
    if len(missing):
        row = int(missing[0])
        right = f"one of {listed(scope.choices[name])}" if name in scope.choices else "a number"
        found = file.text(row, column)
        raise DataError(f"{file.path}, {file.place(row)}: {name} is {found}; every row with a value needs {right}")
    number = scope.inputs.index(name)
    outside = scope.outside(values[rows, None], slice(number, number + 1))[:, 0]
    if outside.any():
        row = int(rows[int(np.argmax(outside))])
        reach = f"{whose.reach} {scope.low[number]:g} to {scope.high[number]:g}"
        raise DataError(
            f"{file.path}, {file.place(row)}: {name} is {values[row]:g}, outside {reach}; leave the row out, or "
            f"{whose.remedy}"
        )


def _said_of_unused(file: ColumnFile, used: Sequence[str]) -> tuple[str, ...]:
    """A sentence on columns that are not looked at, if there are any."""
    unused = [name for name in (*file.units, *file.left_out) if not any(same_name(name, own) for own in used)]
    return (f"{file.path.name}: not used: {listed(unused)}",) if unused else ()


def _said_of_unknown_units(
    file: ColumnFile, columns: Sequence[str], units: Sequence[str], whose: Whose
) -> tuple[str, ...]:
    """A sentence on columns whose unit nobody can check."""
    pairs = zip(columns, units, strict=True)
    alone = [f"{column} [{file.units[column]}]" for column, known in pairs if file.units[column] and not known]
    if not alone:
        return ()
    return (f"{file.path.name}: {listed(alone)}: {whose.name} states no unit, so that the numbers count as they stand",)
