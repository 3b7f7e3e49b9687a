"""What a solver left in a file as a field: axes and values, whatever the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.columns.column_file import Reading, read
from binn_cli.datasets.columns.netcdf_file import NetcdfFile, has_dimensions
from binn_cli.datasets.columns.opening import kind_of
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.by_callable import WHOLE
from binn_cli.datasets.simulator.field_arrays import hdf5_arrays, npz_arrays, vtk_arrays
from binn_cli.datasets.structure import found_structure, is_place
from binn_cli.errors import DataError

Arrays = Mapping[str, np.ndarray]
MESH_TOLERANCE = 1e-9
"""Share of a coordinate's range by which a point may differ between two cases and be the same."""
INDEX = "index"
NO_UNITS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Layout:
    """What the user says of a solver's output.

    Attributes:
        outputs: names of the outputs.
        axes: names of the coordinates of a field; found where empty.
        parameters: names that are neither, though they may stand in the file.
        mesh: a field's coordinates, one row a point, where they stand in a file of their own; a dictionary of columns.
    """

    outputs: tuple[str, ...]
    axes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    mesh: Mapping[str, Float[np.ndarray, " n"]] | None = None


@dataclass(frozen=True, eq=False)
class Field:
    """The outputs of one case.

    Attributes:
        axes: where they are known; none where each is a single number.
        values: (n_1, …, n_A, L).
        units: the L units, empty where none is stated.
    """

    axes: tuple[Axis, ...]
    values: Float[np.ndarray, "*points L"]
    units: tuple[str, ...] = ()

    def differs_from(self, axes: Sequence[Axis]) -> str:
        """How the axes differ from those of another case, one clause; empty where they do not."""
        shape, other = tuple(axis.size for axis in self.axes), tuple(axis.size for axis in axes)
        if shape != other:
            told = f"has {_shape(shape)}, but the cases before it have {_shape(other)}"
            if shape and other:
                return told
            # Another column of a table may have been taken for a coordinate where a case has two rows.
            names = ", ".join(name for axis in (*self.axes, *axes) for name in axis.coordinates)
            return f"{told}, told apart by {names} (dataset.axes says which columns are coordinates)"
        for own, known in zip(self.axes, axes, strict=True):
            if own.coordinates != known.coordinates:
                return (
                    f"is known along {', '.join(own.coordinates)}, but the cases before it along "
                    f"{', '.join(known.coordinates)}"
                )
            apart = np.abs(own.points - known.points)
            far = apart > MESH_TOLERANCE * np.maximum(np.ptp(known.points, axis=0), np.finfo(float).tiny)
            if far.any():
                row, column = np.argwhere(far)[0]
                name = own.coordinates[column]
                return (
                    f"has {name} = {own.points[row, column]:.9g} where the cases before it have "
                    f"{known.points[row, column]:.9g}; "
                    "every case must be known at the same points (dataset.axes says which columns are coordinates)"
                )
        return ""


def _shape(sizes: tuple[int, ...]) -> str:
    points = " × ".join(f"{size:,}" for size in sizes) if sizes else "1"
    return f"values at {points} point{'' if sizes in ((), (1,)) else 's'}"


def decoded(path: Path, layout: Layout) -> Field:
    """The field in a file: text (CSV and the like), HDF5, NetCDF, npy, npz, Parquet or VTK.

    Raises:
        DataError: if the file cannot be read, lacks an output, or a value is not finite.
    """
    if not path.is_file():
        raise DataError(f"{path.name}: there is no such file")
    arrays = _arrays(path, layout)
    field = _of_table(path, layout) if arrays is None else _of_arrays(path.name, arrays, layout)
    if not np.isfinite(field.values).all():
        index = np.argwhere(~np.isfinite(field.values))[0]
        count = int(np.sum(~np.isfinite(field.values)))
        at = ", ".join(
            f"{name} = {value:.6g}"
            for axis, i in zip(field.axes, index, strict=False)
            for name, value in zip(axis.coordinates, axis.points[i], strict=True)
        )
        where = f", first at {at}" if at else ""
        of = f" ({count:,} of {field.values.size:,} values{where})" if field.values.size > 1 else ""
        raise DataError(f"{path.name}: {layout.outputs[index[-1]]!r} is {field.values[tuple(index)]}{of}")
    return field


def _arrays(path: Path, layout: Layout) -> Arrays | None:
    """The arrays of a file whose arrays have dimensions, None where it is a table."""
    vtk = vtk_arrays(path, layout.outputs)
    if vtk is not None:
        return vtk
    kind = kind_of(path)
    if kind == "npy":
        return {WHOLE: np.load(path, allow_pickle=False)}
    if kind == "npz":
        return npz_arrays(path)
    if kind == "hdf5" and not has_dimensions(path):
        return hdf5_arrays(path)
    return None


