"""Columns of an HDF5 file as rows that are read in chunks, while other programs may write to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns import Column, chosen_columns, places_of, text_of
from binn_cli.datasets.rows import Chunk, finite, spans
from binn_cli.errors import DataError

PATIENCE = 10.0
"""Seconds that a reader waits for another program that has the file open for writing."""


@dataclass(frozen=True)
class Stamp:
    """What tells a file from what stands in its place later.

    Attributes:
        identity: device and number of the file, which stay while it is written to.
        size: bytes.
        modified: when it was last written to, in nanoseconds.
    """

    identity: tuple[int, int]
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file.

        Raises:
            DataError: if there is none.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        return cls((status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Hdf5Rows:
    """Columns of an HDF5 file as rows that are read in chunks; see `RowChunks`.

    Attributes:
        path: the file.
        inputs, outputs: names of the columns.
        n_points: number of rows.
        places: where every column is.
        stamp: what tells that the file has changed.
    """

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    n_points: int
    places: dict[str, Column]
    stamp: Stamp

    @classmethod
    def of(cls, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> Hdf5Rows:
        """The rows of a file.

        Raises:
            DataError: if the file cannot be opened, a column is not there, or columns differ in length.
        """
        stamp = Stamp.of(path)
        with _opened(path) as file:
            places, lengths = _hdf5_layout(file, path)
        x, y = chosen_columns(path, list(places), inputs, outputs)
        sizes = {name: lengths[places[name][0]] for name in (*x, *y)}
        if len(set(sizes.values())) != 1:
            raise DataError(f"{path}: columns differ in length: " + ", ".join(f"{name} has {n:,} rows" for name, n in sizes.items()))
        return cls(path, x, y, next(iter(sizes.values())), places, stamp)

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`. Rows that are added to the file meanwhile are never among them.

        Raises:
            DataError: also if the file was replaced, lost rows or had its rows written anew since `of`.
        """
        file, seen = self._checked()
        try:
            for first, last in spans(size, begin, self.n_points if end is None else end):
                chunk = self._read(file, seen, first, last)
                while (now := Stamp.of(self.path)) != seen and now.size >= seen.size:
                    # What HDF5 remembers of a file that grows may be out of date, and then it reads zeros.
                    file.close()
                    file, seen = self._checked()
                    chunk = self._read(file, seen, first, last)
                yield finite(chunk, first, self)
        finally:
            file.close()

    def rows_now(self) -> int:
        """How many rows the file has by now; `n_points` of them were there at the start.

        Raises:
            DataError: as `chunks`.
        """
        file, _ = self._checked()
        with file:
            return self._length(file)

    def _checked(self) -> tuple[Any, Stamp]:
        """The open file, once it is clear that its first rows are those that it had at the start, and its stamp."""
        now = Stamp.of(self.path)
        file = _opened(self.path)
        if now != self.stamp and (problem := self._spoilt(file, now)):
            file.close()
            raise DataError(f"{self.path}: {problem} while it was being read; start again when it is complete")
        return file, now

    def _spoilt(self, file: Any, now: Stamp) -> str:
        """What has happened to the first rows of a file that has changed; nothing where rows were added."""
        if now.identity != self.stamp.identity:
            return "was replaced by another file"
        rows = self._length(file)
        if rows > self.n_points:
            return ""
        return "was written to" if rows == self.n_points else f"shrank from {self.n_points:,} rows to {rows:,}"

    def _length(self, file: Any) -> int:
        try:
            return min(int(file[self.places[name][0]].shape[0]) for name in (*self.inputs, *self.outputs))
        except KeyError:
            return 0

    def _read(self, file: Any, seen: Stamp, first: int, last: int) -> Chunk:
        try:
            chunk = self._table(file, self.inputs, first, last), self._table(file, self.outputs, first, last)
        except OSError as error:
            raise self._damaged(self._unreadable(file, first, last)) from error
        # HDF5 reads zeros where a file that was whole when it was opened has since become shorter.
        size = self.path.stat().st_size
        arrays = {self.places[name][0] for name in (*self.inputs, *self.outputs)}
        lost = min(_first_lost_row(file[array], size) for array in arrays) if size < seen.size else last
        if lost < last:
            raise self._damaged(max(lost, first))
        return chunk

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
        return None if given is None else [text_of(name) for name in given]

    return places_of(path, shapes, names_of), {name: shape[0] for name, shape in shapes.items() if shape}


def _opened(path: Path) -> Any:
    import h5py

    until = time.monotonic() + PATIENCE
    while True:
        try:
            return h5py.File(path, "r")
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise DataError(f"{path}: is open for writing in another program; close it there first") from error
            time.sleep(0.1)
        except OSError as error:
            raise DataError(f"{path}: cannot be read as HDF5; is it complete? ({error})") from error
