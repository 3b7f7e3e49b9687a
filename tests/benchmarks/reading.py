"""Reading a table of text and of Parquet, next to pandas' own reading of the same file."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.table_reader import read_table
from tests.benchmarks.timing import Row, compared

SIZE, COLUMNS = 400_000, 8
"""Rows and columns of the file: 50 MB of text."""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Both files, which are removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="binn-bench-")
    names = [*(f"x{k}" for k in range(COLUMNS - 1)), "y"]
    frame = pd.DataFrame(np.random.default_rng(0).random((SIZE, COLUMNS)).round(12), columns=names)
    frame.to_csv(Path(folder.name) / "table.csv", index=False)
    frame.to_parquet(Path(folder.name) / "table.parquet", index=False)
    return folder


def reading_against_pandas() -> list[Row]:
    """Every check of the rows included, and a table of numbers at the end of both."""
    found = []
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = Path(_folder().name) / f"table.{kind}"
        found.append(
            compared(
                f"reading {kind} / pandas",
                lambda path=path: read_table(path, Reading(), [], ["y"]),  # type: ignore[misc]
                lambda path=path, read=read: read(path).to_numpy(),  # type: ignore[misc]
                f"{SIZE:,} rows of {COLUMNS} columns, {path.stat().st_size / 1e6:.0f} MB; theirs: pandas, to an array",
                repeats=5,
            )
        )
    return found
