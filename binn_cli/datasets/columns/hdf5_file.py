"""Columns of HDF5 files: arrays, tables and records in any group, links followed, fill values and packed numbers
decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.arrays import Layout, Place, as_text, layout_of, texts_of_numbers
from binn_cli.datasets.columns.column_file import (
    LeftOut,
    Reading,
    counted_from_zero,
    none_blank,
    require_equal_lengths,
    without_numbers,
)
from binn_cli.datasets.columns.decoding import Decoding
from binn_cli.datasets.columns.doubts import LOOKED_AT
from binn_cli.datasets.columns.hdf5_opening import Stamp, first_lost_row, opened
from binn_cli.datasets.rows import spans
from binn_cli.errors import DataError

NAMES = "columns"
"""The attribute of an array with the names of its columns."""
MATLAB = "MATLAB_class"
"""The attribute of every array that MATLAB has written, which turns rows into columns."""
ROWS_AT_ONCE = 2**18


@dataclass(frozen=True)
class Hdf5File:
    """Columns of an HDF5 file; see `ColumnFile`. Rows can be read from anywhere.

    Attributes:
        path: the file.
        reading: what the user says of it.
        layout: where the columns are.
        decodings: how the numbers of an array are to be understood.
        units: units of the columns.
        stamp: what tells that the file has changed.
    """

    path: Path
    reading: Reading
    layout: Layout
    decodings: Mapping[str, Decoding]
    units: Mapping[str, str]
    stamp: Stamp
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, path: Path, reading: Reading) -> Hdf5File:
        """The columns of a file, of which only the names and shapes are read.

        Raises:
            DataError: if it cannot be opened, or holds no column.
        """
        stamp = Stamp.of(path)
        with opened(path) as file:
            arrays, unread = _walked(file)
            layout = layout_of(
                {name: (array.shape, _element(array)) for name, array in arrays.items()},
                lambda name: (
                    [as_text(text) for text in arrays[name].attrs[NAMES]] if NAMES in arrays[name].attrs else None
                ),
                unread,
                {name for name, array in arrays.items() if MATLAB in array.attrs},
            )
            decodings = {name: Decoding.of(array.attrs) for name, array in arrays.items()}
            units = {
                name: _unit(arrays[place.array].attrs.get("units"), place) for name, place in layout.places.items()
            }
        if not layout.places and not layout.left_out:
            raise DataError(
                f"{path}: holds no array; a table has one array of one dimension for each column, or one with all "
                f"columns"
            )
        return cls(path, reading, layout, decodings, units, stamp)

    @property
    def left_out(self) -> Mapping[str, LeftOut]:
        """See `ColumnFile`."""
        return self.layout.left_out

    def count(self, names: Sequence[str]) -> int:
        """How many rows the columns have.

        Raises:
            DataError: if they differ.
        """
        lengths = {name: self.layout.lengths[name] for name in names}
        require_equal_lengths(self.path, lengths)
        return next(iter(lengths.values()))

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """See `ColumnFile`."""
        for (table,) in self.rows([names], ROWS_AT_ONCE, 0, self.count(names)):
            yield table

    def rows(
        self, groups: Sequence[Sequence[str]], size: int, begin: int, end: int
    ) -> Iterator[tuple[Float[np.ndarray, "r k"], ...]]:
        """See `SeekableFile`. Rows that are added to the file meanwhile are never among them.

        Raises:
            DataError: also if the file was replaced, lost rows or had its rows written anew since `of`.
        """
        names = [name for group in groups for name in group]
        file, seen = self._checked(names)
        try:
            for first, last in spans(size, begin, end):
                chunk = self._read(file, seen, groups, first, last)
                while (now := Stamp.of(self.path)) != seen and now.size >= seen.size:
                    # What HDF5 remembers of a file that grows may be out of date, and then it reads zeros.
                    file.close()
                    file, seen = self._checked(names)
                    chunk = self._read(file, seen, groups, first, last)
                yield chunk
        finally:
            file.close()

    def added_rows(self, names: Sequence[str]) -> int:
        """How many rows the columns have by now beyond those that they had at the start.

        Raises:
            DataError: as `rows`.
        """
        file, _ = self._checked(names)
        with file:
            return self._length(file, names) - self.count(names)

    def _checked(self, names: Sequence[str]) -> tuple[Any, Stamp]:
        """The open file, once it is clear that its first rows are those that it had at the start, and its stamp."""
        now = Stamp.of(self.path)
        file = opened(self.path)
        if now != self.stamp and (problem := self._spoilt(file, now, names)):
            file.close()
            raise DataError(f"{self.path}: {problem} while it was being read; start again when it is complete")
        return file, now

    def _spoilt(self, file: Any, now: Stamp, names: Sequence[str]) -> str:
        """What has happened to the first rows of a file that has changed; nothing where rows were added."""
        if now.identity != self.stamp.identity:
            return "was replaced by another file"
        before, rows = self.count(names), self._length(file, names)
        if rows > before:
            return ""
        return "was written to" if rows == before else f"shrank from {before:,} rows to {rows:,}"

    def _length(self, file: Any, names: Sequence[str]) -> int:
        try:
            places = [self.layout.places[name] for name in names]
            return min(int(file[place.array].shape[place.across]) for place in places)
        except KeyError:
            return 0

    def _read(
        self, file: Any, seen: Stamp, groups: Sequence[Sequence[str]], first: int, last: int
    ) -> tuple[Float[np.ndarray, "r k"], ...]:
        names = [name for group in groups for name in group]
        try:
            chunk = tuple(
                self._table(file, [self.layout.places[name] for name in group], first, last) for group in groups
            )
        except OSError as error:
            raise self._damaged(self._unreadable(file, names, first, last), names) from error
        # HDF5 reads zeros where a file that was whole when it was opened has since become shorter.
        size = self.path.stat().st_size
        arrays = {(place.array, place.across) for place in (self.layout.places[name] for name in names)}
        lost = last
        if size < seen.size:
            lost = min(0 if across else first_lost_row(file[array], size) for array, across in arrays)
        if lost < last:
            raise self._damaged(max(lost, first), names)
        return chunk

    def whole_arrays(self) -> dict[str, np.ndarray]:
        """Every array of numbers as it is, NaN where a value is missing.

        Raises:
            DataError: if the file cannot be read.
        """
        with opened(self.path) as file:
            found = {
                name: _as_in_matlab(file[name][...]) if MATLAB in file[name].attrs else file[name][...]
                for name in self.decodings
                if file[name].dtype.kind in "biuf" and file[name].ndim and name not in self.left_out
            }
        return {name: self.decodings[name](array) for name, array in found.items()}

    def place(self, row: int) -> str:
        """See `ColumnFile`."""
        return counted_from_zero(row)

    def text(self, row: int, name: str) -> str:
        """See `ColumnFile`."""
        with opened(self.path) as file:
            place = self.layout.places[name]
            array = file[place.array]
            return str(place.of(array[:, row] if place.across else array[row]))

    def blank(self, rows: np.ndarray) -> np.ndarray:
        """See `ColumnFile`."""
        return none_blank(rows)

    def _damaged(self, row: int, names: Sequence[str]) -> DataError:
        problem = (
            f"row {row:,} of {self.count(names):,} cannot be read: the file is cut short or damaged; write or "
            f"copy it again"
        )
        return DataError(f"{self.path}: {problem}")

    def _table(self, file: Any, places: Sequence[Place], first: int, last: int) -> Float[np.ndarray, "r k"]:
        if not places:
            return np.zeros((last - first, 0))
        arrays = {place.array for place in places}
        whole = file[places[0].array]
        lying = {place.array for place in places if place.across}
        if (
            len(arrays) == 1
            and not lying
            and whole.ndim == 2
            and [place.column for place in places] == list(range(whole.shape[1]))
        ):
            table = self.decodings[places[0].array](whole[first:last])  # the columns as they stand: one read
        else:
            table = np.empty((last - first, len(places)))
            # Columns of one array, or fields of one record, are read together where most of them are wanted.
            slabs = {
                name: file[name][:, first:last].T if name in lying else file[name][first:last]
                for name in arrays
                if self._is_wanted_whole(file[name], name, places)
            }
            for c, place in enumerate(places):
                table[:, c] = self.decodings[place.array](
                    _column(slabs.get(place.array), file[place.array], place, first, last)
                )
        return without_numbers(table, self.reading.missing_numbers)

    @staticmethod
    def _is_wanted_whole(array: Any, name: str, places: Sequence[Place]) -> bool:
        count = sum(place.array == name for place in places)
        across = next(place.across for place in places if place.array == name)
        return bool(array.dtype.names) or (array.ndim == 2 and 2 * count >= array.shape[0 if across else 1])

    def _unreadable(self, file: Any, names: Sequence[str], first: int, last: int) -> int:
        """The first row between the two that cannot be read."""
        while last - first > 1:
            middle = (first + last) // 2
            try:
                for name in names:
                    self._table(file, (self.layout.places[name],), first, middle)
                first = middle
            except OSError:
                last = middle
        return first


def _column(slab: np.ndarray | None, array: Any, place: Place, first: int, last: int) -> np.ndarray:
    """The stored numbers of one column, out of rows that have been read as a whole or from the file."""
    if slab is not None:
        return place.of(slab)
    if place.across:
        return array[place.column, first:last]
    return array[first:last] if place.column is None else array[first:last, place.column]


def _unit(units: Any, place: Place) -> str:
    """The unit of a column: the array's own, or one of as many as it has columns."""
    if units is None:
        return ""
    if isinstance(units, (str, bytes)):
        return as_text(units)
    texts = [as_text(unit) for unit in np.atleast_1d(units).tolist()]
    return texts[place.column or 0] if (place.column or 0) < len(texts) else ""


