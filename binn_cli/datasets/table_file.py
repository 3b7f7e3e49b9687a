"""Named columns of numbers in HDF5, CSV and npz files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns import chosen_columns, places_of, text_of
from binn_cli.datasets.hdf5_rows import Hdf5Rows
from binn_cli.datasets.rows import Chunk
from binn_cli.errors import DataError

HDF5 = (".h5", ".hdf5", ".he5")
KINDS = (*HDF5, ".csv", ".npz")


def require(path: Path) -> None:
    """Raise unless there is a file of a known kind.

    Raises:
        DataError: otherwise.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if path.suffix.lower() not in KINDS:
        raise DataError(
            f"{path}: a table must be a file of one of the kinds {', '.join(KINDS)}, not {path.suffix or 'one without an ending'}"
        )


def read_columns(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], Chunk]:
    """Names and values of a whole file's inputs and outputs.

    Raises:
        DataError: if the file is missing, of another kind or damaged, or its columns are not as asked for.
    """
    require(path)
    if path.suffix.lower() in HDF5:
        rows = Hdf5Rows.of(path, inputs, outputs)
        return rows.inputs, rows.outputs, next(rows.chunks(max(rows.n_points, 1)), _no_rows(rows.inputs, rows.outputs))
    known, read = _csv(path) if path.suffix.lower() == ".csv" else _npz(path)
    x, y = chosen_columns(path, known, inputs, outputs)
    return x, y, (read(x), read(y))


def _no_rows(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Chunk:
    return np.zeros((0, len(inputs))), np.zeros((0, len(outputs)))


Reader = Callable[[tuple[str, ...]], Float[np.ndarray, "n k"]]


def _csv(path: Path) -> tuple[list[str], Reader]:
    with path.open(encoding="utf-8-sig") as file:
        known = [name.strip().strip('"') for name in file.readline().split(",")]

    def read(names: tuple[str, ...]) -> Float[np.ndarray, "n k"]:
        try:
            with path.open(encoding="utf-8-sig") as file:
                return np.loadtxt(file, delimiter=",", skiprows=1, usecols=[known.index(name) for name in names], ndmin=2, comments=None)
        except ValueError as error:
            raise DataError(f"{path}: {str(error).rstrip('.')}; every line after the names must hold {len(known)} numbers") from error

    return known, read


def _npz(path: Path) -> tuple[list[str], Reader]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as npz; is it complete? ({error})") from error
    except Exception as error:  # zipfile raises errors of its own for a damaged archive
        raise DataError(f"{path}: cannot be read as npz: it is damaged ({error})") from error
    numbers = {name: array for name, array in arrays.items() if np.issubdtype(array.dtype, np.number)}

    def names_of(array: str) -> list[str] | None:
        given = arrays.get(f"{array}_columns")
        return None if given is None else [text_of(name) for name in given]

    places = places_of(path, {name: array.shape for name, array in numbers.items()}, names_of)

    def read(names: tuple[str, ...]) -> Float[np.ndarray, "n k"]:
        columns = [numbers[a] if c is None else numbers[a][:, c] for a, c in (places[name] for name in names)]
        if len({len(column) for column in columns}) > 1:
            raise DataError(
                f"{path}: columns differ in length: " + ", ".join(f"{n} has {len(c):,} rows" for n, c in zip(names, columns, strict=True))
            )
        return np.stack(columns, axis=1).astype(np.float64)

    return list(places), read
