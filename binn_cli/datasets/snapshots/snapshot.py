"""One simulation as points and the values of fields there, whatever kind of file holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.choice import same_name
from binn_cli.errors import DataError

COMPONENTS = "xyz"
ROUND_OFF = 2e-7
"""Share of the longest side of a mesh within which a coordinate is one value, written in single precision."""


@dataclass(frozen=True)
class Snapshot:
    """The fields of a simulation.

    Attributes:
        points: (n, d) where, and for a series also when, the values are known.
        coordinates: names of the d coordinates.
        units: their units.
        values: (n, L) the outputs; NaN where one is missing.
        output_units: units of the outputs.
    """

    points: Float[np.ndarray, "n d"]
    coordinates: tuple[str, ...]
    units: tuple[str, ...]
    values: Float[np.ndarray, "n L"]
    output_units: tuple[str, ...]


def read_snapshot(
    path: Path, shown: str, outputs: Sequence[str], location: str, coordinates: Sequence[str]
) -> Snapshot:
    """The fields of a file.

    Args:
        path: the file.
        shown: how to call it in an error.
        outputs: names of the fields; a component of a vector is `U_x` or `U[0]`.
        location: whether fields are taken at `point` or `cell`; `auto` where each is known at one of them alone.
        coordinates: which coordinates are inputs; all that vary where empty.

    Raises:
        DataError: if it cannot be read, or lacks a field.
        MissingExtraError: if the library for its kind is not installed.
    """
    endings = [ending.lower() for ending in PurePosixPath(path.name).suffixes[-2:]]
    if endings and (endings[-1] in TABULAR or (endings[-1] in COMPRESSED_TEXT and endings[0] in TABULAR)):
        from binn_cli.datasets.snapshots.array_file import from_arrays

        return from_arrays(path, shown, outputs, coordinates)
    from binn_cli.datasets.snapshots.mesh_file import from_mesh

    return from_mesh(path, shown, outputs, location, coordinates)


COMPRESSED_TEXT = (".gz", ".bz2", ".xz")
TABULAR = (
    ".csv",
    ".tsv",
    ".txt",
    ".dat",
    ".nc",
    ".nc4",
    ".cdf",
    ".h5",
    ".hdf5",
    ".he5",
    ".npz",
    ".npy",
    ".parquet",
    ".pq",
)
"""Endings of files without cells."""


def components(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """A field as one array per component: its own name for a scalar, `U_x` for vectors of two or three, `U[4]`
    beyond."""
    if array.ndim == 1 or array.shape[1] == 1:
        return {name: array.reshape(len(array))}
    flat = array.reshape(len(array), -1)
    few = flat.shape[1] <= len(COMPONENTS)
    return {f"{name}_{COMPONENTS[k]}" if few else f"{name}[{k}]": flat[:, k] for k in range(flat.shape[1])}


def picked(fields: Mapping[str, np.ndarray], names: Sequence[str], shown: str) -> Float[np.ndarray, "n L"]:
    """The named fields side by side.

    Raises:
        DataError: if one is not there.
    """
    return np.column_stack([np.asarray(fields[field_name(fields, name, shown)], dtype=np.float64) for name in names])


def field_name(fields: Mapping[str, object], name: str, shown: str) -> str:
    """The field that a name means.

    Raises:
        DataError: if there is none.
    """
    if name in fields:
        return name
    for known in fields:
        stem, mark, component = known.rpartition("_")
        if same_name(name, known) or (
            mark and component in COMPONENTS and name == f"{stem}[{COMPONENTS.index(component)}]"
        ):
            return known
    held = ", ".join(fields) or "none"
    raise DataError(f"{shown}: has no field {name!r}; its fields are {held}; name others with dataset.outputs")


def _varying(points: Float[np.ndarray, "n d"], names: Sequence[str]) -> np.ndarray:
    """Which coordinates are not the same everywhere; of x, y and z, round-off beside the longest does not count."""
    if len(points) == 0:
        return np.ones(points.shape[1], dtype=bool)
    span = np.ptp(points, axis=0)
    in_space = np.array([name in tuple(COMPONENTS) for name in names])
    least = np.where(in_space, ROUND_OFF * np.max(span, where=in_space, initial=0.0), 0.0)
    return np.asarray(span > least)


def chosen_coordinates(
    points: Float[np.ndarray, "n d"], names: Sequence[str], wanted: Sequence[str], shown: str
) -> tuple[Float[np.ndarray, "n k"], tuple[int, ...]]:
    """The coordinates that are asked for, or those that vary: a plane in space has two.

    Raises:
        DataError: if one is not there.
    """
    if wanted:
        missing = [name for name in wanted if name not in names]
        if missing:
            raise DataError(f"{shown}: has no coordinate {missing[0]!r}; its coordinates are {', '.join(names)}")
        kept = tuple(names.index(name) for name in wanted)
    else:
        kept = tuple(np.flatnonzero(_varying(points, names)).tolist()) or (0,)
    return np.ascontiguousarray(points[:, list(kept)], dtype=np.float64), kept
