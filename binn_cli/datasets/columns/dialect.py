"""How a text file writes its table: encoding, separator, decimal mark, names, units, and where the numbers begin."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from binn_cli.datasets.columns.column_file import AUTO, Reading
from binn_cli.datasets.columns.number_style import NumberStyle, is_missing, looks_like_number
from binn_cli.datasets.columns.opening import opened, require_text
from binn_cli.errors import DataError

HEAD = 2**18
"""Bytes that are looked at."""
LINES = 200
"""Lines that are looked at."""
LONGEST_RECORD = 20
"""Lines over which a quote may go."""
NAMED = 0.3
"""What it counts for a separator that there are as many names as values, where 1 is that all lines are alike."""
MARKS = ("#", "%", "!", "//")
"""What begins a comment above the names, where nothing is stated."""
WHITESPACE = r"\s+"
SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", WHITESPACE: "space"}
"""In the order in which they are preferred: a semicolon before the comma, which may be a decimal mark there."""
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Dialect:
    """How a text file writes its table.

    Attributes:
        encoding: a codec's name, without a byte order mark.
        separator: one character, or `WHITESPACE`.
        comment: what begins a comment among the rows; empty for none.
        style: how numbers are written.
        names: of all columns, as they stand in the file.
        names_line: number of the line with the names, from 1.
        units: of all columns; empty texts where there are none.
        first_line: number of the first line below names and units.
        offset: how many bytes, decompressed, stand before that line.
        sample: values of the first rows.
        skipped: how many lines above the names belong to nothing.
        spaced: whether a space may stand between a separator and a quote.
        line_bytes: how many bytes a line has on average.
    """

    encoding: str
    separator: str
    comment: str
    style: NumberStyle
    names: tuple[str, ...]
    names_line: int
    units: tuple[str, ...]
    first_line: int
    offset: int
    sample: tuple[tuple[str, ...], ...]
    skipped: int = 0
    spaced: bool = False
    line_bytes: float = 0.0


@dataclass(frozen=True)
class Line:
    """A line of a file: its number from 1, its text without the end, and the values in it."""

    number: int
    text: str
    values: tuple[str, ...] = ()


def found_dialect(path: Path, reading: Reading, wanted: Sequence[str] = ()) -> Dialect:
    """Look at the beginning of a text file.

    Args:
        path: the file, perhaps compressed.
        reading: what the user says of it.
        wanted: names that are asked for, which tell names that are numbers from numbers.

    Raises:
        DataError: if it is no text, or names and values cannot be told apart safely.
    """
    with opened(path) as file:
        head = file.read(HEAD)
        whole = not file.read(1)
    require_text(path, head)
    encoding, mark = _encoding(path, head, reading)
    text = _decoded(path, head[mark:], encoding, whole)
    lines = list(io.StringIO(text, newline=""))
    if not whole and len(lines) > 1:
        lines.pop()
    return _Sniffer(path, reading, tuple(wanted), encoding, mark, lines).dialect()


def _encoding(path: Path, head: bytes, reading: Reading) -> tuple[str, int]:
    """Encoding, and the length of the byte order mark."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if reading.encoding != AUTO:
        return reading.encoding, 0
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if min(even, odd) == 0 and max(even, odd) > 0.4 * len(head) / 2:
            return ("utf-16-le" if odd else "utf-16-be"), 0
        raise DataError(f"{path}: is not text (it holds bytes of value 0) and no other kind of table that is known")
    return "utf-8", 0


def _decoded(path: Path, head: bytes, encoding: str, whole: bool) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, final=whole)
    except UnicodeDecodeError as error:
        raise not_in_encoding(path, encoding, head[: error.start].count(b"\n") + 1, head[error.start]) from error


def not_in_encoding(path: Path, encoding: str, line: int, byte: int) -> DataError:
    """The error for a byte that is none of the encoding's."""
    return DataError(
        f"{path}, line {line}: the byte 0x{byte:02X} is not {encoding.upper()}; save the file as UTF-8, or name its "
        f"encoding, "
        "such as dataset.encoding=cp1252 for Western European Windows"
    )