def _element(array: Any) -> np.dtype:
    """The type of an array's elements; enumerations other than of true and false count as texts."""
    import h5py

    if as_text(array.attrs.get(MATLAB, "")) == "char":
        return np.dtype("S1")
    if h5py.check_string_dtype(array.dtype) is not None or h5py.check_enum_dtype(array.dtype) is not None:
        return np.dtype(bool) if array.dtype == bool else np.dtype("S1")
    return array.dtype


def _walked(root: Any) -> tuple[dict[str, Any], dict[str, LeftOut]]:
    """Every array once, under its shortest name, and the links that lead nowhere; links are followed, also to other
    files."""
    import h5py

    arrays: dict[str, Any] = {}
    unread: dict[str, LeftOut] = {}
    seen: dict[tuple[int, Any], str] = {}
    level = [("", root)]
    while level:  # one level of groups after the other, so that a link nearer to the root gives its name
        below = []
        for prefix, group in level:
            for key in group:
                if not prefix and key in ("#refs#", "#subsystem#"):  # what cells of MATLAB point to
                    continue
                name = prefix + key
                try:
                    item = group[key]
                except (KeyError, OSError) as error:
                    unread[name] = _broken(group.get(key, getlink=True), error)
                    continue
                info = h5py.h5o.get_info(item.id)
                identity = (info.fileno, info.addr)
                if identity in seen:
                    continue
                seen[identity] = name
                if isinstance(item, h5py.Group):
                    below.append((f"{name}/", item))
                elif isinstance(item, h5py.Dataset) and not _is_bare_dimension(item):
                    if (reason := _no_column(item)) is not None:
                        unread[name] = reason
                    else:
                        arrays[name] = item
        level = below
    return arrays, unread


