"""Which columns of a file are inputs and outputs, and which are left out and why."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from binn_cli.config.ranges import did_you_mean, written
from binn_cli.datasets.columns.column_file import ColumnFile, LeftOut, as_number
from binn_cli.datasets.columns.netcdf_file import NetcdfFile
from binn_cli.errors import DataError

NUMBERS_OF_ROWS = re.compile(
    r"(unnamed\d*|index|idx|row|run|case|sim|simulation|sample|trial|test|exp|experiment|design|point|count|counter|number|num|nr|no|id|n|i)"
    r"(id|index|idx|number|num|nr|no)?"
)
"""Names without case and punctuation of columns that number the rows."""
LISTED = 12


@dataclass(frozen=True)
class Choice:
    """Names of columns.

    Attributes:
        inputs, outputs: the names, as they stand in the file.
        left_out: other columns and the reasons.
        all_others: whether the inputs are simply all other columns.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    all_others: bool = False

    def without(self, reasons: Mapping[str, str]) -> Choice:
        """The choice with some inputs left out."""
        kept = tuple(name for name in self.inputs if name not in reasons)
        return Choice(kept, self.outputs, {**self.left_out, **reasons}, self.all_others)


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: alike but for how Unicode composes letters, or the same number written in two ways."""
    if one == other or unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return True
    first, second = as_number(one), as_number(other)
    return first is not None and first == second


def chosen(file: ColumnFile, inputs: Sequence[str], outputs: Sequence[str], *, outputs_needed: bool = True) -> Choice:
    """The columns that are asked for; no inputs stands for every column that is not an output.

    Raises:
        DataError: if a name is unknown or is no column of numbers, a column's use is in doubt, or nothing is left.
    """
    if not outputs and outputs_needed:
        raise DataError(
            f"{file.path}: name the columns that are outputs with dataset.outputs=[…]; the file has "
            f"{listed(file.units)}"
        )
    named_outputs = tuple(column_of(file, name) for name in outputs)
    named_inputs = tuple(column_of(file, name) for name in inputs)
    left_out = {name: why.reason for name, why in file.left_out.items()}
    if named_inputs:
        others = {name: "not named" for name in file.units if name not in (*named_inputs, *named_outputs)}
        return Choice(named_inputs, named_outputs, {**left_out, **others})
    for name, why in file.left_out.items():
        if why.doubtful:
            raise DataError(
                f"{file.path}: {name!r} {why.reason}, or name the inputs with dataset.inputs=[…] to leave it out"
            )
    possible: dict[str, LeftOut | None] = dict.fromkeys(name for name in file.units if name not in named_outputs)
    if isinstance(file, NetcdfFile):
        possible = file.possible_inputs(named_outputs)
    left_out |= {name: why.reason for name, why in possible.items() if why is not None}
    taken = tuple(name for name, why in possible.items() if why is None)
    if not taken:
        raise DataError(
            f"{file.path}: no column is left for an input; the file has {listed(file.units)}{_told(left_out)}"
        )
    if isinstance(file, NetcdfFile) and (unplaced := file.unplaced(named_outputs, taken)):
        raise DataError(
            f"{file.path}: {', '.join(named_outputs)} lies along {', '.join(unplaced)}, but no variable says where the "
            f"points of {'that dimension' if len(unplaced) == 1 else 'these dimensions'} are; add one as a coordinate, "
            "or name the inputs with dataset.inputs=[…]"
        )
    return Choice(taken, named_outputs, left_out, all_others=True)


def require_units(file: ColumnFile, columns: Sequence[str], units: Sequence[str], whose: str) -> None:
    """Raise where a column states another unit than the one its numbers must be in.

    Args:
        file: the columns.
        columns: their names in the file.
        units: what they must be in; an empty text where nobody knows.
        whose: where these units are stated, such as "in the training data".

    Raises:
        DataError: if one differs.
    """
    for column, known in zip(columns, units, strict=True):
        other = file.units[column]
        if known and other and known != other:
            raise DataError(
                f"{file.path}: {column!r} is in {other}, but in {known} {whose}; convert it, and state {known}"
            )


def hint_of_unit(name: str, columns: Iterable[str]) -> str:
    """What to do where a name is missing but stands in the file with its unit behind it; else nothing."""
    own = re.compile(re.escape(name) + r"\s*[\[(](?!\d+[\])])[^\])]*[\])]")
    alike = [column for column in columns if own.fullmatch(column)]
    return f'; did you mean "{alike[0]}", whose unit belongs into a line below the names?' if alike else ""


def column_of(file: ColumnFile, name: str, meaning: str = "") -> str:
    """The column that a name means; `meaning` says what the name stands for, for the error.

    Raises:
        DataError: if there is none, or it is no column of numbers.
    """
    if name in file.units:
        return name
    if name in file.left_out:
        why = file.left_out[name]
        raise DataError(f"{file.path}: {name!r} {why.reason if why.doubtful else f'cannot be learned: {why.reason}'}")
    alike = [known for known in file.units if same_name(name, known)]
    if len(alike) == 1:
        return alike[0]
    parts = [known for known in file.units if re.fullmatch(re.escape(name) + r"\[\d+\]", known)] if name else []
    if parts:
        raise DataError(
            f"{file.path}: {written(name)} is an array with the columns {parts[0]} to {parts[-1]}: name one of them; "
            "if it is a field over a grid, give it named dimensions with their coordinates, as NetCDF has them"
        )
    raise DataError(
        f"{file.path}: there is no column {written(name) if name else 'without a name'}"
        f"{f', {meaning}' if meaning else ''}; the file has {listed(file.units)}"
        + _told({left: why.reason for left, why in file.left_out.items()})
        + (hint_of_unit(name, file.units) or did_you_mean(name, file.units))
    )


def listed(names: Iterable[str]) -> str:
    """The first of some columns, and how many there are more."""
    known = list(names)
    return (
        ", ".join(known[:LISTED]) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")
        or "no column of numbers"
    )


def _told(left_out: Mapping[str, str]) -> str:
    return f" ({'; '.join(f'{name}: {reason}' for name, reason in left_out.items())})" if left_out else ""


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, … or 1, 2, 3, …"""
    n = len(values)
    return (
        n > 2
        and values[0] in (0, 1)
        and values[-1] == values[0] + n - 1
        and np.array_equal(values, np.arange(n) + values[0])
    )


def numbers_rows(name: str) -> bool:
    """Whether a column that counts the rows is named as if that were all it does."""
    return NUMBERS_OF_ROWS.fullmatch(re.sub(r"[\W_]", "", name.lower())) is not None or not re.search(r"\w", name)
