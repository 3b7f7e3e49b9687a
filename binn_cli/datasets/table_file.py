"""Named columns of numbers in HDF5, CSV and npz files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.rows import Chunk, spans
from binn_cli.errors import DataError

HDF5 = (".h5", ".hdf5", ".he5")
KINDS = (*HDF5, ".csv", ".npz")

Column = tuple[str, int | None]
"""Name of an array in a file and, if it has two dimensions, which of its columns."""


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


def _places(path: Path, shapes: dict[str, tuple[int, ...]], names_of: Callable[[str], Sequence[str] | None]) -> dict[str, Column]:
    """Where each named column is."""
    found: dict[str, Column] = {}
    for array, shape in shapes.items():
        if len(shape) == 1:
            found[array] = (array, None)
        elif len(shape) == 2:
            names = names_of(array)
            own = [f"{array}[{c}]" for c in range(shape[1])] if names is None else [str(name) for name in names]
            if len(own) != shape[1]:
                raise DataError(f"{path}: {array!r} has {shape[1]} columns, but {len(own)} names for them")
            found.update({name: (array, c) for c, name in enumerate(own)})
    if not found:
        raise DataError(f"{path}: there is no column; give arrays of one or two dimensions")
    return found


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _hdf5_layout(file: Any, path: Path) -> tuple[dict[str, Column], dict[str, int]]:
    """Columns of an open HDF5 file, and the number of rows of every array."""
    import h5py

    shapes: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.number):
            shapes[name] = item.shape

    file.visititems(visit)

    def names_of(array: str) -> list[str] | None:
        given = file[array].attrs.get("columns")
        return None if given is None else [_text(name) for name in given]

    return _places(path, shapes, names_of), {name: shape[0] for name, shape in shapes.items() if shape}


def chosen_columns(
    path: Path, known: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of inputs and outputs; no inputs stands for every column that is not an output.

    Raises:
        DataError: if a name is unknown, or nothing is left.
    """
    listed = ", ".join(known)
    if not outputs:
        raise DataError(f"{path}: name the columns that are outputs with dataset.outputs=[…]; the file has {listed}")
    for name in (*inputs, *outputs):
        if name not in known:
            raise DataError(f"{path}: there is no column {name!r}; the file has {listed}")
    taken = tuple(inputs) or tuple(name for name in known if name not in outputs)
    if not taken:
        raise DataError(f"{path}: every column is an output; leave at least one for an input")
    return taken, tuple(outputs)


@dataclass(frozen=True)
class Hdf5Rows:
    """Columns of an HDF5 file as rows that are read in chunks; see `RowChunks`.

    Attributes:
        path: the file.
        inputs, outputs: names of the columns.
        n_points: number of rows.
        places: where every column is.
    """

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    n_points: int
    places: dict[str, Column]

    @classmethod
    def of(cls, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> Hdf5Rows:
        """The rows of a file.

        Raises:
            DataError: if the file cannot be opened, a column is not there, or columns differ in length.
        """
        with _opened(path) as file:
            places, lengths = _hdf5_layout(file, path)
        x, y = chosen_columns(path, list(places), inputs, outputs)
        sizes = {name: lengths[places[name][0]] for name in (*x, *y)}
        if len(set(sizes.values())) != 1:
            raise DataError(f"{path}: columns differ in length: " + ", ".join(f"{name} has {n:,} rows" for name, n in sizes.items()))
        return cls(path, x, y, next(iter(sizes.values())), places)

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        with _opened(self.path) as file:
            arrays = {self.places[name][0] for name in (*self.inputs, *self.outputs)}
            whole = self.path.stat().st_size
            for first, last in spans(size, begin, self.n_points if end is None else end):
                try:
                    chunk = self._table(file, self.inputs, first, last), self._table(file, self.outputs, first, last)
                except OSError as error:
                    raise self._damaged(self._unreadable(file, first, last)) from error
                # HDF5 reads zeros where a file that was whole when it was opened has since become shorter.
                size_now = self.path.stat().st_size
                lost = min(_first_lost_row(file[array], size_now) for array in arrays) if size_now < whole else last
                if lost < last:
                    raise self._damaged(max(lost, first))
                yield chunk

    def _damaged(self, row: int) -> DataError:
        problem = f"row {row:,} of {self.n_points:,} cannot be read: the file is cut short or damaged; write or copy it again"
        return DataError(f"{self.path}: {problem}")

    def _table(self, file: Any, names: tuple[str, ...], first: int, last: int) -> Float[np.ndarray, "r k"]:
        arrays = {self.places[name][0] for name in names}
        whole = file[next(iter(arrays))]
        if len(arrays) == 1 and whole.ndim == 2 and [self.places[name][1] for name in names] == list(range(whole.shape[1])):
            return np.asarray(whole[first:last], dtype=np.float64)  # the columns as they stand: one read
        table = np.empty((last - first, len(names)))
        for c, (array, column) in enumerate(self.places[name] for name in names):
            table[:, c] = file[array][first:last] if column is None else file[array][first:last, column]
        return table

    def _unreadable(self, file: Any, first: int, last: int) -> int:
        """The first row between the two that cannot be read."""
        while last - first > 1:
            middle = (first + last) // 2
            try:
                for name in (*self.inputs, *self.outputs):
                    self._table(file, (name,), first, middle)
                first = middle
            except OSError:
                last = middle
        return first


def _first_lost_row(array: Any, size: int) -> int:
    """The first row of an array whose bytes lie beyond the size of the file, or the number of rows."""
    rows = int(array.shape[0])
    if array.chunks is None:
        offset = array.id.get_offset()
        if offset is None:  # compact: within the header
            return rows
        return min(rows, max(0, size - offset) * rows // max(array.nbytes, 1))
    if array.id.get_num_chunks() == 0:
        return rows
    infos = (array.id.get_chunk_info(i) for i in range(array.id.get_num_chunks()))
    return min((info.chunk_offset[0] for info in infos if info.byte_offset + info.size > size), default=rows)


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: cannot be read as HDF5; is it complete? ({error})") from error


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
        return None if given is None else [_text(name) for name in given]

    places = _places(path, {name: array.shape for name, array in numbers.items()}, names_of)

    def read(names: tuple[str, ...]) -> Float[np.ndarray, "n k"]:
        columns = [numbers[a] if c is None else numbers[a][:, c] for a, c in (places[name] for name in names)]
        if len({len(column) for column in columns}) > 1:
            raise DataError(
                f"{path}: columns differ in length: " + ", ".join(f"{n} has {len(c):,} rows" for n, c in zip(names, columns, strict=True))
            )
        return np.stack(columns, axis=1).astype(np.float64)

    return list(places), read
