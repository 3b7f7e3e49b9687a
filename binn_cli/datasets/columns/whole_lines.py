"""Lines of a text that have too few values or too many: where, and what may be done about it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from binn_cli.datasets.columns.dialect import MARKS, Dialect
from binn_cli.datasets.columns.opening import opened
from binn_cli.datasets.columns.records import Record, records
from binn_cli.errors import DataError


class Inspection:
    """Looks at doubtful rows in rising order, reading the file once at most."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._path, self._dialect, self._next = path, dialect, 0
        self._records: Iterator[Record] | None = None

    def require_whole(self, rows: np.ndarray) -> None:
        """Raise for the first row that does not have as many values as there are names."""
        for row in rows.tolist():
            if self._records is None:
                self._records = records(self._path, self._dialect)
            record = next(islice(self._records, row - self._next, None))
            self._next = row + 1
            require_width(self._path, record, self._dialect)


def require_width(path: Path, record: Record, dialect: Dialect) -> None:
    """Raise for a line that does not have as many values as there are names.

    Raises:
        DataError: with the line, what stands in it, and what to do.
    """
    count, width = len(record.values), len(dialect.names)
    if (count < width and not record.is_blank) or any(map(str.strip, record.values[width:])):
        if any("\n" in value for value in record.values):
            raise DataError(
                f'{path}: line {record.line} opens a quote (") that is not closed before the line ends; mend the line'
            )
        shown = ", ".join(record.values) if len(record.values) < 12 else ", ".join((*record.values[:11], "…"))
        shown = shown if shown.isprintable() else ascii(shown)
        raise DataError(
            f"{path}: line {record.line} has {count} {'value' if count == 1 else 'values'}, not {width} ({shown}); "
            f"mend the line, {_remedy_of_line(path, record, dialect)}"
        )


def _remedy_of_line(path: Path, record: Record, dialect: Dialect) -> str:
    """What else may be done about a line of another length."""
    mark = next((mark for mark in MARKS if any(mark in value for value in record.values)), "")
    if dialect.comment:
        with opened(path) as file:
            raw = next(islice(io.TextIOWrapper(file, dialect.encoding, errors="replace"), record.line - 1, None), "")
        if dialect.comment in raw:
            return f"or say dataset.comment=none if {dialect.comment} in it begins no comment"
        return f"or write {dialect.comment} before it if it is no row"
    if len(mark) == 1:
        return f"or say dataset.comment='{mark}' if that begins a comment"
    return "or remove it if it is no row"