def fields_of(text: str, separator: str) -> list[str]:
    """The values of a line, or of a record of several lines within quotes."""
    if separator == WHITESPACE:
        return [field.strip('"') for field in re.findall(r'"[^"]*"|[^\s"]+', text)]
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True), [])


class _Sniffer:
    """The search for the dialect, step by step."""

    def __init__(
        self, path: Path, reading: Reading, wanted: tuple[str, ...], encoding: str, mark: int, lines: list[str]
    ) -> None:
        self.path, self.reading, self.wanted = path, reading, wanted
        self.encoding, self.mark, self.lines = encoding, mark, lines
        self.comments: list[Line] = []
        self.stated = "" if reading.separator == AUTO else WHITESPACE if reading.separator == " " else reading.separator

    def dialect(self) -> Dialect:
        """All of it."""
        lines = list(self._body())[:LINES]
        if not lines:
            held = "comments alone" if self.comments else "empty lines alone" if self.lines else "no line"
            raise DataError(f"{self.path}: holds {held}; a table has a line of names and a line for each row")
        separator = self._separator(lines)
        body = [Line(line.number, line.text, _stripped(line.text, separator)) for line in lines]
        header, skipped = self._header(body, separator)
        rows = [line for line in body if line.number > header.number]
        names = self._names(header, rows)
        style = NumberStyle.found(
            self.path, [(line.number, value) for line in rows for value in line.values], self.reading.decimal, separator
        )
        units = self._units(rows, style, len(names))
        rows = rows[1:] if units else rows
        first = rows[0].number if rows else body[-1].number + 1
        return Dialect(
            encoding=self.encoding,
            separator=separator,
            comment=self._comment_within(),
            style=style,
            names=names,
            names_line=header.number,
            units=units or ("",) * len(names),
            first_line=first,
            offset=self.mark + len("".join(self.lines[: first - 1]).encode(self.encoding)),
            sample=tuple(line.values for line in rows),
            skipped=skipped,
            line_bytes=len("".join(self.lines[first - 1 :]).encode(self.encoding))
            / max(1, len(self.lines) - first + 1),
            spaced=any(f'{separator} "' in line.text for line in rows),
        )

    def _body(self) -> Iterator[Line]:
        """Lines that are neither empty nor comments, which are kept apart."""
        stated = self.reading.comment
        marks = MARKS if stated == AUTO else (stated,) if stated else ()
        behind = 0
        for number, raw in enumerate(self.lines, 1):
            if number <= behind:
                continue
            text = raw.rstrip("\r\n")
            if text.count('"') % 2:
                behind, text = self._quoted(number)
            if number == 1 and (told := re.fullmatch(r'"?sep=(.)"?[;,]*', text.strip(" "), flags=re.IGNORECASE)):
                self.stated = self.stated or told[1]  # a line that Excel writes and reads
            elif marks and text.lstrip().startswith(marks):
                self.comments.append(Line(number, text))
            elif text.strip():
                yield Line(number, text)

    def _quoted(self, number: int) -> tuple[int, str]:
        """The last line of a record with a quote that goes over several lines, and all of it; nothing of it where the
        quote stays open."""
        text = ""
        for last, raw in enumerate(self.lines[number - 1 : number - 1 + LONGEST_RECORD], number):
            text += raw
            if text.count('"') % 2 == 0:
                return last, text.rstrip("\r\n")
        return number, ""

    def _comment_within(self) -> str:
        """What begins comments among the rows: what is stated, or else what begins those that were met."""
        if self.reading.comment != AUTO:
            return self.reading.comment
        marks = {line.text.lstrip()[0] for line in self.comments}
        return "#" if "#" in marks else next(iter(sorted(marks - {"/"})), "")

    def _separator(self, lines: Sequence[Line]) -> str:
        """What is stated, or what cuts the lines into equally many pieces of which most are numbers."""
        if self.stated:
            return self.stated
        best, chosen = (0.0, 0.0, 0.0), ","
        for separator in SEPARATORS:
            rows = [_stripped(line.text, separator) for line in lines]
            width = _usual_width(rows)
            if width < 2:
                continue
            named = NAMED * (len(rows[0]) == width)
            rows = rows[1:] or rows
            alike = sum(len(row) == width for row in rows) / len(rows)
            pieces = [piece for row in rows for piece in row]
            score = (alike, sum(map(looks_like_number, pieces)) / len(pieces), named)
            if sum(score) > sum(best) + 1e-9:
                best, chosen = score, separator
        return chosen

    def _header(self, body: Sequence[Line], separator: str) -> tuple[Line, int]:
        """The line of the names, and how many lines above it belong to nothing."""
        first, width = body[0], _usual_width([line.values for line in body])
        asked_for = any(value in self.wanted for value in first.values)
        if any(map(looks_like_number, filter(None, first.values))) and not asked_for:
            above = [line for line in self.comments if line.number < first.number]
            named = [self._within(line, separator) for line in above[-2:]]
            # The last comment may hold the names, as numpy.savetxt writes them, or the units below them.
            named = [
                line for line in named if len(line.values) == width and not any(map(looks_like_number, line.values))
            ]
            if named:
                wanted = [line for line in named if set(line.values) & set(self.wanted)]
                return (wanted or named)[-1], 0
            if all(map(looks_like_number, first.values)):
                raise DataError(
                    f"{self.path}, line {first.number}: there are numbers ({', '.join(first.values[:3])} …) where "
                    f"the names of the columns "
                    "belong; add a line with a name for each column above them"
                )
        if len(first.values) != width and not asked_for:
            for skipped, line in enumerate(body[1:], 1):
                if len(line.values) == width:
                    if any(map(looks_like_number, filter(None, line.values))):
                        break
                    return line, skipped
        return first, 0

    @staticmethod
    def _within(comment: Line, separator: str) -> Line:
        """A comment as a line of values, without what begins it."""
        return replace(comment, values=_stripped(re.sub(r"^\s*(//|[#%!])+", "", comment.text), separator))

    def _names(self, header: Line, rows: Sequence[Line]) -> tuple[str, ...]:
        """The names, one for each value of a row; a separator at the end of lines, which separates nothing, counts on
        neither side."""
        names, count = header.values, len(header.values)
        width = _usual_width([line.values for line in (header, *rows)])
        if not rows or count == width:
            return names
        if count > width and not any(names[width:]):
            return names[:width]
        if width == count + 1 and all(not any(line.values[count:]) for line in rows):
            return names
        if not any(len(line.values) == count for line in rows) or count < width:
            line = next(line for line in rows if len(line.values) == width)
            raise DataError(
                f"{self.path}: line {header.number} names {count} columns ({_short(header.text)!r}), but line "
                f"{line.number} has {width} "
                f"values ({_short(line.text)!r}); give every column a name, or state dataset.separator and "
                f"dataset.decimal"
            )
        return names

    def _units(self, rows: Sequence[Line], style: NumberStyle, width: int) -> tuple[str, ...]:
        """The units in the first line below the names, if it holds units: texts above columns of numbers."""
        if self.reading.units_row == "false" or not rows:
            return ()
        values = rows[0].values
        if self.reading.units_row == AUTO:
            below = [line.values for line in rows[1:6]]
            numeric = [any(style.is_number(row[k]) for row in below if k < len(row)) for k in range(len(values))]
            texts = [
                value for value, is_numeric in zip(values, numeric, strict=True) if is_numeric and not is_missing(value)
            ]
            if (
                len(values) != width
                or all(map(style.is_number, texts))
                or any(map(style.is_number, set(texts) - {"1"}))
            ):
                return ()
        return tuple(map(_unit, (*values, *[""] * (width - len(values)))))[:width]


def _stripped(text: str, separator: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in fields_of(text, separator))


def _unit(text: str) -> str:
    """A unit without the brackets around it; a line or a one stands for none."""
    bare = text[1:-1].strip() if len(text) > 1 and text[0] + text[-1] in ("[]", "()") else text
    return "" if bare in ("-", "–", "1") or re.fullmatch(r":?-{2,}:?", bare) else bare


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """How many values most rows below the first have; of widths that are as frequent that of the first, or else the
    largest."""
    widths = Counter(map(len, rows[1:] or rows))
    most = max(widths.values())
    usual = [width for width, count in widths.items() if count == most]
    return len(rows[0]) if len(rows[0]) in usual else max(usual)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
