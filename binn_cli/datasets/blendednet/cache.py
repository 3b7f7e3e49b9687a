"""Cases converted once: one compressed HDF5 file a geometry, in which cases on one mesh share it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import astuple, dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.blendednet.archive import Archive
from binn_cli.datasets.blendednet.mesh import same_mesh, vertex_normals
from binn_cli.datasets.blendednet.selection import Case
from binn_cli.datasets.blendednet.vtk import SurfaceFields, captured, require, require_vtk, surface_fields
from binn_cli.datasets.once import made_once
from binn_cli.datasets.row_table import cached_file

log = logging.getLogger(__name__)

SCHEMA = "binn-blendednet/1"
"""Changes whenever the same archive gives other content, so that files of before are converted anew."""

MESH = "mesh_"
"""What the names of the groups with meshes begin with."""

AT_ONCE = 2
"""Files that are parsed at a time: as many as the smallest machine has cores, since each is in memory as a whole."""

CHUNK = 16384
"""Points a chunk: what is read from the disk at once."""

POINT_COORDINATES = {
    **{name: ("points", axis) for axis, name in enumerate(("x", "y", "z"))},
    **{name: ("normals", axis) for axis, name in enumerate(("n_x", "n_y", "n_z"))},
}
"""Which column of which array each coordinate of a point is."""


@dataclass(frozen=True)
class Mesh:
    """What the cases of one mesh have in common.

    Attributes:
        points: (n, 3) coordinates in m.
        triangles: (t, 3) rows of `points`.
    """

    points: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]


class Cache:
    """The converted cases of an archive; a case that changed in the archive is converted again.

    A file is written under a temporary name and moved into place, one geometry after the other: what an interrupted
    conversion finished stays, and the next one goes on from there. `AT_ONCE` cases are in memory at a time.
    """

    def __init__(self, directory: Path, archive: Archive) -> None:
        """`directory` is made when first needed."""
        self._directory = directory
        self._archive = archive
        self._origin = hashlib.sha256(str(archive.path.absolute()).encode()).hexdigest()[:16]

    def path(self, case: Case) -> Path:
        """The file that holds the case and all others of its geometry."""
        return self._directory / f"{case.folder}-{case.row.geometry}-{self._origin}.h5"

    def convert(self, cases: Sequence[Case], outputs: Sequence[str]) -> int:
        """Convert those of the cases, all of one geometry and folder, that the cache does not hold yet.

        Returns:
            How many were converted.

        Raises:
            DataError: if a file cannot be used, or lacks an output.
            ConfigError: if the directory cannot be written to.
        """
        with made_once(self.path(cases[0])):
            return self._convert(cases, outputs)

    def _convert(self, cases: Sequence[Case], outputs: Sequence[str]) -> int:
        path = self.path(cases[0])
        stamps = {case.row.name: self._archive.stamp(case.member) for case in cases}
        held = _stamps(path)
        missing = [case for case in cases if held.get(case.row.name) != stamps[case.row.name]]
        if not missing:
            return 0
        with cached_file(path, durable=True) as temporary, h5py.File(temporary, "w") as file:
            _begin(file, path, {case.row.name for case in missing}, bool(held))
            meshes = {key: _read_mesh(file[key]) for key in file if key.startswith(MESH)}
            for case, fields in zip(missing, self._parsed(missing), strict=True):
                require(fields.values, outputs, fields.others, case.where)
                _add(file, case.row.name, fields, stamps[case.row.name], meshes)
        return len(missing)

    def _parsed(self, cases: Sequence[Case]) -> Iterator[SurfaceFields]:
        """One case after the other, read and parsed by several threads: inflating and VTK's reader leave Python's lock
        free."""

        def parsed(case: Case) -> SurfaceFields:
            return surface_fields(self._archive.read(case.member), case.where, alone=False)

        require_vtk()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for first in range(0, len(cases), AT_ONCE):
                batch, said = cases[first : first + AT_ONCE], list[str]()
                with captured(said):
                    coming = [pool.submit(parsed, case) for case in batch]
                    wait(coming)
                if said:
                    # Something is wrong with one of them; alone, each is answerable for what VTK says.
                    yield from (surface_fields(self._archive.read(case.member), case.where) for case in batch)
                else:
                    yield from (fields.result() for fields in coming)

    def mesh_of(self, case: Case) -> str:
        """A name that two cases have in common exactly where they share a mesh."""
        with h5py.File(self.path(case), "r") as file:
            return f"{self.path(case).name}:{file['cases'][case.row.name].attrs['mesh']}"

    def stamp(self, case: Case) -> str:
        """A text that changes with the content of the case."""
        with h5py.File(self.path(case), "r") as file:
            return str(file["cases"][case.row.name].attrs["stamp"])

    def size(self, case: Case) -> int:
        """Number of points of the case's mesh."""
        with h5py.File(self.path(case), "r") as file:
            return int(_mesh(file, case)["points"].shape[0])

    def mesh(self, case: Case) -> Mesh:
        """The mesh of the case."""
        with h5py.File(self.path(case), "r") as file:
            return _read_mesh(_mesh(file, case))

    def coordinates(self, case: Case, names: Sequence[str], stride: int = 1) -> Float[np.ndarray, "n K"]:
        """The named ones of x, y, z, n_x, n_y and n_z at every `stride`-th point of the case's mesh."""
        with h5py.File(self.path(case), "r") as file:
            group = _mesh(file, case)
            arrays = {key: group[key][...] for key in {POINT_COORDINATES[name][0] for name in names} if key in group}
            if "normals" not in arrays and any(name.startswith("n_") for name in names):
                arrays["normals"] = vertex_normals(*astuple(_read_mesh(group)))
        columns = [arrays[key][::stride, axis] for key, axis in (POINT_COORDINATES[name] for name in names)]
        return np.stack(columns, axis=1).astype(np.float64)

    def values(self, case: Case, outputs: Sequence[str], stride: int = 1) -> Float[np.ndarray, "n L"]:
        """The outputs at every `stride`-th point of the case.

        Raises:
            DataError: if the case lacks an output or has values that are not finite.
        """
        with h5py.File(self.path(case), "r") as file:
            group = file["cases"][case.row.name]
            found = {name: group[name][...] for name in outputs if name in group}
            others = (*(name for name in group if name not in found), *(str(name) for name in group.attrs["others"]))
        require(found, outputs, others, case.where)
        return np.stack([found[name][::stride] for name in outputs], axis=1).astype(np.float64)


