"""Folders of simulations: every kind of file gives the values that it was written with, and what is wrong is said with
file and line."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import meshio
import numpy as np
import pytest

from binn_cli.config.schema import SnapshotsConfig
from binn_cli.datasets.dataset import identity_of
from binn_cli.datasets.snapshots import conversion
from binn_cli.datasets.snapshots.dataset import Snapshots
from binn_cli.errors import BinnError, ConfigError, DataError
from tests.datasets.snapshots.folders import (
    PARAMETERS,
    POINTS,
    TIMES,
    TRIANGLES,
    X,
    Y,
    csv_points,
    field,
    folder,
    hdf5_points,
    mesh_file,
    netcdf_grid,
    npz_series,
    vtk_surface,
    xdmf_series,
)


def opened(path: Path, **changes: object) -> Snapshots:
    return Snapshots(
        SnapshotsConfig(**{"path": str(path), "outputs": ["u"], "cache": str(path.parent / "cache"), **changes}), 3
    )


def of_field(data) -> np.ndarray:
    """What the values should be, from the inputs alone."""
    inputs = dict(zip(data.inputs, data.table()[0].T, strict=True))
    return field(inputs["x"], inputs.get("y", inputs["x"]), inputs["k"], inputs["P"], inputs.get("t", 0.0))


KINDS: dict[str, tuple[Callable, str, dict, str]] = {
    "vtu": (mesh_file, ".vtu", {}, "a mesh of 12 points × 9 cases"),
    "unstructured vtk": (mesh_file, ".vtk", {}, "a mesh of 12 points × 9 cases"),
    "a surface in vtk": (vtk_surface, ".vtk", {}, "a mesh of 12 points × 9 cases"),
    "a series in xdmf": (xdmf_series, ".xdmf", {}, "1 grid axis × a mesh of 12 points × 9 cases (12 × 3 × 9)"),
    "a grid in netcdf": (netcdf_grid, ".nc", {}, "2 grid axes × 9 cases (4 × 3 × 9)"),
    "csv": (csv_points, ".csv", {}, "a mesh of 12 points × 9 cases"),
    "a series in npz": (npz_series, ".npz", {}, "2 grid axes × 9 cases (3 × 4 × 9)"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_file_holds_the_field(kind: str, tmp_path: Path) -> None:
    write, ending, changes, text = KINDS[kind]
    dataset = opened(folder(tmp_path / "runs", write, ending), **changes)
    training, test = dataset.training(), dataset.evaluation()["test"]
    for data in (training, test):
        np.testing.assert_allclose(data.table()[1][:, 0], of_field(data), rtol=1e-6)
    assert training.axes[-1].name == "case" and (training.axes[-1].size, test.axes[-1].size) == (7, 2)
    assert text in dataset.reading() and "parameters.csv: 9 files" in dataset.reading()
    np.testing.assert_array_equal(np.unique(dataset.candidates.points, axis=0), np.unique(PARAMETERS, axis=0))


def test_components_cells_and_hdf5(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs")
    both = opened(path, outputs=["U_y", "U[2]"]).training()
    np.testing.assert_allclose(both.values[..., 1], 1.5 * both.values[..., 0], rtol=1e-6)
    cells = opened(path, outputs=["c"]).training()
    np.testing.assert_allclose(cells.axes[0].points, POINTS[TRIANGLES].mean(axis=1), rtol=1e-6)
    with pytest.raises(DataError, match="'u' is known at points, but 'c' in cells"):
        opened(path, outputs=["u", "c"]).training()
    data = opened(folder(tmp_path / "h5", hdf5_points, ".h5"), outputs=["U_x"]).training()
    np.testing.assert_allclose(data.table()[1][:, 0], of_field(data), rtol=1e-12)


def test_units_coordinates_parameters_and_stride_are_chosen(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs", netcdf_grid, ".nc")
    data = opened(path, parameters=["P"], stride=1).training()
    assert data.inputs == ("x", "y", "P") and data.output_units == ("K",)
    points = opened(folder(tmp_path / "csv", csv_points, ".csv"), coordinates=["x"], stride=5).training()
    assert points.inputs == ("x", "k", "P") and points.axes[0].size == 3


def test_parameters_in_the_names_of_files(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs", name=lambda i, k, p: f"sub/run_{k}_P{p}", table=False)
    (path / "readme.txt").write_text("what these are")
    data = opened(path, pattern="run_{k}_P{P}.vtu").training()
    np.testing.assert_allclose(data.table()[1][:, 0], of_field(data), rtol=1e-6)
    with pytest.raises(ConfigError, match=r"holds no table with a column of its files.*such as 'run_\{A\}_P\{B\}.vtu'"):
        opened(path)
    with pytest.raises(DataError, match="0 of its files look like"):
        opened(path, pattern="case_{k}.vtu")
    with pytest.raises(ConfigError, match="must name each parameter once in braces"):
        opened(path, pattern="run_*.vtu")


def test_a_zip_is_as_its_folder(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs")
    archive = Path(shutil.make_archive(str(tmp_path / "runs"), "zip", path))
    one, other = opened(path).training(), opened(archive).training()
    np.testing.assert_array_equal(one.values, other.values)


def own_meshes(tmp_path: Path) -> Path:
    """Each simulation with points of its own."""

    def write(path: Path, k: float, p: float) -> None:
        mesh_file(path, k, p, POINTS + 0.01 * k)

    return folder(tmp_path / "own", write)


def test_meshes_of_their_own_are_rows_and_cases_the_candidates(tmp_path: Path) -> None:
    dataset = opened(own_meshes(tmp_path))
    training = dataset.training()
    assert training.inputs == ("x", "y", "k", "P") and training.n_points == 7 * 12 and len(training.axes) == 1
    np.testing.assert_allclose(training.values[:, 0], of_field(training), rtol=1e-6)
    assert dataset.candidates.coordinates == ("k", "P") and len(dataset.held_out) == 2
    assert "9 cases with points of their own, 12 to 12" in dataset.reading()
    (axis,) = dataset.field_axes()
    assert axis.coordinates == ("x", "y") and axis.size == 12


@pytest.mark.parametrize("make", [lambda d: folder(d / "same"), own_meshes])
def test_streamed_rows_are_those_in_memory(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    memory, streamed = opened(path), opened(path, stream=True)
    rows = streamed.rows()
    assert rows is not None and memory.rows() is None and rows.inputs == memory.training().inputs
    found = np.concatenate([np.concatenate(chunk, axis=1) for chunk in rows.chunks(17)])
    expected = np.column_stack(memory.training().table())
    np.testing.assert_array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])
    test = np.column_stack(streamed.evaluation()["test"].table())
    expected = np.column_stack(memory.evaluation()["test"].table())
    np.testing.assert_array_equal(test[np.lexsort(test.T)], expected[np.lexsort(expected.T)])


def test_files_are_converted_once_and_those_that_change_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, reads = folder(tmp_path / "runs"), []
    reading = conversion.read_snapshot

    def counted(file: Path, *arguments: object) -> object:
        reads.append(file.name)
        return reading(file, *arguments)

    monkeypatch.setattr(conversion, "read_snapshot", counted)
    announced = []
    opened(path).training(lambda *told: announced.append(told))
    assert len(reads) == 9 and ("converting files", 8, 9) in announced
    known = identity_of(opened(path))
    opened(path, test_share=0.5).training()
    assert len(reads) == 9
    mesh_file(path / "run_4.vtu", 9.0, 9.0)
    opened(path).training()
    assert reads[9:] == ["run_4.vtu"] and identity_of(opened(path)) != known
    shutil.copytree(path, tmp_path / "copy" / "runs")
    assert identity_of(opened(tmp_path / "copy" / "runs")) == identity_of(opened(path)), "wherever it lies"


def test_an_interrupted_conversion_goes_on_and_two_at_once_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = folder(tmp_path / "runs"), []
    reading = conversion.read_snapshot

    def stopped(file: Path, *arguments: object) -> object:
        reads.append(file.name)
        if len(reads) == 5:
            raise KeyboardInterrupt
        return reading(file, *arguments)

    monkeypatch.setattr(conversion, "read_snapshot", stopped)
    with pytest.raises(KeyboardInterrupt):
        opened(path).training()
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(opened(path).training().values)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 5 + 5, "the fifth again, and each of the others once"
    np.testing.assert_array_equal(*found)


def test_missing_values_are_refused_or_leave_gaps(tmp_path: Path) -> None:
    def write(file: Path, k: float, p: float) -> None:
        csv_points(file, k, p)
        if file.stem == "run_3":
            lines = file.read_text().splitlines()
            lines[2] = lines[2].rsplit(",", 2)[0] + ",nan,1"
            file.write_text("\n".join(lines))

    path = folder(tmp_path / "runs", write, ".csv")
    with pytest.raises(DataError, match=r"run_3.csv: u: missing at 1 of 12 points; .*dataset.missing=drop"):
        opened(path).training()
    dataset = opened(path, missing="drop", test_cases=["run_3"])
    assert dataset.training().observed is None and dataset.held_out == (3,)
    test = dataset.evaluation()["test"]
    assert test.observed is not None and test.n_observed == 11 and "1 points left out" in dataset.reading()


def _moved(path: Path) -> None:
    mesh_file(path / "run_4.vtu", 1.0, 1.0, POINTS[::-1])


def _fewer(path: Path) -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    (path / "run_4.vtu").unlink()
    meshio.Mesh(points, [("triangle", [[0, 1, 2]])], point_data={"u": np.zeros(3)}).write(path / "run_4.vtu")


def _cut(path: Path) -> None:
    (path / "run_4.vtu").write_bytes((path / "run_4.vtu").read_bytes()[:300])


def _twice(path: Path) -> None:
    for part in ("a", "b"):
        (path / part).mkdir()
        shutil.copy(path / "run_0.vtu", path / part / "same.vtu")
    text = (path / "parameters.csv").read_text()
    (path / "parameters.csv").write_text(text.replace("run_3.vtu", "same.vtu"))


def _again(path: Path) -> None:
    text = (path / "parameters.csv").read_text()
    (path / "parameters.csv").write_text(text.replace("run_3.vtu", "run_4.vtu"))


BAD = {
    "a file that is not there": (
        lambda p: (p / "run_4.vtu").unlink(),
        {},
        "parameters.csv, line 6: names 'run_4.vtu', but there",
    ),
    "a name in two folders": (_twice, {}, r"parameters.csv, line 5: 'same.vtu' may be a/same.vtu or b/same.vtu"),
    "a file named twice": (_again, {}, r"lines 5 and 6 both name run_4.vtu"),
    "another topology": (
        _fewer,
        {},
        r"run_4.vtu: has another mesh .* \(3 points where 8 other files have 12; 1 of 9 files differ\)",
    ),
    "points in another order": (_moved, {}, r"run_4.vtu: has another mesh than the rest \(its points elsewhere"),
    "a file cut short": (
        lambda p: (p / "run_4.vtu").write_bytes((p / "run_4.vtu").read_bytes()[:300]),
        {},
        "run_4.vtu: cannot be read as a mesh",
    ),
    "an empty file": (lambda p: (p / "run_4.vtu").write_bytes(b""), {}, "run_4.vtu: cannot be read as a mesh"),
    "no such field": (lambda p: None, {"outputs": ["w"]}, r"run_0.vtu: has no field 'w'; its fields are .*u"),
    "no output": (lambda p: None, {"outputs": []}, "dataset.outputs: names no field"),
    "no folder": (lambda p: shutil.rmtree(p), {}, "does not exist; name the folder or the zip"),
    "no such parameter": (
        lambda p: None,
        {"parameters": ["Q"]},
        "dataset.parameters: names 'Q', which is none of k, P",
    ),
    "no such test case": (
        lambda p: None,
        {"test_cases": ["run_99"]},
        "dataset.test_cases: 'run_99' is no file of a simulation",
    ),
    "too many to train on": (lambda p: None, {"train_cases": 8}, "must be at most 7, the simulations not set aside"),
    "a table elsewhere": (
        lambda p: None,
        {"table": "nowhere.csv"},
        "nowhere.csv: there is no such file, neither here nor in",
    ),
    "two tables": (
        lambda p: shutil.copy(p / "parameters.csv", p / "others.csv"),
        {},
        "dataset.table: must say which, since .*others.csv.* each name its files",
    ),
    "another column": (lambda p: None, {"file_column": "k2"}, "there is no column 'k2'; it has run, file, k, P"),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_what_is_wrong_is_said(kind: str, tmp_path: Path) -> None:
    spoil, changes, says = BAD[kind]
    path = folder(tmp_path / "runs")
    spoil(path)
    with pytest.raises(BinnError, match=says) as caught:
        opened(path, **changes).training()
    assert "\n" not in str(caught.value)


def test_other_meshes_may_be_meant(tmp_path: Path) -> None:
    path = folder(tmp_path / "runs")
    _fewer(path)
    assert opened(path, meshes="own", coordinates=["x", "y"]).label([4, 5]).n_points == 3 + 12


def test_the_configuration_is_checked() -> None:
    config = SnapshotsConfig(path="runs", outputs=["u"])
    for change, says in (
        ({"location": "face"}, "dataset.location"),
        ({"outputs": ["u", "u"]}, "must name nothing twice"),
        ({"test_share": 1.0}, "dataset.test_share"),
        ({"pattern": "a{k}", "table": "t.csv"}, "must be empty where dataset.table"),
        ({"stride": 0}, "dataset.stride"),
    ):
        with pytest.raises(ConfigError, match=says):
            dataclasses.replace(config, **change)


def test_the_grid_and_its_values_lie_together(tmp_path: Path) -> None:
    data = opened(folder(tmp_path / "runs", netcdf_grid, ".nc")).label([2])
    k, p = PARAMETERS[2]
    np.testing.assert_allclose(data.values[:, :, 0, 0], field(X[:, None], Y[None, :], k, p), rtol=1e-12)
    series = opened(folder(tmp_path / "xdmf", xdmf_series, ".xdmf")).label([2])
    by_name = {axis.name: axis for axis in series.axes}
    np.testing.assert_allclose(by_name["t"].points[:, 0], TIMES)
