"""The rows of a text one after the other with their lines: slow, and only asked where something is to be said about a
row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from binn_cli.datasets.columns.dialect import WHITESPACE, Dialect, fields_of
from binn_cli.datasets.columns.opening import opened

LONGEST_FIELD = 2**24


@dataclass(frozen=True)
class Record:
    """A row of a text.

    Attributes:
        line: number of its first line, from 1, as an editor counts.
        values: its values, as they stand there.
    """

    line: int
    values: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        """Whether it has no value at all."""
        return not any(map(str.strip, self.values))


def records(path: Path, dialect: Dialect) -> Iterator[Record]:
    """All rows, counted as pandas counts them: without empty lines and comments.

    Raises:
        DataError: if the file cannot be opened.
    """
    csv.field_size_limit(LONGEST_FIELD)
    with opened(path) as file:
        lines = _Lines(io.TextIOWrapper(file, dialect.encoding, errors="replace", newline=""), dialect)
        if dialect.separator == WHITESPACE:
            for text in lines:
                yield Record(lines.number, tuple(fields_of(text, WHITESPACE)))
                lines.at_beginning = True
            return
        reader = csv.reader(lines, delimiter=dialect.separator, skipinitialspace=True)
        while True:
            lines.at_beginning = True
            values = next(reader, None)
            if values is None:
                return
            yield Record(lines.first, tuple(values))


class _Lines:
    """The lines below the names; between two records those that are empty or comments are passed over."""

    def __init__(self, source: io.TextIOWrapper, dialect: Dialect) -> None:
        self._source, self._comment = source, dialect.comment
        self.number = self.first = 0
        self.at_beginning = True
        self._below = dialect.first_line

    def __iter__(self) -> Iterator[str]:
        for text in self._source:
            self.number += 1
            if self.number < self._below:
                continue
            if self.at_beginning and (not text.strip(" \r\n") or (self._comment and text.startswith(self._comment))):
                continue
            if self._comment and self._comment in text and '"' not in text:
                text = text.partition(self._comment)[0]  # pandas takes an indented comment for a row without values
            if self.at_beginning:
                self.first = self.number
            self.at_beginning = False
            yield text
