"""Small tables in every kind of file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import h5py
import numpy as np

from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.streaming import streamed_rows
from binn_cli.datasets.rows import RowChunks

NAMES = ("x", "z", "u")


def values(n: int, seed: int = 0) -> np.ndarray:
    """(n, 3) two inputs and an output."""
    x = np.random.default_rng(seed).uniform(0, 1, (n, 2))
    return np.column_stack([x, np.sin(3 * x[:, 0]) * x[:, 1]])


def written(path: Path, table: np.ndarray, names: tuple[str, ...] = NAMES, *, matrix: bool = False) -> Path:
    """The table in a file of the kind that the path's ending says, as columns or as one array."""
    if path.suffix == ".csv":
        path.write_text(",".join(names) + "\n" + "\n".join(",".join(map(repr, row)) for row in table.tolist()) + "\n")
    elif path.suffix == ".npz":
        np.savez(
            path, **({"a": table, "a_columns": np.array(names)} if matrix else dict(zip(names, table.T, strict=True)))
        )
    else:
        with h5py.File(path, "w") as file:
            if matrix:
                file["group/a"] = table
                file["group/a"].attrs["columns"] = list(names)
            else:
                for name, column in zip(names, table.T, strict=True):
                    file[name] = column
    return path


def rows_of(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> RowChunks:
    """The rows of a file in chunks."""
    return streamed_rows(path, Reading(), inputs, outputs, drop_missing=False, directory=path.parent)[0]


@lru_cache
def a_table(n: int = 40) -> str:
    """The path of a CSV file that lasts as long as the process."""
    return str(written(Path(mkdtemp()) / "table.csv", values(n)))


def growing(path: Path, table: np.ndarray) -> Path:
    """The table in an HDF5 file of columns that may become longer, in many chunks."""
    with h5py.File(path, "w") as file:
        for name, column in zip(NAMES, table.T, strict=True):
            file.create_dataset(name, data=column, maxshape=(None,), chunks=(16,))
    return path


def grow(path: Path, table: np.ndarray, size: int | None = None) -> None:
    """The rows of the table behind those that the file has, or only so many of its own."""
    with h5py.File(path, "a") as file:
        for name, column in zip(NAMES, table.T, strict=True):
            before = len(file[name])
            file[name].resize((before + len(column) if size is None else size,))
            if len(column):
                file[name][before:] = column
