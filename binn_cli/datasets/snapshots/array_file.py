"""Fields in files without cells: columns of text, HDF5, Parquet and NumPy, and variables of NetCDF along named
dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from binn_cli.datasets.columns.column_file import ColumnFile, Reading, read
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.netcdf_file import NetcdfFile
from binn_cli.datasets.columns.numpy_file import NumpyFile
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.datasets.snapshots.snapshot import Snapshot, chosen_coordinates, components, field_name
from binn_cli.datasets.structure import is_place
from binn_cli.errors import DataError

POINTS = re.compile(r"point|coord|node|vert|xyz|mesh|position|location", re.IGNORECASE)
"""What an array of two dimensions is called if its rows are places."""
NUMBER_OF_POINT = re.compile(r"(node|cell|element|point)s?[ _-]?(number|nr|no|id|index)?", re.IGNORECASE)
NODE = "node"
"""The coordinate of fields of which nothing says where they are known: the number of the point."""


def from_arrays(path: Path, shown: str, outputs: Sequence[str], coordinates: Sequence[str]) -> Snapshot:
    """The fields of a file without cells; see `read_snapshot`."""
    try:
        file = opened_columns(path, Reading(), (*coordinates, *outputs))
    except DataError as error:
        raise DataError(str(error).replace(str(path), shown)) from error
    arrays = _arrays(file)
    if arrays is not None:
        return _of_arrays(arrays, shown, outputs, coordinates)
    names: Mapping[str, object] = dict.fromkeys(file.units)
    if isinstance(file, NetcdfFile) and set(outputs) <= set(file.units):
        names = {name: None for name, why in file.possible_inputs(outputs).items() if why is None}
    fields = [field_name(file.units, name, shown) for name in outputs]
    possible = [name for name in names if name not in fields]
    where = list(coordinates) or _of_places(possible) or possible
    counted = _without_coordinate(file, fields, where, coordinates)
    where = [name for name in where if name not in counted]
    table = read(file, [*where, *fields])
    output_units = tuple(file.units[name] for name in fields)
    values, units = table[:, len(where) :], {name: file.units[name] for name in where}
    table = np.column_stack([table[:, : len(where)], *counted.values()])
    where, units = [*where, *counted], units | dict.fromkeys(counted, "")
    places, kept = _numbers(len(table)), tuple[int, ...]()
    if where:
        places, kept = chosen_coordinates(table, where, coordinates, shown)
    chosen = tuple(where[k] for k in kept)
    return _snapshot(places, chosen, tuple(units[name] for name in chosen), values, output_units, shown)


def _of_places(names: Sequence[str]) -> list[str]:
    """The columns that say where, without one that only numbers the points."""
    places = [name for name in names if is_place(name)]
    return [name for name in places if not NUMBER_OF_POINT.fullmatch(name)] or places


def _without_coordinate(
    file: ColumnFile, fields: Sequence[str], where: Sequence[str], wanted: Sequence[str]
) -> dict[str, np.ndarray]:
    """The dimensions of NetCDF of which nothing says where their points are, as the number of the point in each row."""
    if not isinstance(file, NetcdfFile):
        return {}
    known = [name for name in where if name in file.units]
    spanned = file.spanned([*known, *fields])
    numbers = np.indices([file.sizes[name] for name in spanned]).reshape(len(spanned), -1)
    unplaced = [name for name in file.unplaced(fields, known) if not wanted or name in wanted]
    return {name: numbers[spanned.index(name)].astype(np.float64) for name in unplaced}


def _snapshot(
    points: np.ndarray,
    names: tuple[str, ...],
    units: tuple[str, ...],
    values: np.ndarray,
    output_units: tuple[str, ...],
    shown: str,
) -> Snapshot:
    if not np.isfinite(points).all():
        row, column = np.argwhere(~np.isfinite(points))[0]
        raise DataError(
            f"{shown}: the coordinate {names[column]!r} of point {row:,} is not a finite number; mend the file"
        )
    return Snapshot(points, names or (NODE,), units or ("",), values, output_units)


def _numbers(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.float64)[:, None]


def _arrays(file: ColumnFile) -> Mapping[str, np.ndarray] | None:
    """The arrays of NumPy and HDF5 files of which one has several dimensions, such as a field over times and points."""
    if isinstance(file, NumpyFile):
        found = {name: array for name, array in file.arrays.items() if array.dtype.kind in "biuf" and array.ndim}
    elif isinstance(file, Hdf5File):
        found = file.whole_arrays()
    else:
        return None
    named = {
        place.array
        for place in file.layout.places.values()
        if place.column is not None and f"{place.array}[0]" not in file.units
    }
    return found if any(array.ndim > 1 and name not in named for name, array in found.items()) else None


def _of_arrays(
    arrays: Mapping[str, np.ndarray], shown: str, outputs: Sequence[str], coordinates: Sequence[str]
) -> Snapshot:
    """Fields over the product of one-dimensional coordinates, found by their lengths; or at points in the rows of an
    array."""
    fields, used = _fields(arrays, outputs, shown)
    others = {name: array for name, array in arrays.items() if name not in used}
    shape = fields[0].shape
    axes: list[tuple[tuple[str, ...], np.ndarray]] = []
    for size in shape:
        taken = {name for names, _ in axes for name in names}
        axes.append(_axis(others, size, taken, coordinates, shape.count(size) > 1, shown))
    grids = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    points = np.concatenate([places[index.ravel()] for (_, places), index in zip(axes, grids, strict=True)], axis=1)
    names = [name for own, _ in axes for name in own]
    chosen, kept = chosen_coordinates(points, names, coordinates, shown)
    values = np.column_stack([np.asarray(field, dtype=np.float64).ravel() for field in fields])
    return _snapshot(chosen, tuple(names[k] for k in kept), ("",) * len(kept), values, ("",) * len(outputs), shown)


def _fields(arrays: Mapping[str, np.ndarray], outputs: Sequence[str], shown: str) -> tuple[list[np.ndarray], set[str]]:
    """The outputs, all of one shape, and the arrays that they are of; a component of a vector is named as in meshes."""
    parts = {
        part: (key, a) for key, array in arrays.items() if array.ndim == 2 for part, a in components(key, array).items()
    }
    known = {**parts, **{key: (key, array) for key, array in arrays.items()}}
    found = [known[field_name(known, name, shown)] for name in outputs]
    if len({array.shape for _, array in found}) > 1:
        told = ", ".join(f"{name} {array.shape}" for name, (_, array) in zip(outputs, found, strict=True))
        raise DataError(f"{shown}: the outputs differ in shape: {told}; choose outputs of one shape")
    return [array for _, array in found], {key for key, _ in found}


def _axis(
    arrays: Mapping[str, np.ndarray], size: int, taken: set[str], wanted: Sequence[str], repeated: bool, shown: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and places of the points along one dimension of the fields, of which another may have as many points."""
    lines = {name: array for name, array in arrays.items() if array.shape == (size,) and name not in taken}
    lines = {name: lines[name] for name in wanted if name in lines} if wanted else lines
    places = {name: array for name, array in lines.items() if is_place(name)} or lines
    if places:
        if repeated and not wanted:
            raise DataError(
                f"{shown}: the outputs have several dimensions of {size:,} points, and so has {' and '.join(places)}: "
                f"say with dataset.coordinates=[{','.join(places)}] which is the first, which the next"
            )
        own = dict([next(iter(places.items()))]) if repeated else places
        return tuple(own), np.column_stack([np.asarray(array, dtype=np.float64) for array in own.values()])
    for name, array in arrays.items():
        axes = tuple("xyz"[: array.shape[-1]])
        if (
            array.ndim == 2
            and array.shape[0] == size
            and array.shape[1] <= 3
            and POINTS.search(name)
            and not taken & set(axes)
        ):
            return axes, np.asarray(array, dtype=np.float64)
    return (NODE if NODE not in taken else f"{NODE}_{len(taken)}",), _numbers(size)