def _of_table(path: Path, layout: Layout) -> Field:
    """A field whose points are rows."""
    file = opened_columns(path, Reading(), (*layout.outputs, *layout.axes))
    wanted = [_named(path, name, list(file.units)) for name in layout.outputs]
    if layout.axes:
        coordinates = [_named(path, name, list(file.units)) for name in layout.axes]
    elif layout.mesh is not None:
        coordinates = []
    else:
        possible = [name for name in file.units if name not in wanted and name not in layout.parameters]
        if isinstance(file, NetcdfFile):
            found = file.possible_inputs(tuple(wanted))
            possible = [name for name, why in found.items() if why is None and name not in layout.parameters]
        coordinates = possible
    table = read(file, [*coordinates, *wanted])
    if len(table) == 0:
        raise DataError(f"{path.name}: there is no row below the names")
    points = dict(zip(coordinates, table.T[: len(coordinates)], strict=True))
    values = table[:, len(coordinates) :]
    bad = [name for name, column in points.items() if not np.isfinite(column).all()]
    if bad and layout.axes:
        raise DataError(f"{path.name}: the coordinate {bad[0]!r} has a value that is not finite")
    points = {name: column for name, column in points.items() if name not in bad}
    units = tuple(file.units[name] for name in wanted)
    return placed(path.name, points, values, layout, units, {name: file.units[name] for name in points})


