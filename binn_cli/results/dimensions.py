"""HDF5 dimension scales as netCDF-4 readers expect them: every group holds the scales that its data sets refer to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import h5py
import numpy as np

TRUE_NAME = "long_name"
"""The attribute with what a variable is called where its own name had to differ; xarray labels figures with it."""

TEXT = h5py.string_dtype("utf-8")

_WITHOUT_VALUES = "This is a netCDF dimension but not a netCDF variable."
"""The name that the netCDF-4 format gives to a scale that has a length only."""


def scaled_group(root: h5py.Group, name: str, scales: Mapping[str, Sequence | np.ndarray]) -> h5py.Group:
    """A new group with one dimension scale per entry of `scales`, which holds the coordinate values, numbers or
    strings."""
    # netCDF-4 wants the order of creation; it also keeps a case's coordinates in the data set's own order
    group = root.create_group(name, track_order=True)
    for dimension, values in scales.items():
        scale(group, dimension, values)
    return group


def scale(group: h5py.Group, name: str, values: Sequence | np.ndarray) -> None:
    """A dimension scale with coordinate values."""
    _dataset(group, name, values).make_scale(name)


def length_scale(group: h5py.Group, name: str, length: int) -> None:
    """A dimension scale that has a length but no coordinate values."""
    if name not in group:
        group.create_dataset(name, data=np.zeros(length, dtype=np.int8)).make_scale(f"{_WITHOUT_VALUES}{length:10d}")


def dataset(group: h5py.Group, name: str, values: Sequence | np.ndarray, dimensions: Sequence[str]) -> h5py.Dataset:
    """A data set along scales of the same group, one name a dimension."""
    created = _dataset(group, name, values)
    if created.ndim != len(dimensions):
        raise ValueError(f"{name}: {created.ndim} dimensions cannot be called {', '.join(dimensions)}")
    for index, dimension in enumerate(dimensions):
        created.dims[index].attach_scale(group[dimension])
    return created


def free_name(group: h5py.Group, name: str) -> str:
    """A name for a variable, which must hold no slash and not be taken: one much like a slash stands for it.

    The name itself belongs into the attribute `TRUE_NAME`.
    """
    plain = name.replace("/", "\N{DIVISION SLASH}")
    return (
        plain if plain not in group else next(f"{plain}_{k}" for k in itertools.count(2) if f"{plain}_{k}" not in group)
    )


def values_of(found: h5py.Dataset) -> np.ndarray:
    """The values of a data set, text as an array of str."""
    if h5py.check_string_dtype(found.dtype) is not None:
        return np.asarray(found.asstr()[...], dtype=str)
    return np.asarray(found[...])


def variables(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """The data sets of a group by name, without its dimension scales and groups."""
    return {name: item for name, item in group.items() if isinstance(item, h5py.Dataset) and not item.is_scale}


def contents(group: h5py.Group, only: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The values of the data sets of a group by name, without its dimension scales and groups; of some names alone
    where they are given.

    The same as `values_of` for each of `variables`, in half the time: lists of runs read thousands of them.
    """
    values = {}
    for name in group:
        if only is not None and name not in only:
            continue
        found = h5py.h5o.open(group.id, name.encode())
        if not isinstance(found, h5py.h5d.DatasetID) or h5py.h5ds.is_scale(found):
            continue
        if found.dtype.kind == "O":
            values[name] = values_of(h5py.Dataset(found))
            continue
        array = np.empty(found.shape, found.dtype)
        found.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        values[name] = array
    return values


def _dataset(group: h5py.Group, name: str, values: Sequence | np.ndarray) -> h5py.Dataset:
    array = np.asarray(values)
    if array.dtype.kind in "UO":
        return group.create_dataset(name, data=array.astype(object), dtype=TEXT)
    return group.create_dataset(name, data=array)
