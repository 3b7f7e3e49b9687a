"""One case out of a legacy VTK file: points, triangles, normals and the fields that are found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.blendednet.mesh import at_points
from binn_cli.errors import DataError, MissingExtraError

FIELDS = ("cp", "cf_x", "cf_y", "cf_z")
"""Pressure coefficient and the three components of the skin-friction coefficient."""


@dataclass(frozen=True)
class SurfaceFields:
    """One case.

    Attributes:
        points: (n, 3) coordinates in m, in the precision of the file.
        triangles: (t, 3) rows of `points`.
        normals: (n, 3) unit normals; None where the file holds none.
        values: (n,) values at the points by name, those of `FIELDS` that the file holds.
        others: names of the other arrays of the file.
    """

    points: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    normals: Float[np.ndarray, "n 3"] | None
    values: Mapping[str, Float[np.ndarray, " n"]]
    others: tuple[str, ...] = ()


def require(
    values: Mapping[str, Float[np.ndarray, " n"]], names: Sequence[str], others: Sequence[str], where: str
) -> None:
    """See that the named arrays of a case are there and finite.

    Args:
        values: the arrays by name.
        names: those that are needed.
        others: names of whatever else the file holds.
        where: how to call the file in an error.

    Raises:
        DataError: if one is not.
    """
    for name in names:
        if name not in values:
            held = ", ".join((*values, *others)) or "none"
            raise DataError(
                f"{where}: holds no array {name} (its arrays: {held}); choose others with dataset.outputs, or mend "
                f"the file"
            )
        wrong = int(np.sum(~np.isfinite(values[name])))
        if wrong:
            problem = f"{name} is not a finite number at {wrong:,} of {len(values[name]):,} points"
            raise DataError(f"{where}: {problem}; mend the file, or choose other cases with dataset.cases")


def require_vtk() -> None:
    """See that VTK is there.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import vtkmodules.vtkIOLegacy  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("vtk", "reading the VTK files of dataset=blendednet") from error


def surface_fields(content: bytes, where: str, *, alone: bool = True) -> SurfaceFields:
    """Parse a legacy VTK file with a surface, ASCII or binary, single or double precision.

    Arrays of the cells become arrays of the points; polygons are cut into triangles.

    Args:
        content: the whole file.
        where: how to call it in an error.
        alone: false where threads parse several files and the caller has `captured` VTK's messages, which do not say
            whose they are.

    Raises:
        MissingExtraError: if VTK is not installed.
        DataError: if the file is cut short, damaged, not a legacy VTK file, not POLYDATA, or has no triangles.
    """
    text = _text_format(content, where)
    # Without a blank behind the last number VTK takes a file that ends inside a number for whole and fills up with
    # whatever is in memory.
    surface = _read(content + b"\n" if text else content, where, alone)
    points, triangles, owners = _mesh(surface, where)
    values, others = _values(surface, triangles, owners, where)
    return SurfaceFields(points, triangles, _normals(surface.GetPointData(), len(points)), values, others)


def _text_format(content: bytes, where: str) -> bool:
    """Whether the file is ASCII; sees first that it is a surface at all, since VTK's own complaints do not name the
    file."""
    start = content[:2000]
    if not start.startswith(b"# vtk DataFile"):
        kind = (
            "an XML file of VTK"
            if start.lstrip().startswith((b"<?xml", b"<VTKFile"))
            else "something else"
            if start
            else "empty"
        )
        raise DataError(f"{where}: is not a legacy VTK file but {kind}; it must begin with '# vtk DataFile Version'")
    dataset = re.search(rb"^\s*DATASET\s+(\w+)", start, flags=re.MULTILINE | re.IGNORECASE)
    form = re.search(rb"^\s*(ASCII|BINARY)\s*$", start, flags=re.MULTILINE | re.IGNORECASE)
    if dataset is None or form is None:
        raise DataError(f"{where}: ends or is damaged within its header; copy it again from the archive")
    if dataset[1].upper() != b"POLYDATA":
        raise DataError(
            f"{where}: holds {dataset[1].decode()} where a surface, POLYDATA, belongs; extract its surface and save "
            f"it as legacy VTK"
        )
    return form[1].upper() == b"ASCII"


