"""What looks like numbers but may be something else: texts that are numbers with something beside them, numbers that
may stand for a missing value, and columns that may only number the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from binn_cli.datasets.columns.column_file import as_number
from binn_cli.datasets.columns.number_style import looks_like_number

LOOKED_AT = 20
"""Texts that tell what a column of texts holds."""
MARKS = (
    *(999.0, 9999.0, 99999.0, 999999.0, 9999.9, 9999.99, 1e10, 1e20, 1e30, 1e34, 1e35, 1e36, 1e37, 1e38),
    *(32767.0, 32768.0, 2147483647.0, 2147483648.0, float(np.float32(1e20)), float(np.float32(1e30))),
    *(float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)),
)
"""Sizes of numbers with which programs mark a missing value."""
FAR = 2.0
"""How many times the range of all other values such a number lies away from them."""
BESIDE = re.compile(r"([$€£¥]?)\s*([-+\u2212]?[\d.,'\u00a0\u2009\u202f]*\d(?:[eE][-+]?\d+)?)\s*(.*)")
UNIT = re.compile(r"[%‰°µΩ]?[^\W\d_]*([/·*^²³][^\W\d_]*[23²³]?)*|[^\W\d_]+[23]")
LETTERLESS_EXPONENT = re.compile(r"[-+]?\d*\.\d+[-+]\d{3}")
UNNAMED = re.compile(r"Unnamed: \d+")
"""What pandas calls a column without a name, which is mostly the index of a data frame."""
CASE = re.compile(r"(run|case|sim|simulation|sample|trial|exp|experiment|index|idx)[ _-]?(id|nr|no|number)?", re.I)
"""Names of columns whose whole numbers mostly tell one simulation from the next."""


def of_numbers(texts: Sequence[str]) -> str:
    """What is beside the numbers that texts are, or an empty text where they are others.

    Args:
        texts: values that are not missing.
    """
    some = list(texts[:LOOKED_AT])
    if len(set(some)) < 2:
        return ""
    if all(as_number(text) is not None for text in some):
        return "" if all(text.strip().isdigit() for text in some) else "that are stored as texts"  # which may be names
    if all(LETTERLESS_EXPONENT.fullmatch(text) for text in some):
        return "whose exponents lack the letter E"
    found = [BESIDE.fullmatch(text.strip("'\"=")) for text in some]
    besides = {(match[1], match[3].strip()) for match in found if match}
    if None in found or len(besides) > 1 or not all(looks_like_number(match[2]) for match in found if match):
        return ""
    before, behind = besides.pop()
    if (before and not behind) or (not before and behind and UNIT.fullmatch(behind)):
        return f"with {before or behind!r} beside each"
    return "within quotes of another kind" if not before and not behind else ""


def told_marks(columns: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """A sentence for each column in which a number stands that programs put in place of a missing value, far from all
    others."""
    told = []
    for name, column in columns.items():
        finite = np.ascontiguousarray(column)  # of a table row by row: every pass over a column would be one over all
        if len(finite) and not np.isfinite([finite.min(), finite.max()]).all():
            finite = finite[np.isfinite(finite)]
        if len(finite) < 3:
            continue
        for extreme in {float(finite.min()), float(finite.max())}:
            if abs(extreme) not in MARKS:
                continue
            others = finite[finite != extreme]
            if len(others) > 1 and np.abs(others - extreme).min() > FAR * np.ptp(others):
                count = len(finite) - len(others)
                told.append(
                    f"{name} is {extreme:.10g} in {count:,} {'row' if count == 1 else 'rows'}, far from all others: if "
                    f"that stands for a missing value, say dataset.missing_values=[{extreme:.10g}]"
                )
    return tuple(told)


def is_index(name: str, values: np.ndarray) -> bool:
    """Whether a column is what pandas writes without a name: whole numbers that differ in all rows."""
    return UNNAMED.fullmatch(name) is not None and _is_whole(values) and len(np.unique(values)) == len(values)


def may_number_cases(name: str, values: np.ndarray) -> bool:
    """Whether a column is named like a number of simulations, and holds whole ones."""
    return CASE.fullmatch(name.strip()) is not None and _is_whole(values) and len(np.unique(values)) > 2


def _is_whole(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all()) and np.array_equal(values, np.round(values))
