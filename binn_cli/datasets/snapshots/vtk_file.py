"""Fields on meshes of every kind that VTK reads: legacy files and XML, grids and surfaces among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.datasets.blendednet.vtk import captured
from binn_cli.datasets.snapshots.mesh_file import MeshFields
from binn_cli.datasets.snapshots.snapshot import components
from binn_cli.errors import DataError, MissingExtraError


def read_vtk(path: Path, shown: str) -> MeshFields:
    """The mesh of a file and its fields.

    Raises:
        DataError: if VTK complains of it.
        MissingExtraError: if VTK is not installed.
    """
    try:
        from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader
        from vtkmodules.vtkIOXML import vtkXMLGenericDataObjectReader
    except ModuleNotFoundError as error:
        raise MissingExtraError("vtk", f"reading {shown}") from error
    reader: Any = vtkGenericDataObjectReader() if path.suffix.lower() == ".vtk" else vtkXMLGenericDataObjectReader()
    if path.suffix.lower() == ".vtk":
        for everything in (
            reader.ReadAllScalarsOn,
            reader.ReadAllVectorsOn,
            reader.ReadAllNormalsOn,
            reader.ReadAllFieldsOn,
        ):
            everything()
    said: list[str] = []
    for event in ("ErrorEvent", "WarningEvent"):
        reader.AddObserver(event, lambda _, name: said.append(name))
    reader.SetFileName(str(path))
    with captured(said):
        reader.Update()
    data = reader.GetOutputDataObject(0)
    if said or data is None or not hasattr(data, "GetPointData") or data.GetNumberOfPoints() == 0:
        raise DataError(f"{shown}: is no data set of VTK, or cut short; write or copy it again")
    points, centres = _places(data)
    at_cells = _arrays(data.GetCellData())
    if at_cells:
        highest = _highest(data)
        centres, at_cells = centres[highest], {name: array[highest] for name, array in at_cells.items()}
    return MeshFields(points, centres, _arrays(data.GetPointData()), at_cells)


def _highest(data: Any) -> np.ndarray:
    """Which cells have the highest dimension: lines at the edge of an area are no place of its fields."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkGenericCell
    from vtkmodules.vtkFiltersCore import vtkAppendFilter

    append: Any = vtkAppendFilter()
    append.AddInputData(data)
    append.Update()
    if append.GetOutput().GetNumberOfCells() == 0:
        return np.zeros(0, dtype=bool)
    kinds, index = np.unique(vtk_to_numpy(append.GetOutput().GetCellTypes()), return_inverse=True)
    dimensions = np.array([vtkGenericCell.InstantiateCell(int(kind)).GetCellDimension() for kind in kinds])
    return np.asarray((dimensions == dimensions.max())[index])


def _places(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points, and the middle of every cell."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkAppendFilter, vtkCellCenters

    append: Any = vtkAppendFilter()  # any kind of data set becomes one with points of its own
    append.AddInputData(data)
    append.Update()
    points = np.array(vtk_to_numpy(append.GetOutput().GetPoints().GetData()), dtype=np.float64)
    centres: Any = vtkCellCenters()
    centres.SetInputData(data)
    centres.Update()
    found = centres.GetOutput().GetPoints()
    return points, points[:0] if found is None else np.array(vtk_to_numpy(found.GetData()), dtype=np.float64)


def _arrays(data: Any) -> dict[str, np.ndarray]:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    found: dict[str, np.ndarray] = {}
    for k in range(data.GetNumberOfArrays()):
        array = data.GetArray(k)
        if array is not None:  # text
            found |= components(str(data.GetArrayName(k)), np.array(vtk_to_numpy(array)))
    return found