def _read(content: bytes, where: str, alone: bool) -> Any:
    """The vtkPolyData; whatever VTK finds to say means that the file cannot be trusted."""
    require_vtk()
    from vtkmodules.vtkIOLegacy import vtkPolyDataReader

    said: list[str] = []
    reader: Any = vtkPolyDataReader()
    for event in ("ErrorEvent", "WarningEvent"):
        reader.AddObserver(event, lambda _, name: said.append(name))
    for everything in (
        reader.ReadAllScalarsOn,
        reader.ReadAllVectorsOn,
        reader.ReadAllNormalsOn,
        reader.ReadAllFieldsOn,
    ):
        everything()
    reader.ReadFromInputStringOn()
    reader.SetBinaryInputString(content, len(content))
    with captured(said) if alone else nullcontext():
        reader.Update()
    if said:
        raise DataError(f"{where}: is cut short or damaged; copy it again from the archive")
    return reader.GetOutput()


@contextmanager
def captured(said: list[str]) -> Iterator[None]:
    """Collect VTK's messages, which belong to no reader, instead of letting them onto the terminal; one thread at a
    time."""
    from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

    window, before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(before)
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_WARNING)
        if message := window.GetOutput().strip():
            said.append(message)


def _mesh(surface: Any, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, triangles, and for each triangle the cell that it is part of."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if surface.GetNumberOfPoints() == 0 or surface.GetNumberOfPolys() == 0:
        raise DataError(
            f"{where}: holds no points or no polygons; a surface needs both: copy it again from the archive"
        )
    # Copies: the arrays of VTK die with the reader.
    points = np.array(vtk_to_numpy(surface.GetPoints().GetData()))
    if not np.isfinite(points).all():
        raise DataError(
            f"{where}: has a point whose coordinates are not finite numbers; mend the file, or leave the case out "
            f"with dataset.cases"
        )
    cells = surface.GetPolys()
    corners = vtk_to_numpy(cells.GetConnectivityArray())
    starts = vtk_to_numpy(cells.GetOffsetsArray()).astype(np.int64)
    sizes = np.diff(starts)
    if corners.min(initial=0) < 0 or corners.max(initial=0) >= len(points) or sizes.min() < 3:
        raise DataError(f"{where}: has a polygon of fewer than 3 or of unknown points; copy it again from the archive")
    # A polygon of k corners is a fan of k − 2 triangles about its first.
    owners = np.repeat(np.arange(len(sizes)), sizes - 2)
    step = np.arange(len(owners)) - np.repeat(np.cumsum(sizes - 2) - (sizes - 2), sizes - 2)
    first = starts[owners]
    triangles = corners[np.stack([first, first + step + 1, first + step + 2], axis=1)].astype(np.int32)
    return points, triangles, owners


def _values(
    surface: Any, triangles: np.ndarray, owners: np.ndarray, where: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays of `FIELDS` at the points, and the names of all others."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    found: dict[str, np.ndarray] = {}
    others = []
    for data, cells in ((surface.GetPointData(), False), (surface.GetCellData(), True)):
        for index in range(data.GetNumberOfArrays()):
            array = data.GetArray(index)
            name = str(data.GetArrayName(index))
            known = name.lower()
            if array is None or known not in FIELDS:
                others.append(name)
            elif known not in found:
                found[known] = _at_points(
                    np.array(vtk_to_numpy(array)), triangles, owners, surface, f"{where}: {name}", cells
                )
    return {name: found[name] for name in FIELDS if name in found}, tuple(others)


def _at_points(
    values: np.ndarray, triangles: np.ndarray, owners: np.ndarray, surface: Any, where: str, cells: bool
) -> np.ndarray:
    expected, kind = (surface.GetNumberOfCells(), "cells") if cells else (surface.GetNumberOfPoints(), "points")
    if values.shape not in ((expected,), (expected, 1)):
        raise DataError(
            f"{where} has the shape {values.shape} where one number for each of {expected:,} {kind} belongs"
        )
    values = values.reshape(-1)
    if not cells:
        return values
    # The cells of a file are numbered through: single points and lines come before the polygons.
    before = surface.GetNumberOfVerts() + surface.GetNumberOfLines()
    return at_points(values[before + owners], triangles, surface.GetNumberOfPoints()).astype(values.dtype)


def _normals(data: Any, n_points: int) -> np.ndarray | None:
    """The normals that the file holds, of length one; None where it has none or some that are no direction."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    array = data.GetNormals() or data.GetArray("Normals") or data.GetArray("normals")
    if array is None or array.GetNumberOfComponents() != 3 or array.GetNumberOfTuples() != n_points:
        return None
    normals = np.array(vtk_to_numpy(array), dtype=np.float64)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / length if np.isfinite(length).all() and (length > 0).all() else None
