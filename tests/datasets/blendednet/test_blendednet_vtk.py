"""VTK files, as VTK itself writes them: every variant is read alike, every damaged one refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOLegacy import vtkPolyDataWriter

from binn_cli.datasets.blendednet.mesh import vertex_normals
from binn_cli.datasets.blendednet.vtk import FIELDS, require, surface_fields
from binn_cli.errors import DataError, MissingExtraError
from binn_cli.legacy_vtk import surface_file

CUBE = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
"""The faces of the cube, corners counterclockwise seen from outside."""
SIZES = {"DOUBLE": np.float64, "FLOAT": np.float32}


def polydata(kind=np.float32, names=FIELDS, cells=False, polygons=QUADS, lines=False) -> vtkPolyData:
    data, points, faces = vtkPolyData(), vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(CUBE.astype(kind), deep=True))
    data.SetPoints(points)
    for polygon in polygons:
        ids = vtkIdList()
        for corner in polygon:
            ids.InsertNextId(corner)
        faces.InsertNextCell(ids)
    data.SetPolys(faces)
    if lines:
        line = vtkCellArray()
        line.InsertNextCell(2)
        line.InsertCellPoint(0)
        line.InsertCellPoint(7)
        data.SetLines(line)
    target, size = (data.GetCellData(), data.GetNumberOfCells()) if cells else (data.GetPointData(), 8)
    for name in names:
        array = numpy_to_vtk(
            (np.arange(size) + 10.0 * FIELDS.index(name.lower()) if name.lower() in FIELDS else np.zeros(size)).astype(
                kind
            ),
            deep=True,
        )
        array.SetName(name)
        target.AddArray(array)
    return data


def written(data: vtkPolyData, tmp_path: Path, binary: bool = True, version: int = 42) -> bytes:
    writer = vtkPolyDataWriter()
    writer.SetInputData(data)
    writer.SetFileName(str(tmp_path / "case.vtk"))
    writer.SetFileVersion(version)
    (writer.SetFileTypeToBinary if binary else writer.SetFileTypeToASCII)()
    assert writer.Write() == 1
    return (tmp_path / "case.vtk").read_bytes()


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("version", [42, 51])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_variant_of_the_format(tmp_path, binary, version, kind):
    names = ("other", "cf_z", "cp", "cf_y", "cf_x")
    fields = surface_fields(written(polydata(kind, names), tmp_path, binary, version), "f")
    assert list(fields.values) == list(FIELDS) and fields.others == ("other",)
    for i, name in enumerate(FIELDS):
        np.testing.assert_array_equal(fields.values[name], np.arange(8) + 10 * i)
        assert fields.values[name].dtype == kind
    np.testing.assert_array_equal(fields.points, CUBE)
    assert fields.triangles.shape == (12, 3)
    corners = fields.points[fields.triangles]
    assert np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6 == pytest.approx(1), (
        "the cube's volume"
    )


def test_names_in_capitals_and_active_scalars(tmp_path):
    data = polydata(names=("CP", "Cf_X"))
    data.GetPointData().SetActiveScalars("CP")
    assert list(surface_fields(written(data, tmp_path), "f").values) == ["cp", "cf_x"]


@pytest.mark.parametrize("lines", [False, True])
def test_values_of_cells_become_means_at_points(tmp_path, lines):
    triangles = [[q[0], q[1], q[2]] for q in QUADS] + [[q[0], q[2], q[3]] for q in QUADS]
    fields = surface_fields(written(polydata(cells=True, polygons=triangles, lines=lines), tmp_path), "f")
    for point in range(8):
        around = [i + lines for i, triangle in enumerate(triangles) if point in triangle]
        assert fields.values["cp"][point] == pytest.approx(np.mean(around))


def test_polygons_are_cut_and_keep_their_values(tmp_path):
    fields = surface_fields(written(polydata(cells=True, polygons=[QUADS[0], [4, 6, 7]]), tmp_path), "f")
    assert {tuple(t) for t in fields.triangles.tolist()} == {(0, 1, 3), (0, 3, 2), (4, 6, 7)}
    np.testing.assert_array_equal(fields.values["cp"][[0, 1, 2, 3, 4, 6, 7]], [0, 0, 0, 0, 1, 1, 1])
    assert np.isnan(fields.values["cp"][5]), "a point of no triangle has no value"


def test_normals_of_the_file_win(tmp_path):
    data = polydata()
    assert surface_fields(written(data, tmp_path), "f").normals is None
    normals = numpy_to_vtk(np.tile([0.0, 0.0, 2.0], (8, 1)), deep=True)
    normals.SetName("Normals")
    data.GetPointData().SetNormals(normals)
    np.testing.assert_array_equal(surface_fields(written(data, tmp_path), "f").normals, np.tile([0, 0, 1], (8, 1)))


@pytest.mark.parametrize("inside_out", [False, True])
def test_computed_normals_point_outwards(inside_out):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    from scipy.spatial import ConvexHull

    triangles = ConvexHull(points).simplices
    corners = points[triangles]
    outward = (
        np.einsum(
            "ti,ti->t", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners.mean(axis=1)
        )
        > 0
    )
    triangles[outward == inside_out] = triangles[outward == inside_out][:, ::-1]
    normals = vertex_normals(points + 5, triangles)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-12)
    assert np.einsum("ni,ni->n", normals, points).min() > 0.9, "on a sphere they are the points themselves"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("version", [42, 51])
def test_no_file_that_is_cut_short_is_believed(tmp_path, binary, version):
    whole = written(polydata(), tmp_path, binary, version)
    expected = surface_fields(whole, "f")
    # The last line break may go missing, and so may, in text, what is behind the last digit.
    complete = len(whole.rstrip()) - (1 if not binary else 0)
    for cut in range(complete):
        try:
            found = surface_fields(whole[:cut], "f")
            require(found.values, FIELDS, found.others, "f")
        except DataError as error:
            assert str(error).startswith("f: ") and "\n" not in str(error)
        else:
            pytest.fail(
                f"cut at {cut} of {len(whole)}: {whole[:cut][-20:]!r} was read as {found.values['cf_z']} of "
                f"{expected.values['cf_z']}"
            )


def test_nothing_is_printed_about_a_damaged_file(tmp_path, capfd):
    whole = written(polydata(), tmp_path)
    with pytest.raises(DataError):
        surface_fields(whole[:-30], "f")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a legacy VTK file but empty"),
        (b"<?xml version='1.0'?><VTKFile type='PolyData'>", "but an XML file of VTK"),
        (b"\x89PNG", "but something else"),
        (
            b"# vtk DataFile Version 3.0\nt\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 0 float\n",
            "holds UNSTRUCTURED_GRID where a surface, POLYDATA, belongs",
        ),
        (
            b"# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 1 float\n0 0 0\n",
            "holds no points or no polygons",
        ),
        (
            b"# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 1 float\n0 0 0\nPOLYGONS 1 4\n3 0 0 9\n",
            "polygon of fewer than 3 or of unknown points",
        ),
        (
            b"# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 1 float\n0 0 nan\nPOLYGONS 1 4\n3 0 0 0\n",
            "coordinates are not finite",
        ),
    ],
)
def test_what_is_no_surface(content, problem):
    with pytest.raises(DataError, match=f"^f: .*{problem}"):
        surface_fields(content, "f")


def test_arrays_that_are_missing_or_not_finite_are_named(tmp_path):
    fields = surface_fields(written(polydata(names=("cp", "cf_y", "q")), tmp_path), "f.vtk")
    with pytest.raises(DataError, match=r"^f\.vtk: holds no array cf_x \(its arrays: cp, cf_y, q\)"):
        require(fields.values, ("cp", "cf_x"), fields.others, "f.vtk")
    spoilt = {"cp": np.array([1.0, np.nan, np.inf])}
    with pytest.raises(DataError, match=r"^f\.vtk: cp is not a finite number at 2 of 3 points"):
        require(spoilt, ("cp",), (), "f.vtk")


def test_without_vtk_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkIOLegacy", None)
    with pytest.raises(MissingExtraError, match=r'needs the extra "vtk": pip install "binn\[vtk\]"'):
        surface_fields(surface_file("t", CUBE, np.array([[0, 1, 2]]), {}), "f")


@pytest.mark.parametrize("binary", [True, False])
def test_our_own_files_are_read_by_vtk(binary):
    triangles, cp = np.array([[0, 1, 3], [4, 6, 7]]), np.linspace(-1, 1, 8) / 3
    content = surface_file(
        "a title\nin two lines " + "x" * 300,
        CUBE / 3,
        triangles,
        {"cp": cp},
        normals=np.tile([0.0, 1.0, 0.0], (8, 1)),
        binary=binary,
    )
    assert max(map(len, content.split(b"\n")[:3])) <= 256
    fields = surface_fields(content, "f")
    np.testing.assert_allclose(fields.points, CUBE / 3, rtol=2e-7)
    np.testing.assert_allclose(fields.values["cp"], cp, rtol=2e-7)
    np.testing.assert_array_equal(fields.triangles, triangles)
    np.testing.assert_array_equal(fields.normals[:, 1], 1)
