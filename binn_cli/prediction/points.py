"""Points that somebody asks about, in a file of any kind: a table of them, or the axes of a grid. Columns are known by
name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.choice import Choice, chosen, require_units
from binn_cli.datasets.columns.column_file import ColumnFile, Reading
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.hdf5_opening import opened as opened_hdf5
from binn_cli.datasets.columns.netcdf_file import NetcdfFile
from binn_cli.datasets.columns.numpy_file import NumpyFile
from binn_cli.datasets.columns.table_reader import first_missing, opened_columns
from binn_cli.datasets.product import Axis
from binn_cli.errors import DataError
from binn_cli.models.scope import Scope


@dataclass(frozen=True)
class TableOfPoints:
    """Scattered points.

    Attributes:
        file: the columns.
        columns: names in the file of the inputs, in the surrogate's order.
        unused: names of columns that are no inputs.
    """

    file: ColumnFile
    columns: tuple[str, ...]
    unused: tuple[str, ...] = ()

    def chunks(self) -> Iterator[Float[np.ndarray, "r D"]]:
        """The points, so many at a time as suit the file.

        Raises:
            DataError: if a row lacks a number.
        """
        first = 0
        for table in self.file.chunks(self.columns):
            rows = first + np.arange(len(table))
            first += len(table)
            if not np.isfinite(np.sum(table)) and not (finite := np.isfinite(table)).all():
                blank = np.zeros(len(table), dtype=bool)
                empty = np.flatnonzero(np.isnan(table).all(axis=1))
                if len(empty):
                    blank[empty] = self.file.blank(rows[empty])
                if not finite[~blank].all():
                    why = first_missing(self.file, Choice(self.columns, ()), table[~blank], rows[~blank])
                    raise DataError(
                        f"{self.file.path}, {why}; every input of a point must be a number: mend the row, or leave "
                        f"it out"
                    )
                table = table[~blank]
            yield table


@dataclass(frozen=True)
class GridOfPoints:
    """All combinations of the points of some axes.

    Attributes:
        axes: one per dimension, whose coordinates are the inputs in the surrogate's order.
        unused: names of columns that are no inputs.
    """

    axes: tuple[Axis, ...]
    unused: tuple[str, ...] = ()


def points_of(path: Path, reading: Reading, scope: Scope, *, grid: bool = False) -> TableOfPoints | GridOfPoints:
    """What a file asks about.

    It is a grid where the inputs lie along dimensions of their own (NetCDF, or HDF5 whose arrays are dimension scales)
    or differ in length (HDF5, npz), and wherever `grid` says so.

    Args:
        path: the file.
        reading: how it is written, where that cannot be found.
        scope: names and units of the inputs.
        grid: whether every column is an axis.

    Raises:
        DataError: if the file cannot be read, lacks an input, states another unit, or a point is not finite.
    """
    file = opened_columns(path, reading, scope.inputs)
    if isinstance(file, Hdf5File) and len(_dimensions_of(path, scope.inputs)) > 1:
        file = NetcdfFile.of(path, reading, "h5netcdf")
    if isinstance(file, NumpyFile) and _is_nameless(file) and len(file.units) == len(scope.inputs):
        return TableOfPoints(file, tuple(file.units))
    choice = chosen(file, scope.inputs, (), outputs_needed=False)
    require_units(file, choice.inputs, scope.input_units, "in the training data")
    unused = tuple(name for name, reason in choice.left_out.items() if reason == "not named")
    if isinstance(file, NetcdfFile):
        return _of_dimensions(file, choice.inputs, scope, unused, grid)
    lengths = (
        {file.layout.lengths[name] for name in choice.inputs} if isinstance(file, (Hdf5File, NumpyFile)) else set[int]()
    )
    if grid or len(lengths) > 1:
        columns = [np.concatenate([chunk[:, 0] for chunk in file.chunks([name])]) for name in choice.inputs]
        return GridOfPoints(_axes(file, [column[~np.isnan(column)] for column in columns], scope), unused)
    return TableOfPoints(file, choice.inputs, unused)


def _dimensions_of(path: Path, names: Sequence[str]) -> set[str]:
    """Names of the dimensions along which arrays of an HDF5 file say that they lie; none where one does not say it."""
    found = set[str]()
    with opened_hdf5(path) as file:
        for name in names:
            array = file.get(name)
            if (
                array is None
                or not hasattr(array, "dims")
                or not (array.is_scale or (array.ndim == 1 and len(array.dims[0])))
            ):
                return set()
            found.add(array.name if array.is_scale else array.dims[0][0].name)
    return found


def _is_nameless(file: NumpyFile) -> bool:
    return len(file.arrays) == 1 and all(
        place.column is not None and name.endswith("]") for name, place in file.layout.places.items()
    )


def _of_dimensions(
    file: NetcdfFile, columns: Sequence[str], scope: Scope, unused: tuple[str, ...], grid: bool
) -> TableOfPoints | GridOfPoints:
    """Inputs along named dimensions: those of one dimension are the coordinates of one axis."""
    own = [file.dimensions[name] for name in columns]
    spanned = tuple(dict.fromkeys(dimension for dimensions in own for dimension in dimensions))
    if len(spanned) == 1 and not grid:
        return TableOfPoints(file, tuple(columns), unused)
    order = [dimensions[0] for dimensions in own]
    together = all(len(dimensions) == 1 for dimensions in own) and order == sorted(order, key=spanned.index)
    if not together:
        if grid:
            raise DataError(f"{file.path}: every input must lie along one dimension to be an axis; leave --grid out")
        return TableOfPoints(file, tuple(columns), unused)
    if grid and len(spanned) == 1:
        return GridOfPoints(_axes(file, [file.variables[name] for name in columns], scope), unused)
    axes, begin = [], 0
    for dimension in spanned:
        width = order.count(dimension)
        members = slice(begin, begin + width)
        table = np.stack([file.variables[name] for name in columns[members]], axis=1)
        _require_finite(file, table, scope.inputs[members])
        axes.append(Axis(dimension, table, scope.inputs[members], scope.input_units[members]))
        begin += width
    return GridOfPoints(tuple(axes), unused)


def _axes(file: ColumnFile, columns: Sequence[Float[np.ndarray, " n"]], scope: Scope) -> tuple[Axis, ...]:
    """An axis for each input."""
    axes = []
    for name, unit, values in zip(scope.inputs, scope.input_units, columns, strict=True):
        _require_finite(file, values[:, None], (name,))
        axes.append(Axis(name, values[:, None], (name,), (unit,)))
    return tuple(axes)


def _require_finite(file: ColumnFile, table: Float[np.ndarray, "n k"], names: Sequence[str]) -> None:
    if table.size == 0:
        raise DataError(f"{file.path}: {names[0]!r} has no value; give at least one")
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise DataError(
            f"{file.path}: {names[column]!r} is missing or not finite at {row} (counted from 0); give a number"
        )
