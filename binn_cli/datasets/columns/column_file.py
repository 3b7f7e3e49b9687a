"""What every file of named columns offers, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from binn_cli.datasets.rows import ahead
from binn_cli.errors import DataError

AUTO = "auto"


@dataclass(frozen=True)
class Reading:
    """What the user says of a file that cannot always be found in it; the options of `conf/dataset/table.yaml` of the
    same names.

    Attributes:
        separator: character between the values of a line of text, a space for any number of spaces and tabs; or `auto`.
        decimal: `.` or `,`, or `auto`.
        comment: character that begins a comment, an empty text where nothing does, or `auto`.
        encoding: name of an encoding that Python knows, or `auto`.
        units_row: `true` or `false`: whether units stand below the names; or `auto`.
        missing_values: further texts or numbers that stand for a missing value.
        choices: texts that columns may hold, by the name of the column; they are read as their places among these, from
            0.
    """

    separator: str = AUTO
    decimal: str = AUTO
    comment: str = AUTO
    encoding: str = AUTO
    units_row: str = AUTO
    missing_values: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def missing_numbers(self) -> tuple[float, ...]:
        """Those of `missing_values` that are numbers."""
        return tuple(number for text in self.missing_values if (number := as_number(text)) is not None)


def place_among(text: str, choices: Sequence[str]) -> float | None:
    """The place of a text among some, or None where it is none of them."""
    return float(choices.index(text)) if text in choices else None


def as_number(text: str) -> float | None:
    """The number that a text is, or None."""
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class LeftOut:
    """A column that is not numbers.

    Attributes:
        reason: why it is left out, such as "text"; for a doubtful one what is wrong and what to do, behind the name of
            the column.
        doubtful: whether it might have been meant: then it is an error where every column is to be an input.
    """

    reason: str
    doubtful: bool = False


class ColumnFile(Protocol):
    """Columns of numbers of equal length, known by their names.

    Attributes:
        path: the file.
        units: unit of every column that can be used, in the order of the file; empty where none is stated.
        left_out: the other columns and why they cannot be used.
        notes: what was found in the file and should be said, such as "3 lines above the names skipped".
    """

    @property
    def path(self) -> Path:
        """See the class."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """See the class."""
        ...

    @property
    def left_out(self) -> Mapping[str, LeftOut]:
        """See the class."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """See the class."""
        ...

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """The named columns from the first row to the last, NaN where a value is missing, so many rows at a time as
        suit the file.

        Raises:
            DataError: if a row cannot be read.
        """
        ...

    def place(self, row: int) -> str:
        """Where a row is, as the user would count: `line 35` of a text, or `row 33, counted from 0`."""
        ...

    def text(self, row: int, name: str) -> str:
        """What stands there for a value that is missing."""
        ...

    def blank(self, rows: Int[np.ndarray, " r"]) -> Bool[np.ndarray, " r"]:
        """Which of some rows, rising, hold nothing at all, like the lines of separators that spreadsheets leave at the
        end."""
        ...


class SeekableFile(ColumnFile, Protocol):
    """Columns of which rows can be read from anywhere."""

    def count(self, names: Sequence[str]) -> int:
        """How many rows the columns have.

        Raises:
            DataError: if they differ.
        """
        ...

    def rows(
        self, groups: Sequence[Sequence[str]], size: int, begin: int, end: int
    ) -> Iterator[tuple[Float[np.ndarray, "r k"], ...]]:
        """A table for each group of columns, of rows `begin` to `end`, `size` at a time.

        Raises:
            DataError: if a row cannot be read.
        """
        ...


def read(file: ColumnFile, names: Sequence[str]) -> Float[np.ndarray, "n k"]:
    """The named columns as one table, each chunk read while the one before is put into its place."""
    chunks = ahead(file.chunks(names))
    table, count = (
        np.empty((getattr(file, "likely_rows", 0), len(names))),
        0,
    )  # what is never written to takes no memory
    for chunk in chunks:
        if count + len(chunk) > len(table):
            grown = np.empty((max(2 * len(table), count + len(chunk)), len(names)))
            grown[:count] = table[:count]
            table = grown
        table[count : count + len(chunk)] = chunk
        count += len(chunk)
    return table[:count]


def counted_from_zero(row: int) -> str:
    """A row of an array, as programs count."""
    return f"row {row:,} (counted from 0)"


def require_equal_lengths(path: Path, lengths: Mapping[str, int]) -> None:
    """Raise unless all columns have the same number of rows.

    Raises:
        DataError: with the length of every column.
    """
    if len(set(lengths.values())) > 1:
        # One column of each length is enough to see it.
        first: dict[int, str] = {}
        for name, count in lengths.items():
            first.setdefault(count, name)
        told = ", ".join(f"{name!r} has {count:,} rows" for count, name in first.items())
        raise DataError(
            f"{path}: columns differ in length: {told}; name those that belong together with dataset.inputs"
        )


def none_blank(rows: Int[np.ndarray, " r"]) -> Bool[np.ndarray, " r"]:
    """`ColumnFile.blank` of the kinds of files that have no such rows."""
    return np.zeros(len(rows), dtype=bool)


def without_numbers(table: Float[np.ndarray, "*shape"], numbers: Sequence[float]) -> Float[np.ndarray, "*shape"]:
    """The table with NaN where one of the numbers stands, which mean a missing value."""
    for number in numbers:
        table = np.where(table == number, np.nan, table)
    return table
