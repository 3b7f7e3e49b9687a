"""Nested names, arrays and scalars as HDF5 groups, data sets and attributes: no pickle, nothing that runs when it is
read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from binn_cli.models.surrogate import Labelled, Tree
from binn_cli.results.dimensions import dataset, length_scale, scale, values_of, variables


def write_tree(parent: h5py.Group, name: str, tree: Tree) -> None:
    """Write a tree as the group `name`: a group for each subtree, a data set for each array, an attribute for each
    scalar.

    Raises:
        TypeError: if a leaf is neither an array of numbers, booleans or text nor such a scalar, or a name has a slash.
    """
    group = parent.create_group(name)
    for key, value in tree.items():
        if "/" in key or not key:
            raise TypeError(f"{group.name}: the name {key!r} must not be empty or hold a slash")
        if isinstance(value, Mapping):
            write_tree(group, key, value)
        elif isinstance(value, Labelled):
            _write_labelled(group, key, value)
        elif np.ndim(value) == 0:
            group.attrs[key] = attribute(value, f"{group.name}/{key}")
        else:
            _write_array(group, key, np.asarray(value))


def read_tree(group: h5py.Group) -> dict[str, Any]:
    """The tree that `write_tree` wrote."""
    tree: dict[str, Any] = {key: scalar(value) for key, value in group.attrs.items()}
    for key, found in variables(group).items():
        array = values_of(found)
        tree[key] = array.astype(bool) if found.attrs.get("dtype") == "bool" else array
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            tree[key] = read_tree(item)
    return tree


def attribute(value: Any, where: str) -> Any:
    """A scalar as an HDF5 attribute that netCDF-4 readers know; booleans become unsigned bytes, the only use of
    those."""
    plain = np.asarray(value)[()].item() if isinstance(value, np.generic) or hasattr(value, "dtype") else value
    if isinstance(plain, bool):
        return np.uint8(plain)
    if isinstance(plain, int):
        return np.int64(plain)
    if isinstance(plain, float):
        return np.float64(plain)
    if isinstance(plain, str):
        # HDF5 text can hold neither NUL nor the half characters of a file name that is not UTF-8
        return plain.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    raise TypeError(f"{where}: {type(value).__name__} cannot be kept; give a number, a boolean, a text or an array")


def scalar(value: Any) -> str | int | float | bool:
    """The scalar that `attribute` wrote."""
    if isinstance(value, np.uint8):
        return bool(value)
    return value.item() if isinstance(value, np.generic) else value


def _write_labelled(group: h5py.Group, key: str, labelled: Labelled) -> None:
    """A data set along dimensions of the stated names, whose coordinates count from 0."""
    for dimension, length in zip(labelled.dimensions, labelled.values.shape, strict=True):
        if dimension not in group:
            scale(group, dimension, np.arange(length))
    dataset(group, key, labelled.values, labelled.dimensions)


def _write_array(group: h5py.Group, key: str, array: np.ndarray) -> None:
    kind = array.dtype.kind
    if kind not in "biufUO" or (kind == "O" and not all(isinstance(item, str) for item in array.flat)):
        raise TypeError(f"{group.name}/{key}: an array of {array.dtype} cannot be kept; give numbers, booleans or text")
    names: list[str] = []
    for length in array.shape:
        # a netCDF variable must not use one dimension twice, as a square matrix would
        again = sum(name.startswith(f"size_{length}_") for name in names) + (f"size_{length}" in names)
        names.append(f"size_{length}" + (f"_{again + 1}" if again else ""))
        length_scale(group, names[-1], length)
    created = dataset(group, key, array.astype(np.int8) if kind == "b" else array, names)
    if kind == "b":
        created.attrs["dtype"] = "bool"
