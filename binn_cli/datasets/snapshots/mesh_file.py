"""Fields on meshes: VTU, XDMF, Exodus, Gmsh and other formats by meshio; legacy VTK and the XML formats that it does
not know by VTK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.snapshots.snapshot import (
    COMPONENTS,
    Snapshot,
    chosen_coordinates,
    components,
    field_name,
    picked,
)
from binn_cli.errors import DataError, MissingExtraError

VTK_ALONE = (".vtp", ".vts", ".vtr", ".vti", ".vtk", ".pvtu", ".pvtp")
"""Endings that only VTK reads, or reads with fewer exceptions."""
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
SERIES = (".xdmf", ".xmf")


@dataclass(frozen=True)
class MeshFields:
    """A mesh and its fields.

    Attributes:
        points: (n, 3) or (n, 2) the nodes.
        centres: (m, 3) or (m, 2) the middle of every cell.
        at_points, at_cells: the fields at either, by name, one array for each component.
    """

    points: Float[np.ndarray, "n d"]
    centres: Float[np.ndarray, "m d"]
    at_points: Mapping[str, np.ndarray]
    at_cells: Mapping[str, np.ndarray]


def from_mesh(path: Path, shown: str, outputs: Sequence[str], location: str, coordinates: Sequence[str]) -> Snapshot:
    """The fields of a file with a mesh; see `read_snapshot`."""
    steps = _steps(path, shown)
    parts = [_at(fields, shown, outputs, location) for _, fields in steps]
    points = np.concatenate([where for where, _ in parts])
    names = list(COMPONENTS[: points.shape[1]])
    if len(steps) > 1:
        times = np.repeat([time for time, _ in steps], [len(where) for where, _ in parts])
        points, names = np.column_stack([points, times]), [*names, "t"]
    if not np.isfinite(points).all():
        raise DataError(
            f"{shown}: has a point whose coordinates are not finite numbers; mend the file, or leave it out"
        )
    chosen, kept = chosen_coordinates(points, names, coordinates, shown)
    values = np.concatenate([values for _, values in parts])
    return Snapshot(chosen, tuple(names[k] for k in kept), ("",) * len(kept), values, ("",) * len(outputs))


def _at(fields: MeshFields, shown: str, outputs: Sequence[str], location: str) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the outputs, at points or in the middle of cells."""
    if location == "point":
        return fields.points, picked(fields.at_points, outputs, shown)
    if location == "cell":
        return fields.centres, picked(fields.at_cells, outputs, shown)
    both = {**fields.at_cells, **fields.at_points}
    at_points = [field_name(both, name, shown) in fields.at_points for name in outputs]
    if all(at_points):
        return fields.points, picked(fields.at_points, outputs, shown)
    if not any(at_points):
        return fields.centres, picked(fields.at_cells, outputs, shown)
    one, other = outputs[at_points.index(True)], outputs[at_points.index(False)]
    raise DataError(
        f"{shown}: {one!r} is known at points, but {other!r} in cells; choose outputs of one kind, such as [{one}]"
    )


def _steps(path: Path, shown: str) -> list[tuple[float, MeshFields]]:
    """The mesh and its fields at every time; one time for files without a series."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSED:
        raise DataError(f"{shown}: is compressed, which only text may be; unpack it")
    if suffix == ".pvd":
        return _collection(path, shown)
    if suffix in VTK_ALONE:
        from binn_cli.datasets.snapshots.vtk_file import read_vtk

        return [(0.0, read_vtk(path, shown))]
    try:
        import meshio
    except ModuleNotFoundError as error:
        raise MissingExtraError("mesh", f"reading {shown}") from error
    if suffix not in meshio.extension_to_filetypes:
        raise DataError(f"{shown}: has no ending of a kind of file that is read, such as .vtu, .nc, .csv; leave it out")
    if suffix == ".vtu":
        return [(0.0, _vtu(path, shown))]
    try:
        if suffix in SERIES and (steps := _series(path)):
            return steps
        return [(0.0, _fields(meshio.read(path)))]
    except ModuleNotFoundError as error:  # as netCDF4, by which Exodus is read
        raise DataError(f"{shown}: is read with {error.name}; install it: pip install {error.name}") from error
    except SystemExit as error:  # what meshio does when it gives up
        raise DataError(f"{shown}: cannot be read as a mesh; is it complete?") from error
    except Exception as error:  # its readers raise nearly anything
        raise DataError(f"{shown}: cannot be read as a mesh ({_first_line(error)}); write or copy it again") from error


def _vtu(path: Path, shown: str) -> MeshFields:
    """A VTU file by meshio or, where it has been compressed as only VTK knows, by VTK if that is installed."""
    import meshio

    try:
        return _fields(meshio.read(path))
    except (Exception, SystemExit) as error:
        try:
            from binn_cli.datasets.snapshots.vtk_file import read_vtk

            return read_vtk(path, shown)
        except (MissingExtraError, DataError) as other:
            lacks = isinstance(other, MissingExtraError)
            hint = ", or install the extra vtk, which reads more of such files" if lacks else ""
            said = f"{shown}: cannot be read as a mesh ({_first_line(error)}); write or copy it again"
            raise DataError(said + hint) from error


def _collection(path: Path, shown: str) -> list[tuple[float, MeshFields]]:
    """The steps of a collection of ParaView, which names a file for each time."""
    try:
        sets = list(ElementTree.parse(path).iter("DataSet"))
        named = [(float(one.get("timestep", k)), path.parent / one.get("file", "")) for k, one in enumerate(sets)]
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{shown}: cannot be read as a collection of files ({_first_line(error)})") from error
    for _, file in named:
        if not file.resolve().is_relative_to(path.parent.resolve()) or not file.is_file():
            raise DataError(
                f"{shown}: names {file.name!r}, which is not there beside it; add it, or mend the collection"
            )
    if not named:
        raise DataError(f"{shown}: names no file; write it again")
    return [(time, _steps(file, shown)[0][1]) for time, file in named]


def _series(path: Path) -> list[tuple[float, MeshFields]]:
    """The steps of an XDMF file with a series; nothing for other XDMF files."""
    import meshio

    try:
        with meshio.xdmf.TimeSeriesReader(path) as reader:
            points, cells = reader.read_points_cells()
            found = []
            for k in range(reader.num_steps):
                time, at_points, at_cells = reader.read_data(k)
                found.append((float(time), _fields(meshio.Mesh(points, cells, at_points, at_cells))))
            return found
    except meshio.ReadError:
        return []


def _fields(mesh: Any) -> MeshFields:
    """What meshio has read; of cells those of the highest dimension, as lines at the edge of an area are no place of
    its fields."""
    points = np.asarray(mesh.points, dtype=np.float64)
    highest = max((block.dim for block in mesh.cells), default=0)
    blocks = [k for k, block in enumerate(mesh.cells) if block.dim == highest]
    centres = [points[np.asarray(mesh.cells[k].data)].mean(axis=1) for k in blocks if len(mesh.cells[k].data)]
    at_points = {
        part: a for name, array in mesh.point_data.items() for part, a in components(name, np.asarray(array)).items()
    }
    at_cells = {
        part: a
        for name, arrays in mesh.cell_data.items()
        for part, a in components(name, np.concatenate([np.asarray(arrays[k]) for k in blocks])).items()
    }
    return MeshFields(points, np.concatenate(centres) if centres else points[:0], at_points, at_cells)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200]
