"""Small tables of nothing but plain numbers, read without pandas: importing it takes longer than all else about them.

Whatever is unusual is left to the reader of all tables, which knows what to say of it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.dialect import Dialect
from binn_cli.datasets.columns.records import records
from binn_cli.errors import DataError

SMALL_BYTES = 2**18
"""Size of a file up to which its values are looked at one by one."""

_NUMBER = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", re.ASCII)


def read_small(path: Path, dialect: Dialect, columns: Sequence[int]) -> Float[np.ndarray, "r k"] | None:
    """The values of some columns, or None where the file is not small or not made of plain numbers there."""
    if dialect.comment or dialect.style.decimal != "." or not dialect.style.is_plain:
        return None
    try:
        if path.stat().st_size > SMALL_BYTES or b'"' in path.read_bytes():
            return None
        rows, width = [], len(dialect.names)
        for record in records(path, dialect):
            values = record.values
            if len(values) != width or any("\ufffd" in value for value in values):
                return None
            chosen = [values[column] for column in columns]
            if not values[-1] or not all(map(_NUMBER.fullmatch, chosen)):
                return None
            rows.append([float(value) for value in chosen])
    except (OSError, DataError, csv.Error):
        return None
    return np.array(rows) if rows else None
