"""How a text writes numbers: decimal mark, marks between thousands, exponents; and what stands for a missing one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from binn_cli.datasets.columns.column_file import AUTO
from binn_cli.errors import DataError

MISSING = (
    *(
        "",
        "nan",
        "-nan",
        "na",
        "n/a",
        "<na>",
        "null",
        "none",
        "nil",
        "missing",
        "inf",
        "-inf",
        "+inf",
        "infinity",
        "-infinity",
    ),
    *(
        "#n/a",
        "#na",
        "#null!",
        "#div/0!",
        "#value!",
        "#ref!",
        "#name?",
        "#num!",
        "1.#ind",
        "-1.#ind",
        "1.#qnan",
        "1.#inf",
        "-1.#inf",
    ),
    *("-", "--", "—", "?", "."),
    *("*" * width for width in range(2, 31)),  # Fortran, where a field is too narrow
)
"""Texts without regard to case that stand for no finite number."""
TRUE_FALSE = {"true": 1.0, "false": 0.0}

_MISSING = frozenset(MISSING)
_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eEdD][+-]?\d+)?")
_FORTRAN = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)[dD][+-]?\d+")
_SPACES = " \u00a0\u2009\u202f'’"
MINUS = "\u2212"
"""What typesetters and spreadsheets may write in place of a hyphen."""


def _grouped(mark: str, decimals: str = "") -> re.Pattern[str]:
    """Digits in groups of three with a mark between them, which is a class of characters, and perhaps decimals."""
    return re.compile(rf"[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+{decimals}")


_TWICE_GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}({re.escape(mark)}\d{{3}}){{2,}}") for mark in (",", ".")}
"""Which cannot be decimals."""
_GROUPED = {mark: _grouped(re.escape(mark)) for mark in (",", ".")}
_GROUPED_DECIMAL = {
    (mark, decimal): _grouped(re.escape(mark), rf"{re.escape(decimal)}\d*([eE][+-]?\d+)?")
    for mark, decimal in ((",", "."), (".", ","))
}
_SPACED = _grouped(f"[{_SPACES}]", r"([.,]\d*)?")


def is_missing(text: str) -> bool:
    """Whether a text stands for no number at all."""
    return text.strip().lower() in _MISSING


def looks_like_number(text: str) -> bool:
    """Whether a text is a number, or stands for a missing one, in some style."""
    bare = text.strip().replace(MINUS, "-")
    patterns = (_POINT, _COMMA, *_GROUPED_DECIMAL.values(), *_GROUPED.values(), _SPACED)
    return is_missing(bare) or any(pattern.fullmatch(bare) for pattern in patterns)


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        decimal: the decimal mark, a point or a comma.
        thousands: characters any of which may stand between groups of three digits; empty where none does.
        fortran: whether exponents are written with a D, which is understood in any case, but slower.
    """

    decimal: str = "."
    thousands: str = ""
    fortran: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether pandas reads it as it stands, without being lenient about groups of digits."""
        return not self.thousands and not self.fortran

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        mark = re.escape(self.decimal)
        groups = rf"|[1-9]\d{{0,2}}([{re.escape(self.thousands)}]\d{{3}})+({mark}\d*)?" if self.thousands else ""
        return re.compile(rf"[+-]?(\d+{mark}?\d*|{mark}\d+{groups})([eEdD][+-]?\d+)?")

    def is_number(self, text: str) -> bool:
        """Whether a text is a finite number."""
        return self._pattern.fullmatch(text.strip().replace(MINUS, "-")) is not None

    def number(self, text: str) -> float | None:
        """The number that a text is, NaN for a missing one, or None for another text."""
        bare = text.strip().replace(MINUS, "-")
        if self._pattern.fullmatch(bare):
            kept = re.sub(f"[{re.escape(self.thousands)}]", "", bare) if self.thousands else bare
            return float(kept.replace(self.decimal, ".").translate(_FORTRAN_EXPONENT))
        if bare.lower() in TRUE_FALSE:
            return TRUE_FALSE[bare.lower()]
        return float("nan") if is_missing(bare) else None

    @classmethod
    def found(cls, path: Path, values: Sequence[tuple[int, str]], decimal: str, separator: str) -> NumberStyle:
        """The style of a sample of values, each with the number of its line.

        Raises:
            DataError: if they do not tell whether a comma is a decimal mark or stands between thousands.
        """
        spaces = "".join(
            sorted({mark for _, text in values if _SPACED.fullmatch(text) for mark in text if mark in _SPACES})
        )
        values = [(line, text.replace(MINUS, "-")) for line, text in values]
        values = [(line, text.translate(_NO_SPACES) if _SPACED.fullmatch(text) else text) for line, text in values]
        texts = [text for _, text in values]

        def any_matches(pattern: re.Pattern[str], without: re.Pattern[str] | None = None) -> bool:
            return any(pattern.fullmatch(text) and not (without and without.fullmatch(text)) for text in texts)

        fortran = any_matches(_FORTRAN)
        if decimal == AUTO:
            decimal, thousands = cls._marks(path, values, any_matches)
        else:
            other = "," if decimal == "." else "."
            grouped = any_matches(_GROUPED_DECIMAL[other, decimal]) or any_matches(_GROUPED[other])
            thousands = other if grouped and (decimal, separator) != (".", ",") else ""
        return cls(decimal, thousands + spaces, fortran)

    @classmethod
    def _marks(cls, path: Path, values: Sequence[tuple[int, str]], any_matches: Callable[..., bool]) -> tuple[str, str]:
        """Decimal mark and mark of thousands."""
        if any_matches(_GROUPED_DECIMAL[".", ","]) or any_matches(_TWICE_GROUPED["."]):
            return ",", "."
        if any_matches(_GROUPED_DECIMAL[",", "."]) or any_matches(_TWICE_GROUPED[","]):
            return ".", ","
        pointed = any("." in text and _POINT.fullmatch(text) for _, text in values)
        doubtful = [(line, text) for line, text in values if _GROUPED[","].fullmatch(text)]
        certain = [
            (line, text)
            for line, text in values
            if "," in text and _COMMA.fullmatch(text) and not _GROUPED[","].fullmatch(text)
        ]
        if certain and pointed:
            line, text = certain[0]
            other = next(other for _, other in values if "." in other and _POINT.fullmatch(other))
            if all(_GROUPED["."].fullmatch(other) for _, other in values if "." in other and _POINT.fullmatch(other)):
                raise DataError(
                    f"{path}, line {line}: {text!r} has a decimal comma, but {other!r} a point; "
                    "say dataset.decimal=',' if that stands between thousands, or write them alike"
                )
            raise DataError(
                f"{path}, line {line}: {text!r} has a decimal comma, but other numbers have a decimal point; "
                "write them alike, or state dataset.separator and dataset.decimal"
            )
        if certain:
            return ",", ""
        if doubtful and not pointed:
            line, text = doubtful[0]
            raise DataError(
                f"{path}, line {line}: {text!r} may be {text.replace(',', '')} or {text.replace(',', '.', 1)}; "
                "say with dataset.decimal=',' or dataset.decimal=. which mark begins the decimals"
            )
        return ".", "," if doubtful else ""


_FORTRAN_EXPONENT = str.maketrans("dD", "ee")
_NO_SPACES = str.maketrans("", "", _SPACES)
