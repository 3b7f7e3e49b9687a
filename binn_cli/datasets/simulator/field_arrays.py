"""Arrays by name out of npz, HDF5 and VTK files."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.datasets.columns.hdf5_opening import opened as opened_hdf5
from binn_cli.errors import DataError, MissingExtraError

POINT_NAMES = ("x", "y", "z")
VTK_ENDINGS = (".vtk", ".vtu", ".vtp", ".vti", ".vtr", ".vts")


def npz_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers of an npz file.

    Raises:
        DataError: if it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name}: cannot be read as npz ({error})") from error
    return {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}


def hdf5_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers of an HDF5 file by their paths, without the first slash; of records each field.

    Raises:
        DataError: if it is damaged.
    """
    import h5py

    found: dict[str, np.ndarray] = {}
    with opened_hdf5(path) as file:

        def keep(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape is not None and item.dtype.kind in "biuf":
                found[name] = np.asarray(item[...])
            elif isinstance(item, h5py.Dataset) and item.dtype.names:
                found.update(
                    {part: np.asarray(item[part]) for part in item.dtype.names if item.dtype[part].kind in "biuf"}
                )

        try:
            file.visititems(keep)
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{path.name}: cannot be read as HDF5 ({error})") from error
    return _columns_named(path, found)


def _columns_named(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Two-dimensional arrays whose attribute `columns` names their columns, as those columns."""
    import h5py

    from binn_cli.datasets.columns.arrays import as_text

    with opened_hdf5(path) as file:
        for name in list(arrays):
            item = file.get(name)
            if isinstance(item, h5py.Dataset) and item.ndim == 2 and "columns" in item.attrs:
                whole = arrays.pop(name)
                arrays.update({as_text(column): whole[:, i] for i, column in enumerate(item.attrs["columns"])})
    return arrays


def vtk_arrays(path: Path, outputs: Sequence[str]) -> dict[str, np.ndarray] | None:
    """The points of a VTK file as x, y and z, and its arrays at the points or, where the outputs are there, at the
    cells' centres.

    Returns:
        The arrays by name, a vector's components as `name_x`, `name_y` and `name_z`; None where the file is of another
        kind.

    Raises:
        DataError: if it cannot be read.
        MissingExtraError: if the VTK library is missing.
    """
    head = path.open("rb").read(512)
    legacy, xml = head.startswith(b"# vtk DataFile"), b"<VTKFile" in head
    if not legacy and not xml:
        if path.suffix.lower() in VTK_ENDINGS:
            raise DataError(f"{path.name}: is not a VTK file, as its name says")
        return None
    mesh = _read_mesh(path, legacy)
    at_points, at_cells = _components(mesh.GetPointData()), _components(mesh.GetCellData())
    if all(output in at_points for output in outputs) or not all(output in at_cells for output in outputs):
        return {**_places(mesh), **_asked(at_points, outputs)}
    from vtkmodules.vtkFiltersCore import vtkCellCenters

    centres = vtkCellCenters()
    centres.SetInputData(mesh)
    centres.Update()
    return {**_places(centres.GetOutput()), **_asked(at_cells, outputs)}


def _read_mesh(path: Path, legacy: bool) -> Any:
    """What a VTK file of either form holds."""
    try:
        from vtkmodules.vtkCommonCore import vtkObject
        from vtkmodules.vtkCommonDataModel import vtkDataSet
        from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader
        from vtkmodules.vtkIOXML import vtkXMLGenericDataObjectReader
    except ModuleNotFoundError as error:
        raise MissingExtraError("vtk", f"dataset.output={path.name}") from error
    vtkObject.GlobalWarningDisplayOff()
    reader = vtkGenericDataObjectReader() if legacy else vtkXMLGenericDataObjectReader()
    if legacy:
        for switch in ("ReadAllScalarsOn", "ReadAllVectorsOn", "ReadAllFieldsOn", "ReadAllNormalsOn"):
            getattr(reader, switch)()
    reader.SetFileName(str(path))
    reader.Update()
    mesh = reader.GetOutput()
    if not isinstance(mesh, vtkDataSet) or mesh.GetNumberOfPoints() == 0:
        raise DataError(f"{path.name}: cannot be read as VTK: it holds no points")
    return mesh


def _components(data: Any) -> dict[str, np.ndarray]:
    """Every component of every array by its name."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    arrays: dict[str, np.ndarray] = {}
    for i in range(data.GetNumberOfArrays()):
        if data.GetArray(i) is None:
            continue
        array, name = vtk_to_numpy(data.GetArray(i)), data.GetArrayName(i) or str(i)
        if array.ndim == 1 or array.shape[1] == 1:
            arrays[name] = array.reshape(-1)
        else:
            labels = POINT_NAMES if array.shape[1] <= 3 else tuple(map(str, range(array.shape[1])))
            arrays.update({f"{name}_{label}": column for label, column in zip(labels, array.T, strict=False)})
    return arrays


def _places(mesh: Any) -> dict[str, np.ndarray]:
    """The points as x, y and z, without a direction in which all are the same."""
    found = np.array([mesh.GetPoint(i) for i in range(mesh.GetNumberOfPoints())])
    return {name: found[:, k] for k, name in enumerate(POINT_NAMES) if np.ptp(found[:, k]) > 0 or name == "x"}


def _asked(arrays: dict[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays that are outputs: others are no coordinates. All of them where an output is missing, for the sentence
    about it."""
    chosen = {name: array for name, array in arrays.items() if name in outputs}
    return chosen if len(chosen) == len(outputs) else arrays
