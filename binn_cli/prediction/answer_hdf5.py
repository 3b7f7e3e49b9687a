"""Answers as HDF5 that is NetCDF too: what `binn_cli.load(RUN).predict(…)` gives in Python, in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from binn_cli.datasets.product import Axis
from binn_cli.models.scope import Scope
from binn_cli.prediction.blocks import Answer
from binn_cli.results.dimensions import TEXT, TRUE_NAME, free_name

POINT = "point"
ROWS_OF_A_CHUNK = 2**15
_WITHOUT_VALUES = "This is a netCDF dimension but not a netCDF variable."
"""The name that the netCDF-4 format gives to a scale that has a length only."""


class Hdf5Answers:
    """Dimensions (point, output), or those of a grid and `output`; the inputs are variables along them."""

    def __init__(self, path: Path, scope: Scope, axes: Sequence[Axis]) -> None:
        """A new file; `axes` are those of a grid."""
        self._file = h5py.File(path, "w", track_order=True)
        self._scope, self._axes, self._count = scope, tuple(axes), 0
        self._reserved = {"output", "unit", "mean", "std_epistemic", "std_total", "outside", *([] if axes else [POINT])}
        self._inputs: dict[int, str] = {}
        self._file.attrs["Conventions"] = "CF-1.8"
        output = self._file.create_dataset("output", data=np.array(scope.outputs, dtype=object), dtype=TEXT)
        output.make_scale("output")
        self._file.create_dataset("unit", data=np.array(scope.output_units, dtype=object), dtype=TEXT).dims[
            0
        ].attach_scale(output)
        if axes:
            self._write_axes()

    def write(self, answer: Answer) -> None:
        """Add a block."""
        if self._count == 0:
            self._create(answer)
        if self._axes:
            where = tuple(slice(c, c + n) for c, n in zip(answer.corner, answer.outside.shape, strict=True))
        else:
            rows = self._count, self._count + len(answer.outside)
            where = (slice(*rows),)
            for name in ("outside", *answer.arrays, *self._inputs.values()):
                self._file[name].resize(rows[1], axis=0)
            for column, name in self._inputs.items():
                self._file[name][where] = answer.points[0][:, column]
        for name, array in answer.arrays.items():
            self._file[name][where] = array
        self._file["outside"][where] = answer.outside
        self._count += answer.outside.size

    def close(self) -> None:
        """Say how many points there are, and close the file."""
        if not self._axes and self._count:
            # No values are written: netCDF takes the length alone.
            point = self._file.create_dataset(POINT, shape=(self._count,), dtype=np.int8)
            point.make_scale(f"{_WITHOUT_VALUES}{self._count:10d}")
            for name, found in self._file.items():
                if isinstance(found, h5py.Dataset) and not found.is_scale and name != "unit":
                    found.dims[0].attach_scale(point)
        self._file.close()

    def _name(self, name: str) -> str:
        plain = free_name(self._file, name)
        return f"{plain} (input)" if plain in self._reserved else plain

    def _variable(self, name: str, unit: str, created: h5py.Dataset) -> h5py.Dataset:
        if name in self._scope.choices:  # the convention of NetCDF for numbers that stand for words
            texts = self._scope.choices[name]
            created.attrs["flag_values"] = np.arange(len(texts), dtype=float)
            created.attrs["flag_meanings"] = " ".join(text.replace(" ", "_") for text in texts)
        if unit:
            created.attrs["units"] = unit
        if created.name != f"/{name}":
            created.attrs[TRUE_NAME] = name
        return created

    def _write_axes(self) -> None:
        """A scale for each axis: its coordinate, or where it has several a length, along which they lie."""
        self._scales = []
        for axis in self._axes:
            if len(axis.coordinates) == 1:
                name = axis.coordinates[0]
                created = self._file.create_dataset(self._name(name), data=axis.points[:, 0])
                created.make_scale(created.name.lstrip("/"))
                self._variable(name, axis.units[0], created)
                self._scales.append(created)
                continue
            scale = self._file.create_dataset(self._name(axis.name), shape=(axis.size,), dtype=np.int8)
            scale.make_scale(f"{_WITHOUT_VALUES}{axis.size:10d}")
            self._scales.append(scale)
            for name, unit, values in zip(axis.coordinates, axis.units, axis.points.T, strict=True):
                created = self._variable(name, unit, self._file.create_dataset(self._name(name), data=values))
                created.dims[0].attach_scale(scale)

    def _create(self, answer: Answer) -> None:
        """Room for the answers; that of scattered points grows."""
        shape = tuple(axis.size for axis in self._axes) or (0,)
        growing = {"maxshape": (None,), "chunks": (ROWS_OF_A_CHUNK,)} if not self._axes else {}
        if not self._axes:
            for column, (name, unit) in enumerate(zip(self._scope.inputs, self._scope.input_units, strict=True)):
                created = self._file.create_dataset(self._name(name), shape=shape, dtype=np.float64, **growing)
                self._inputs[column] = self._variable(name, unit, created).name.lstrip("/")
        outputs = answer.mean.shape[-1]
        wide = {"maxshape": (None, outputs), "chunks": (ROWS_OF_A_CHUNK, outputs)} if growing else {}
        for name in answer.arrays:
            self._file.create_dataset(name, shape=(*shape, outputs), dtype=np.float64, **wide)
            self._attach(name, outputs=True)
        self._file.create_dataset("outside", shape=shape, dtype=np.int8, **growing).attrs["dtype"] = "bool"
        self._attach("outside", outputs=False)

    def _attach(self, name: str, *, outputs: bool) -> None:
        found = self._file[name]
        for index, scale in enumerate(self._scales if self._axes else []):
            found.dims[index].attach_scale(scale)
        if outputs:
            found.dims[found.ndim - 1].attach_scale(self._file["output"])
