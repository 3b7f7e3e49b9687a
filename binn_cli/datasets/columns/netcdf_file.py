"""Variables of NetCDF files, and of HDF5 files whose arrays have named dimensions, read by xarray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.arrays import as_text, unusable
from binn_cli.datasets.columns.column_file import LeftOut, Reading, none_blank
from binn_cli.datasets.columns.decoding import NEVER_WRITTEN, NEVER_WRITTEN_WHOLE, valid_range
from binn_cli.datasets.columns.hdf5_opening import opened as opened_hdf5
from binn_cli.datasets.columns.opening import reported
from binn_cli.errors import DataError


@dataclass(frozen=True)
class NetcdfFile:
    """Variables along named dimensions; see `ColumnFile`. A row is a combination of the points of all dimensions, the
    last one fastest.

    Attributes:
        path: the file.
        reading: what the user says of it.
        variables: the values of each variable of numbers, NaN where one is missing.
        dimensions: names of the dimensions of each variable.
        sizes: how many points each dimension has.
        coordinates: variables that say where the points of a dimension are.
        units: units of the variables.
        left_out: other variables.
    """

    path: Path
    reading: Reading
    variables: Mapping[str, Any]
    dimensions: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]
    coordinates: tuple[str, ...]
    units: Mapping[str, str]
    left_out: Mapping[str, LeftOut]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, path: Path, reading: Reading, engine: str) -> NetcdfFile:
        """The variables of a file; `engine` is xarray's name of what reads it.

        Raises:
            DataError: if it cannot be read.
        """
        import xarray as xr

        if engine == "h5netcdf":
            opened_hdf5(path).close()  # for its sentences about files that cannot be opened
        options: dict[str, Any] = {"phony_dims": "access"} if engine == "h5netcdf" else {}
        with reported(path):
            try:
                with xr.open_dataset(path, engine=engine, decode_times=False, **options) as opened:
                    dataset = opened.load()
            except (ValueError, TypeError, RuntimeError, KeyError) as error:
                raise DataError(
                    f"{path}: cannot be read as NetCDF ({' '.join(str(error).split())}); write or copy it again"
                ) from error
        variables, left_out = {}, {}
        for name, variable in dataset.variables.items():
            if (problem := unusable(variable.dtype)) is not None:
                left_out[str(name)] = problem
            elif not variable.dims:
                left_out[str(name)] = LeftOut("a single value")
            else:
                variables[str(name)] = _without_missing(variable, reading)
        if engine == "h5netcdf":
            left_out |= _groups(path)
        return cls(
            path,
            reading,
            variables,
            {name: tuple(map(str, dataset.variables[name].dims)) for name in variables},
            {str(name): int(size) for name, size in dataset.sizes.items()},
            tuple(str(name) for name in dataset.coords if str(name) in variables),
            {name: as_text(dataset.variables[name].attrs.get("units", "")) for name in variables},
            left_out,
        )

    def spanned(self, names: Sequence[str]) -> tuple[str, ...]:
        """The dimensions that some variables have, in the order of the one with most of them."""
        longest = sorted((self.dimensions[name] for name in names), key=len, reverse=True)
        return tuple(dict.fromkeys(dimension for dimensions in longest for dimension in dimensions))

    def possible_inputs(self, outputs: Sequence[str]) -> dict[str, LeftOut | None]:
        """Every other variable: None where it says where points of the outputs are, or else why it is no input."""
        spanned = self.spanned(outputs)
        found: dict[str, LeftOut | None] = {}
        for name in self.variables:
            if name in outputs:
                continue
            own = self.dimensions[name]
            if not set(own) <= set(spanned):
                found[name] = LeftOut(f"along {', '.join(own)}, of which the outputs know nothing")
            elif len(own) == len(spanned) > 1 and name not in self.coordinates:
                found[name] = LeftOut("a field of its own; name it in dataset.outputs to learn it")
            else:
                found[name] = None
        return found

    def unplaced(self, outputs: Sequence[str], inputs: Sequence[str]) -> tuple[str, ...]:
        """The dimensions of the outputs of which no input says where their points are."""
        known = {dimension for name in inputs for dimension in self.dimensions[name]}
        return tuple(name for name in self.spanned(outputs) if name not in known and self.sizes[name] > 1)

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """See `ColumnFile`; all rows at once."""
        spanned = self.spanned(names)
        shape = tuple(self.sizes[dimension] for dimension in spanned)
        yield np.stack([np.broadcast_to(self.along(name, spanned), shape).ravel() for name in names], axis=1)

    def along(self, name: str, dimensions: Sequence[str]) -> np.ndarray:
        """A variable with an axis for each of the dimensions, of length 1 where it does not depend on one."""
        own = self.dimensions[name]
        order = sorted(range(len(own)), key=lambda k: dimensions.index(own[k]))
        shape = [self.sizes[dimension] if dimension in own else 1 for dimension in dimensions]
        return self.variables[name].transpose(order).reshape(shape)

    def place(self, row: int) -> str:
        """See `ColumnFile`: the indices along the dimensions of the largest variable."""
        spanned = self.spanned(list(self.variables))
        index = np.unravel_index(row, [self.sizes[dimension] for dimension in spanned])
        return (
            ", ".join(f"{dimension} {int(i):,}" for dimension, i in zip(spanned, index, strict=True))
            + " (counted from 0)"
        )

    def text(self, row: int, name: str) -> str:
        """See `ColumnFile`."""
        return "missing (a fill value, or not a number)"

    def blank(self, rows: np.ndarray) -> np.ndarray:
        """See `ColumnFile`."""
        return none_blank(rows)


def has_dimensions(path: Path) -> bool:
    """Whether an HDF5 file says, as NetCDF does, along which dimensions its arrays of several dimensions lie."""
    import h5py

    with opened_hdf5(path) as file:
        arrays = [item for key in file if isinstance(item := file.get(key), h5py.Dataset)]
        fields = [array for array in arrays if array.shape is not None and array.ndim > 1]
        return any(all(len(dimension) for dimension in array.dims) for array in fields)


def _groups(path: Path) -> dict[str, LeftOut]:
    """The groups beside the variables of the root, which are not read with them."""
    import h5py

    with opened_hdf5(path) as file:
        names = [str(key) for key in file if isinstance(file.get(key), h5py.Group)]
    return dict.fromkeys(names, LeftOut("a group of its own, which is read from a file of its own alone"))


def _without_missing(variable: Any, reading: Reading) -> np.ndarray:
    """The values of a variable, NaN where one is missing: also those that were never written, or are not valid, of
    which xarray knows nothing."""
    values = variable.values
    never: Sequence[float] = NEVER_WRITTEN if values.dtype.kind == "f" else ()
    if values.dtype.kind == "i" and "_FillValue" not in variable.encoding:
        never = NEVER_WRITTEN_WHOLE.get(values.dtype.itemsize, ())
    found = np.array(values, dtype=np.float64)
    for number in (*never, *reading.missing_numbers):
        found[found == number] = np.nan
    low, high = valid_range(variable.attrs)
    packed = {name: variable.encoding.get(name) for name in ("scale_factor", "add_offset")}
    if any(value is not None for value in packed.values()) and _states_whole(variable.attrs):
        # Such limits are those of the stored numbers.
        scale, offset = packed["scale_factor"] or 1.0, packed["add_offset"] or 0.0
        low, high = sorted((low * scale + offset, high * scale + offset))
    found[(found < low) | (found > high)] = np.nan
    return found


def _states_whole(attributes: Mapping[str, Any]) -> bool:
    limits = [np.asarray(attributes[name]) for name in ("valid_range", "valid_min", "valid_max") if name in attributes]
    return bool(limits) and all(limit.dtype.kind in "iu" for limit in limits)
