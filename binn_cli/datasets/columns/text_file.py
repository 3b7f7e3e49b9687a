"""Tables that are text: read by pandas, with every line held to the number of its values."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean, written
from binn_cli.datasets.columns.column_file import AUTO, LeftOut, Reading, as_number, place_among
from binn_cli.datasets.columns.dialect import MARKS, WHITESPACE, Dialect, found_dialect, not_in_encoding
from binn_cli.datasets.columns.doubts import of_numbers
from binn_cli.datasets.columns.number_style import MISSING, TRUE_FALSE, NumberStyle, is_missing
from binn_cli.datasets.columns.opening import is_compressed, opened
from binn_cli.datasets.columns.records import Record, records
from binn_cli.datasets.columns.small_text import read_small
from binn_cli.datasets.columns.whole_lines import Inspection, require_width
from binn_cli.errors import DataError

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
"""What may be a number of thousands."""
VALUES_AT_ONCE = 2**18
"""Values that are parsed at a time."""


@dataclass(frozen=True)
class TextFile:
    """A table of text with a line of names; see `ColumnFile`.

    Attributes:
        path: the file.
        dialect: how it is written.
        reading: what the user says of it.
        lenient: whether every value is looked at as a text, because one is written as pandas does not know, such as
            "nan ".
    """

    path: Path
    dialect: Dialect
    reading: Reading
    lenient: bool = False

    @classmethod
    def of(cls, path: Path, reading: Reading, wanted: Sequence[str] = ()) -> TextFile:
        """The table of a file, of which the first lines are looked at; `wanted` are names that are asked for.

        Raises:
            DataError: if it is no table of text.
        """
        return cls(path, found_dialect(path, reading, wanted), reading)

    @cached_property
    def _kinds(self) -> tuple[str, ...]:
        """`number`, `boolean` or `text` for every column, as the first rows tell."""
        style, width = self.dialect.style, len(self.dialect.names)
        missing = set(self.reading.missing_values)
        kinds = []
        for k in range(width):
            values = [
                row[k]
                for row in self.dialect.sample
                if k < len(row) and not is_missing(row[k]) and row[k] not in missing
            ]
            if self.dialect.names[k] in self.reading.choices:
                kinds.append("choice")
            elif values and all(value.lower() in TRUE_FALSE for value in values):
                kinds.append("boolean")
            else:
                kinds.append("text" if values and not any(map(style.is_number, values)) else "number")
        return tuple(kinds)

    @cached_property
    def units(self) -> Mapping[str, str]:
        """See `ColumnFile`."""
        return {
            name: unit
            for name, unit in zip(self.dialect.names, self.dialect.units, strict=True)
            if name and name not in self.left_out
        }

    @cached_property
    def left_out(self) -> Mapping[str, LeftOut]:
        """Columns of text, and those whose name is missing or not their own."""
        dialect, found = self.dialect, {}
        for k, (name, kind) in enumerate(zip(dialect.names, self._kinds, strict=True)):
            places = [j + 1 for j, other in enumerate(dialect.names) if other == name]
            if not name:
                label, reason = self._nameless(k)
                found[label] = reason
            elif len(places) > 1:
                listed = ", ".join(map(str, places[:-1])) + f" and {places[-1]}"
                found[name] = LeftOut(
                    f"is the name of columns {listed} (line {dialect.names_line}); give each a name of its own", True
                )
            elif kind == "text":
                found[name] = self._of_text(k)
        return found

    def _of_text(self, k: int) -> LeftOut:
        """Why a column of texts is left out; numbers with a unit beside them may have been meant."""
        rows = [(r, row[k]) for r, row in enumerate(self.dialect.sample) if k < len(row) and not is_missing(row[k])]
        row, text = rows[0]
        such = f"such as {text!r} in {self.place(row)}"
        if beside := of_numbers([text for _, text in rows]):
            return LeftOut(f"holds numbers {beside}, {such}; write them alone, with the unit below the name", True)
        return LeftOut(f"text, {such}")

    def _nameless(self, k: int) -> tuple[str, LeftOut]:
        values = [row[k] for row in self.dialect.sample if k < len(row)]
        numbers = [self.dialect.style.number(value) for value in values]
        if all(is_missing(value) for value in values):
            return f"column {k + 1}", LeftOut("no name and no value")
        if numbers[0] in (0, 1) and numbers == list(range(int(numbers[0]), int(numbers[0]) + len(numbers))):
            return f"column {k + 1}", LeftOut("no name, and counts the rows")
        if k == 0 and len(set(numbers)) == len(numbers) and all(n is not None and n == round(n) for n in numbers):
            return f"column {k + 1}", LeftOut("no name, and numbers the rows")
        problem = f"has no name in line {self.dialect.names_line}, but values such as {values[0]!r}; give it one"
        return f"column {k + 1}", LeftOut(problem, True)

    @property
    def notes(self) -> tuple[str, ...]:
        """See `ColumnFile`."""
        skipped = self.dialect.skipped
        told = [f"{skipped} {'line' if skipped == 1 else 'lines'} above the names passed over"] if skipped else []
        return (*told, *self._doubtful_points())

    def _doubtful_points(self) -> Iterator[str]:
        """A word on points that may stand between thousands: semicolons separate where a comma is the decimal mark."""
        dialect = self.dialect
        if self.reading.decimal != AUTO or (dialect.separator, dialect.style.decimal) != (";", "."):
            return
        pointed = [value for row in dialect.sample for value in row if "." in value and dialect.style.is_number(value)]
        if pointed and all(THOUSANDS.fullmatch(value) for value in pointed):
            yield (
                f"{pointed[0]} is read with a decimal point: if that stands between thousands, say dataset.decimal=','"
            )

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """See `ColumnFile`.

        Raises:
            DataError: for a line with too few or too many values, and a value that is no number.
        """
        columns = [self.dialect.names.index(name) for name in names]
        if (few := self._few(columns)) is not None:
            yield few
            return
        last = len(self.dialect.names) - 1
        lines, first = Inspection(self.path, self.dialect), 0
        try:
            for frame in self._frames(columns):
                table = np.empty((len(frame), len(columns)))
                for k, column in enumerate(columns):
                    table[:, k] = self._numbers(frame[column].to_numpy(), column)
                doubtful = frame[last].isna().to_numpy()
                if last + 1 in frame:
                    doubtful = doubtful | frame[last + 1].notna().to_numpy()
                lines.require_whole(first + np.flatnonzero(doubtful))
                first += len(table)
                yield table
        except ValueError as error:
            self._require_numbers(columns, first, error)
            if self.lenient:
                raise DataError(f"{self.path}: cannot be read as a table ({' '.join(str(error).split())})") from error
            yield from _behind(replace(self, lenient=True).chunks(names), first)

    @property
    def likely_rows(self) -> int:
        """A few more rows than there probably are, judged by the length of the first lines; 0 where the file is
        compressed."""
        size = self.path.stat().st_size
        if not self.dialect.line_bytes or is_compressed(self.path):
            return 0
        return int(1.02 * size / self.dialect.line_bytes) + 1

    def place(self, row: int) -> str:
        """See `ColumnFile`."""
        return f"line {self._record(row).line}"

    def text(self, row: int, name: str) -> str:
        """See `ColumnFile`."""
        values, column = self._record(row).values, self.dialect.names.index(name)
        return values[column].strip() or "empty" if column < len(values) else "empty"

    def blank(self, rows: np.ndarray) -> np.ndarray:
        """See `ColumnFile`."""
        found, wanted = np.zeros(len(rows), dtype=bool), iter(enumerate(rows.tolist()))
        index, row = next(wanted, (0, -1))
        for number, record in enumerate(records(self.path, self.dialect)):
            if number == row:
                found[index] = record.is_blank
                index, row = next(wanted, (0, -1))
        return found

    @lru_cache(maxsize=64)  # noqa: B019 (a few rows of a few files, for sentences)
    def _record(self, row: int) -> Record:
        return next(islice(records(self.path, self.dialect), row, None))

    def _few(self, columns: Sequence[int]) -> Float[np.ndarray, "r k"] | None:
        """The values where the table is small and simple, which needs no pandas."""
        if is_compressed(self.path) or self.reading.missing_values or not all(map(self._is_plain, columns)):
            return None
        return read_small(self.path, self.dialect, columns)

    def _is_plain(self, column: int) -> bool:
        style = self.dialect.style
        return (
            not self.lenient
            and self._kinds[column] == "number"
            and style.is_plain
            and style.decimal != self.dialect.separator
        )

    def _frames(self, columns: Sequence[int]) -> Iterator[Any]:
        """pandas' frames of some columns and of the last.

        Of a line that is too long pandas complains only where all columns are read. Elsewhere a line of zeros goes
        first that is longer than the lines are, and a column behind the last is read too, which should be empty.
        """
        import pandas as pd

        dialect, width = self.dialect, len(self.dialect.names)
        types: dict[int, Any] = {width - 1: str}
        types |= {k: np.float64 if self._is_plain(k) else str for k in columns}
        if len(types) < width or any(len(row) > width for row in dialect.sample):
            types[width] = np.float64
        room = max(types) + 1
        separator = " " if dialect.separator == WHITESPACE else dialect.separator
        start = (separator.join("0" * room) + "\n").encode(dialect.encoding)
        with opened(self.path) as file:
            _skip(file, dialect.offset)
            reader = pd.read_csv(
                io.BufferedReader(_Joined(start, file), 2**20),
                header=None,
                names=range(room),
                usecols=sorted(types) if room > width else None,
                dtype=types,
                index_col=False,
                sep=dialect.separator,
                decimal=dialect.style.decimal if dialect.style.is_plain else ".",
                comment=dialect.comment or None,
                encoding=dialect.encoding,
                skipinitialspace=dialect.spaced,  # a tenth slower
                **self._missing_of(types),
                low_memory=False,
                chunksize=max(1, VALUES_AT_ONCE // width),
            )
            try:
                for number, frame in enumerate(reader):
                    yield frame if number else frame.iloc[1:]
            except UnicodeDecodeError as error:
                raise self._undecodable() from error

    def _missing_of(self, columns: Iterable[int]) -> dict[str, Any]:
        """pandas' options of what stands for a missing value; the texts that are choices, such as none, never do."""
        missing = [*_missing_texts(), *self.reading.missing_values]
        if not self.reading.choices:
            return {"na_values": missing}
        words = [*missing, "nan", "NaN", "NAN", "-nan", "-NaN"]
        own = {k: list(self.reading.missing_values) if self._kind(k) == "choice" else words for k in columns}
        return {"na_values": own, "keep_default_na": False}

    def _kind(self, column: int) -> str:
        return self._kinds[column] if column < len(self._kinds) else "number"

    def _reads(self, column: int) -> Callable[[str], float | None]:
        """What turns a text of a column into a number, None for what is none."""
        choices = self.reading.choices.get(self.dialect.names[column] if column < len(self.dialect.names) else "")
        if choices is None:
            return self.dialect.style.number
        return lambda text: _nothing_or(place_among(text.strip(), choices), text)

    def _numbers(self, values: np.ndarray, column: int) -> np.ndarray:
        if values.dtype == np.float64:
            return values
        number, missing = self._reads(column), self.reading.missing_values
        found = [
            float("nan") if isinstance(value, float) or value.strip() in missing else number(value) for value in values
        ]
        if None in found:
            raise ValueError("not a number")
        return np.array(found, dtype=np.float64)

    def _require_numbers(self, columns: Sequence[int], first: int, error: ValueError) -> None:
        """Raise for the first value, from row `first` on, that is neither a number nor missing, and for a line of
        another length."""
        import pandas as pd

        dialect = self.dialect
        for record in islice(records(self.path, dialect), first, None):
            require_width(self.path, record, dialect)
            if len(record.values) > len(dialect.names) and isinstance(error, pd.errors.ParserError):
                problem = f"line {record.line} ends in a separator, as other lines do not; remove it"
                raise DataError(f"{self.path}: {problem}") from error
            for column in columns:
                text = record.values[column].strip() if column < len(record.values) else ""
                if self._reads(column)(text) is None and text not in self.reading.missing_values:
                    name = dialect.names[column]
                    if (choices := self.reading.choices.get(name)) is not None:
                        problem = (
                            f"{name!r} is {text!r}, which is none of its choices "
                            f"{', '.join(choices)}{did_you_mean(text, choices)}"
                        )
                        raise DataError(f"{self.path}, line {record.line}: {problem}") from error
                    if tuple(map(str.strip, record.values)) == dialect.names:
                        problem = f"{name!r} is {text!r}, not a number: the names stand there again; remove the line"
                    else:
                        problem = f"{name!r} is {text!r}, which is not a number; {self._remedy(text, name)}"
                    raise DataError(f"{self.path}, line {record.line}: {problem}") from error

    def _remedy(self, text: str, name: str) -> str:
        other = "," if self.dialect.style.decimal == "." else "."
        mark = next((mark for mark in MARKS if mark in text and len(mark) == 1), "")
        if mark and not self.dialect.comment and self.dialect.style.is_number(text.partition(mark)[0]):
            return f"say dataset.comment='{mark}' if that begins a comment, or mend the value"
        if NumberStyle(decimal=other).is_number(text):
            return f"state dataset.decimal={other!r} if that is the decimal mark, or mend the value"
        return (
            f"mend it, or say with dataset.missing_values=[{written(text)}] that it stands for a missing value, "
            f"or leave {name!r} out by naming dataset.inputs"
        )

    def _undecodable(self) -> DataError:
        line, decoder = 1, codecs.getincrementaldecoder(self.dialect.encoding)()
        with opened(self.path) as file:
            while piece := file.read(2**20):
                try:
                    line += decoder.decode(piece).count("\n")
                except UnicodeDecodeError as error:
                    good = error.object[: error.start].decode(self.dialect.encoding)
                    return not_in_encoding(
                        self.path, self.dialect.encoding, line + good.count("\n"), error.object[error.start]
                    )
        return DataError(f"{self.path}: is not {self.dialect.encoding.upper()} to its end; write or copy it again")


def _nothing_or(place: float | None, text: str) -> float | None:
    """A place among choices, or else NaN for a text that stands for a missing value."""
    return float("nan") if place is None and is_missing(text) else place


class _Joined(io.RawIOBase):
    """Some bytes, and then those of a file."""

    def __init__(self, start: bytes, file: IO[bytes]) -> None:
        self._start, self._file = start, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._start:
            count = min(len(buffer), len(self._start))
            buffer[:count], self._start = self._start[:count], self._start[count:]
            return count
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _skip(file: IO[bytes], count: int) -> None:
    while count > 0:
        count -= len(file.read(min(count, 2**20)))


def _missing_texts() -> set[str]:
    """Every way to write them that is met. Those that pandas knows as numbers are left out, for with one of them it
    reads more slowly."""
    spelt = {spelling for text in MISSING for spelling in (text, text.upper(), text.capitalize(), text.title())}
    return {text for text in spelt if as_number(text) is None}


def _behind(chunks: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The chunks without so many rows at the beginning."""
    for chunk in chunks:
        if len(chunk) > rows:
            yield chunk[rows:]
        rows = max(0, rows - len(chunk))