def _stamps(path: Path) -> dict[str, str]:
    """The stamps of the cases that a file holds; none where there is no file or it cannot be used."""
    if not path.is_file():
        return {}
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema") != SCHEMA:
                return {}
            return {name: str(group.attrs["stamp"]) for name, group in file["cases"].items()}
    except (OSError, KeyError, RuntimeError) as error:
        log.warning("the converted file %s cannot be read (%s); converting it again", path, error)
        return {}


def _begin(file: h5py.File, before: Path, changed: set[str], usable: bool) -> None:
    """What an earlier conversion left, without the cases that changed."""
    file.attrs["schema"] = SCHEMA
    cases = file.create_group("cases")
    if not usable:
        return
    with h5py.File(before, "r") as old:
        kept = [name for name in old["cases"] if name not in changed]
        for name in kept:
            old.copy(old["cases"][name], cases)
        for mesh in sorted({str(cases[name].attrs["mesh"]) for name in kept}):
            old.copy(old[mesh], file)


def _add(file: h5py.File, name: str, fields: SurfaceFields, stamp: str, meshes: dict[str, Mesh]) -> None:
    """Append a case, and its mesh where none of `meshes`, those that the file has, is the same."""
    mine = Mesh(fields.points, fields.triangles)
    key = next(
        (key for key, mesh in meshes.items() if same_mesh(mine.points, mine.triangles, mesh.points, mesh.triangles)),
        None,
    )
    if key is None:
        key = f"{MESH}{max((int(known.removeprefix(MESH)) for known in meshes), default=-1) + 1}"
        meshes[key] = mine
        group = file.create_group(key)
        _compressed(group, "points", fields.points)
        _compressed(group, "triangles", fields.triangles)
        if fields.normals is not None:
            _compressed(group, "normals", fields.normals.astype(np.float32))
    case = file["cases"].create_group(name)
    case.attrs["mesh"], case.attrs["stamp"] = key, stamp
    case.attrs.create("others", list(fields.others), dtype=h5py.string_dtype(), shape=(len(fields.others),))
    for output, values in fields.values.items():
        _compressed(case, output, values)


def _read_mesh(group: h5py.Group) -> Mesh:
    return Mesh(group["points"][...], group["triangles"][...])


def _compressed(group: h5py.Group, name: str, values: np.ndarray) -> None:
    chunks = (min(len(values), CHUNK), *values.shape[1:])
    # Three times as fast as gzip at its fastest, for files a tenth larger: noise in the last digits leaves little to
    # gain.
    group.create_dataset(name, data=values, chunks=chunks, compression="lzf", shuffle=True)


def _mesh(file: h5py.File, case: Case) -> h5py.Group:
    return file[str(file["cases"][case.row.name].attrs["mesh"])]