def _no_column(array: Any) -> LeftOut | None:
    """Why an array has no numbers in rows, as its type does not tell; None elsewhere."""
    import h5py

    if array.shape is None or "MATLAB_empty" in array.attrs:
        return LeftOut("no value")
    if array.ndim == 1 and (array.dtype.kind == "S" or h5py.check_string_dtype(array.dtype) is not None):
        return texts_of_numbers(array[:LOOKED_AT].tolist())
    return None


def _as_in_matlab(array: np.ndarray) -> np.ndarray:
    """An array in MATLAB's order of dimensions; a row or a column of it in one dimension."""
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array.T


def _broken(link: Any, error: Exception) -> LeftOut:
    import h5py

    if isinstance(link, h5py.ExternalLink):
        return LeftOut(
            f"is a link to {link.path} in the file {link.filename}, which cannot be followed; put that file beside "
            f"this one",
            True,
        )
    if isinstance(link, h5py.SoftLink):
        return LeftOut(f"is a link to {link.path}, which is not there", True)
    return LeftOut(f"cannot be opened ({error})", True)


def _is_bare_dimension(array: Any) -> bool:
    """Whether an array only states the length of a dimension, as NetCDF does."""
    return bool(array.is_scale) and as_text(array.attrs.get("NAME", "")).startswith(
        "This is a netCDF dimension but not a netCDF variable"
    )
