"""Folders as solvers and people leave them: where they were elsewhere, with numbers in other files, with doubts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import meshio
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader, vtkXMLUnstructuredGridWriter

from binn_cli.datasets.snapshots.members import named_within
from binn_cli.errors import BinnError
from tests.datasets.snapshots.folders import PARAMETERS, POINTS, TRIANGLES, X, field, folder, mesh_file, xdmf_series
from tests.datasets.snapshots.test_snapshots import of_field, opened

FLAT = np.column_stack([POINTS, np.zeros(len(POINTS))])


def _table(path: Path, change: Callable[[str], str]) -> None:
    table = path / "parameters.csv"
    table.write_text(change(table.read_text()))


def _is_whole(path: Path, **changes: object) -> bool:
    """Whether the field is what it should be, at all points of all simulations."""
    data = opened(path, **changes).training()
    found, expected = data.table()[1][:, 0], of_field(data)
    return found.shape == expected.shape and np.allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("zipped", [False, True])
def test_numbers_in_another_file_are_part_of_the_simulation(zipped: bool, tmp_path: Path) -> None:
    """An XDMF file stays as it is where the numbers beside it change."""

    def read() -> tuple[dict, np.ndarray]:
        root = Path(shutil.make_archive(str(path), "zip", path)) if zipped else path
        dataset = opened(root)
        return dataset.identity(), dataset.label([4]).values

    path = folder(tmp_path / "runs", xdmf_series, ".xdmf")
    known, values = read()
    xdmf_series(path / "run_4.xdmf", 7.0, 8.0)
    identity, others = read()
    assert identity != known and not np.allclose(values, others)


def test_files_that_are_named_within_others() -> None:
    members = ("a/run.xdmf", "a/run.h5", "a/parts/p.vtu", "out.h5")
    text = (
        '<DataItem>run.h5:/u</DataItem> <Piece Source="parts/p.vtu"/> <Piece Source="../out.h5"/> <x file="gone.vtu"/>'
    )
    assert named_within(text, "a/run.xdmf", members) == ("a/parts/p.vtu", "a/run.h5")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_collection_is_a_series(zipped: bool, tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        (path.parent / path.stem).mkdir()
        sets = ""
        for time in (0.0, 0.5):
            file = path.parent / path.stem / f"{time}.vtu"
            mesh = meshio.Mesh(FLAT, [("triangle", TRIANGLES)], {"u": field(*POINTS.T, k, p, time)})
            mesh.write(file)
            sets += f'<DataSet timestep="{time}" file="{path.stem}/{file.name}"/>'
        path.write_text(f'<VTKFile type="Collection"><Collection>{sets}</Collection></VTKFile>')

    path = folder(tmp_path / "runs", write, ".pvd")
    assert _is_whole(Path(shutil.make_archive(str(path), "zip", path)) if zipped else path)
    shutil.rmtree(path / "run_4")
    with pytest.raises(BinnError, match=r"run_4.pvd: names '0.0.vtu', which is not there beside it"):
        opened(path).training()


NAMED = {
    "paths of another system": lambda text: text.replace("run_", r"C:\work\run_"),
    "paths elsewhere": lambda text: text.replace("run_", "/home/me/runs/run_"),
    "capital letters": lambda text: text.replace(".vtu", ".VTU"),
    "no endings": lambda text: text.replace(".vtu", ""),
}


@pytest.mark.parametrize("kind", list(NAMED))
def test_files_are_found_as_they_are_named(kind: str, tmp_path: Path) -> None:
    path = folder(tmp_path / "runs")
    (path / "run_4.log").write_text("done")
    _table(path, NAMED[kind])
    assert _is_whole(path)


def test_what_is_left_out_of_the_table_and_doubled_is_said(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs")
    shutil.copy(path / "run_4.vtu", path / "again.vtu")
    lines = (path / "parameters.csv").read_text().splitlines()
    again = next(line for line in lines if "run_4.vtu" in line).replace("run_4.vtu", "again.vtu")
    told = [lines[0] + ",solver", *(line + ",v41" for line in [*lines[1:], again])]
    (path / "parameters.csv").write_text("\n".join(told))
    line = opened(path).reading()
    assert "of which 1 has the parameters of another one, such as again.vtu those of run_4.vtu" in line
    assert "columns left out: " in line and "solver (text, such as 'v41' in line 2)" in line


def test_lines_at_the_edge_of_an_area_are_no_place_in_vtk(tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        centres = POINTS[TRIANGLES].mean(axis=1)
        cells = [("line", np.array([[0, 1], [1, 2]])), ("triangle", TRIANGLES)]
        u = field(*centres.T, k, p)
        meshio.Mesh(FLAT, cells, cell_data={"u": [np.zeros(2), u]}).write(path, file_format="vtk42")

    path = folder(tmp_path / "runs", write, ".vtk")
    assert _is_whole(path)
    assert opened(path).training().axes[0].size == len(TRIANGLES)


def test_a_vtu_that_only_vtk_reads(tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        mesh_file(path, k, p)
        reader = vtkXMLUnstructuredGridReader()
        reader.SetFileName(str(path))
        writer = vtkXMLUnstructuredGridWriter()
        writer.SetInputConnection(reader.GetOutputPort())
        writer.SetCompressorTypeToLZ4()
        writer.SetFileName(str(path))
        writer.Write()

    assert _is_whole(folder(tmp_path / "runs", write))


def test_round_off_is_no_coordinate(tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        shifted = FLAT + np.array([0.0, 0.0, 1e-9]) * np.random.default_rng(int(10 * k)).normal(size=(len(FLAT), 1))
        meshio.Mesh(shifted, [("triangle", TRIANGLES)], {"u": field(*POINTS.T, k, p)}).write(path)

    assert opened(folder(tmp_path / "runs", write)).training().inputs == ("x", "y", "k", "P")


def _text(path: Path, names: str, k: float, p: float) -> None:
    rows = (f"{n}, {x}, {y}, {u}" for n, (x, y, u) in enumerate(zip(*POINTS.T, field(*POINTS.T, k, p), strict=True)))
    path.write_text("\n".join([names, *rows]))


def test_numbers_of_points_are_no_place(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "runs", lambda *a: _text(a[0], "nodenumber, x-coordinate, y-coordinate, u", *a[1:]), ".csv"
    )
    data = opened(path).training()
    assert data.inputs == ("x-coordinate", "y-coordinate", "k", "P")


def test_a_dimension_without_coordinate_is_counted(tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        u = field(X[None, :], np.arange(3.0)[:, None], k, p)
        xr.Dataset({"u": (("y", "x"), u)}, {"x": X}).to_netcdf(path, engine="h5netcdf")

    assert _is_whole(folder(tmp_path / "runs", write, ".nc"))


def test_dimensions_of_one_length_are_told_apart_by_the_user(tmp_path: Path) -> None:
    def write(path: Path, k: float, p: float) -> None:
        np.savez(path, u=field(X[None, :], X[:, None], k, p), x=X, y=X)

    path = folder(tmp_path / "runs", write, ".npz")
    with pytest.raises(BinnError, match=r"say with dataset.coordinates=\[x,y\] which is the first, which the next"):
        opened(path).training()
    assert _is_whole(path, coordinates=["y", "x"])


def _other_unit(path: Path) -> None:
    for row, (k, p) in enumerate(PARAMETERS):
        dataset = xr.Dataset({"u": ("x", field(X, X, k, p), {"units": "C" if row == 3 else "K"})}, {"x": X})
        dataset.to_netcdf(path / f"run_{row}.nc", engine="h5netcdf")


def _in_parquet(path: Path) -> None:
    frame = pd.read_csv(path / "parameters.csv")
    frame.loc[2, "k"] = np.nan
    frame.to_parquet(path / "parameters.parquet")
    (path / "parameters.csv").unlink()


def _only_a_zip(path: Path) -> None:
    archive = shutil.make_archive(str(path), "zip", path)
    shutil.rmtree(path)
    path.mkdir()
    shutil.move(archive, path / "all.zip")


AWKWARD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "another unit": (".nc", _other_unit, "run_3.nc: 'u' is in C, but in K in run_0.nc; convert one of them"),
    "a parameter that is missing": (
        ".vtu",
        _in_parquet,
        "'k' is empty; 1 of 9 rows lacks a number: mend the file, or remove",
    ),
    "a compressed mesh": (
        ".vtu.gz",
        lambda path: None,
        "run_0.vtu.gz: is compressed, which only text may be; unpack it",
    ),
    "no mesh": (".foam", lambda path: None, "run_0.foam: has no ending of a kind of file that is read"),
    "a zip in a folder": (".vtu", _only_a_zip, "dataset.path: .* holds all.zip; name that file"),
    "an empty folder": (".vtu", lambda path: (shutil.rmtree(path), path.mkdir()), "dataset.path: .* holds no file"),
}


@pytest.mark.parametrize("kind", list(AWKWARD))
def test_doubts_are_refused_by_their_cause(kind: str, tmp_path: Path) -> None:
    ending, spoil, says = AWKWARD[kind]
    write = mesh_file if ending == ".vtu" else lambda path, k, p: path.write_bytes(b"x")
    path = folder(tmp_path / "runs", write, ending)
    spoil(path)
    with pytest.raises(BinnError, match=says):
        opened(path).training()