def _named(path: Path, name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    raise DataError(
        f"{path.name}: there is no {name!r}{did_you_mean(name, known)}; it has "
        f"{', '.join(known) or 'no column of numbers'}"
    )


def placed(
    name: str,
    points: Mapping[str, np.ndarray],
    values: Float[np.ndarray, "n L"],
    layout: Layout,
    units: tuple[str, ...] = (),
    point_units: Mapping[str, str] = NO_UNITS,
) -> Field:
    """Rows as a field: single numbers, a grid, a product of meshes, or points.

    Args:
        name: what holds them, for errors.
        points: coordinates of the rows.
        values: (n, L) outputs of the rows.
        layout: what the user says of them.
        units: of the outputs.
        point_units: of the coordinates.

    Raises:
        DataError: if the rows do not fit the mesh.
    """
    if layout.mesh is not None:
        points, point_units = layout.mesh, {}
        size = len(next(iter(points.values())))
        if size != len(values):
            raise DataError(f"{name}: has {len(values):,} values, but dataset.mesh has {size:,} points")
    if len(values) == 1 and not layout.axes and layout.mesh is None:
        return Field((), values[0], units)
    if not layout.axes and layout.mesh is None:
        points = _coordinates_among(points)
    if not points:
        return Field((Axis.of(INDEX, np.arange(len(values), dtype=float)),), values, units)
    names = list(points)
    x = np.column_stack([points[key] for key in names])
    found = _as_grid(x)
    if found is not None:
        levels, order = found
        axes = tuple(Axis.of(key, level, point_units.get(key, "")) for key, level in zip(names, levels, strict=True))
        return Field(axes, values[order].reshape(*map(len, levels), values.shape[1]), units)
    structure = found_structure(x, names)
    if structure is not None and structure.share == 1.0:
        spread, _ = structure.spread(values)
        return Field(structure.axes(names, [point_units.get(key, "") for key in names]), spread, units)
    return Field((Axis("node", x, tuple(names), tuple(point_units.get(key, "") for key in names)),), values, units)


def _coordinates_among(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns that are coordinates: those that are called like one, if they tell the rows apart, or all that
    vary."""
    varying = {name: column for name, column in columns.items() if np.ptp(column) > 0}
    called = {name: column for name, column in varying.items() if is_place(name)}
    if not called or len(called) == len(varying):
        return varying
    x = np.column_stack(list(called.values()))
    return called if len(np.unique(x, axis=0)) == len(x) else varying


def _as_grid(x: Float[np.ndarray, "n D"]) -> tuple[list[np.ndarray], np.ndarray] | None:
    """The levels of every coordinate and the row of each combination, where the points are all combinations."""
    found = [np.unique(column, return_inverse=True) for column in x.T]
    sizes = [len(levels) for levels, _ in found]
    if float(np.prod(np.array(sizes, dtype=float))) != len(x):
        return None
    flat = np.ravel_multi_index([inverse.ravel() for _, inverse in found], sizes)
    order = np.argsort(flat, kind="stable")
    return ([levels for levels, _ in found], order) if np.array_equal(flat[order], np.arange(len(x))) else None


def _of_arrays(name: str, arrays: Arrays, layout: Layout) -> Field:
    """A field whose arrays have a dimension for each axis, or one for all points."""
    outputs = _outputs_among(name, arrays, layout.outputs)
    shapes = {output: array.shape for output, array in outputs.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{output!r} {shape}" for output, shape in shapes.items())
        raise DataError(f"{name}: the outputs differ in shape: {told}")
    shape = next(iter(shapes.values()))
    values = np.stack([np.asarray(array, dtype=np.float64) for array in outputs.values()], axis=-1)
    size = int(np.prod(shape))
    if size == 0:
        raise DataError(f"{name}: the outputs are empty")
    named = all(output in arrays for output in layout.outputs)
    others = {key: array for key, array in arrays.items() if named and key not in (*layout.outputs, *layout.parameters)}
    if layout.mesh is not None or (size == 1 and not layout.axes):
        return placed(name, {}, values.reshape(size, -1), layout)
    coordinates = _coordinates(name, others, shape, layout.axes)
    if coordinates is None:
        axes = [
            Axis.of(INDEX if len(shape) == 1 else f"{INDEX}_{i + 1}", np.arange(n, dtype=float))
            for i, n in enumerate(shape)
        ]
        return Field(tuple(axes), values)
    first = next(iter(coordinates.values()))
    if first.shape == shape:
        points = {key: np.asarray(array, dtype=np.float64).ravel() for key, array in coordinates.items()}
        return placed(name, points, values.reshape(size, -1), layout)
    axes = [Axis.of(key, np.asarray(array, dtype=np.float64).ravel()) for key, array in coordinates.items()]
    return Field(tuple(axes), values)


def _outputs_among(name: str, arrays: Arrays, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays of the outputs: by their names, by their places, or as one array of all."""
    if all(output in arrays for output in outputs):
        return {output: arrays[output] for output in outputs}
    if set(arrays) == {str(i) for i in range(len(outputs))}:
        return {output: arrays[str(i)] for i, output in enumerate(outputs)}
    if len(arrays) == 1 and next(iter(arrays)) in (WHOLE, "0", "arr_0"):
        whole = next(iter(arrays.values()))
        if len(outputs) == 1:
            return {outputs[0]: whole}
        if whole.ndim and whole.shape[-1] == len(outputs):
            return {output: whole[..., i] for i, output in enumerate(outputs)}
        if whole.ndim and whole.shape[0] == len(outputs):
            return {output: whole[i] for i, output in enumerate(outputs)}
        raise DataError(
            f"{name}: has one array of shape {whole.shape} for the {len(outputs)} outputs {', '.join(outputs)}"
        )
    missing = next(output for output in outputs if output not in arrays)
    raise DataError(
        f"{name}: there is no {missing!r}{did_you_mean(missing, arrays)}; it has "
        f"{', '.join(arrays) or 'no array of numbers'}"
    )


def _coordinates(
    name: str, others: Arrays, shape: tuple[int, ...], axes: tuple[str, ...]
) -> dict[str, np.ndarray] | None:
    """The arrays that say where the outputs are known: one for each dimension, or some with a value for each point."""
    if axes:
        for axis in axes:
            if axis not in others:
                raise DataError(
                    f"{name}: there is no coordinate {axis!r}{did_you_mean(axis, others)}; it has "
                    f"{', '.join(others) or 'none'}"
                )
        chosen = {axis: others[axis] for axis in axes}
        if not all(array.shape == shape for array in chosen.values()) and [
            array.size for array in chosen.values()
        ] != list(shape):
            told = ", ".join(f"{axis!r} {array.shape}" for axis, array in chosen.items())
            raise DataError(f"{name}: the coordinates ({told}) do not fit the outputs, which have the shape {shape}")
        return chosen
    found = _by_length(name, {key: array for key, array in others.items() if array.ndim == 1}, shape)
    return found or {key: array for key, array in others.items() if array.shape == shape} or None


def _by_length(name: str, arrays: Arrays, shape: tuple[int, ...]) -> dict[str, np.ndarray] | None:
    """The one array for each dimension whose length fits; None where there is none.

    Raises:
        DataError: if two dimensions are of one length, so that the lengths do not tell which array is whose.
    """
    lengths = [array.size for array in arrays.values()]
    if sorted(lengths) != sorted(shape) or len(shape) < 2:
        return None
    if len(set(shape)) < len(shape):
        listed = ", ".join(arrays)
        raise DataError(
            f"{name}: {listed} may be the axes of the outputs in several orders; say which with dataset.axes=[{listed}]"
        )
    return {key: array for size in shape for key, array in arrays.items() if array.size == size}
