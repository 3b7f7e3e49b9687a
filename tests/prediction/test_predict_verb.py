"""`binn predict`: the same numbers as Python's, whatever the files, and one sentence for what cannot be predicted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import binn_cli
from binn_cli.cli import main
from binn_cli.prediction import blocks, cores

RNG = np.random.default_rng(1)
POINTS = pd.DataFrame({"gap/mm": RNG.uniform(0.3, 1.9, 50), "run": np.arange(50), "speed": RNG.uniform(12, 58, 50)})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(kind: str) -> str:
    """The points in a file of a kind."""
    columns = {name: POINTS[name].to_numpy() for name in POINTS}
    if kind in ("csv", "csv.gz"):
        POINTS.to_csv(f"points.{kind}", index=False)
    elif kind == "semicolons":
        POINTS.to_csv("points.semicolons", index=False, sep=";", decimal=",")
    elif kind == "parquet":
        POINTS.to_parquet("points.parquet", index=False)
    elif kind == "npz":
        np.savez(
            "points.npz",
            **{name: values for name, values in columns.items() if "/" not in name},
            **{"gap/mm": columns["gap/mm"]},
        )
    elif kind == "npy":
        np.save("points.npy", np.c_[columns["speed"], columns["gap/mm"]])
    else:
        with h5py.File("points.h5", "w") as file:
            table = file.create_dataset("table", data=POINTS.to_numpy())
            table.attrs["columns"] = list(columns)
    return f"points.{kind}"


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "semicolons", "parquet", "npz", "npy", "h5"])
def test_points_of_every_kind_are_answered_as_in_python(table_run: Path, kind: str) -> None:
    said = binn_cli.load(table_run).predict(POINTS[["gap/mm", "speed"]])
    assert main(["predict", str(table_run), written(kind), "-o", "answers.csv"]) == 0
    answers = pd.read_csv("answers.csv")
    expected = [f"{output}_{name}" for output in ("drag", "$lift$") for name in ("mean", "std_epistemic", "std_total")]
    assert list(answers) == ["speed", "gap/mm", *expected, "outside"]
    for name in ("mean", "std_epistemic", "std_total"):
        for output in ("drag", "$lift$"):
            np.testing.assert_array_equal(answers[f"{output}_{name}"], said[name].sel(output=output))
    np.testing.assert_array_equal(answers["speed"], POINTS["speed"])


def test_answers_of_every_kind_are_the_same(table_run: Path, capsys: pytest.CaptureFixture) -> None:
    points = written("csv")
    for kind in ("csv", "parquet", "nc", "h5"):
        capsys.readouterr()
        assert main(["predict", str(table_run), points, "-o", f"answers.{kind}"]) == 0
        heard = capsys.readouterr()
        assert heard.out == f"answers.{kind}\n" and "not used: run" in heard.err
    text, parquet = pd.read_csv("answers.csv"), pd.read_parquet("answers.parquet")
    np.testing.assert_array_equal(text.to_numpy(), parquet.to_numpy(dtype=float))
    for kind in ("nc", "h5"):
        with xr.open_dataset(f"answers.{kind}", engine="h5netcdf") as found:
            assert found.sizes == {"point": 50, "output": 2} and list(found["output"].values) == ["drag", "$lift$"]
            np.testing.assert_array_equal(found["mean"], text[["drag_mean", "$lift$_mean"]])
            assert found["speed"].attrs["units"] == "m/s" and found["outside"].dtype == bool
            (gap,) = (v for v in found.data_vars.values() if v.attrs.get("long_name") == "gap/mm")
            np.testing.assert_array_equal(gap, POINTS["gap/mm"])
    assert main(["predict", str(table_run), points, "-o", "-", "--mean-only"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "speed,gap/mm,drag_mean,$lift$_mean,outside" and len(printed) == 51


def test_blocks_have_fixed_borders(table_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the file is cut into chunks, a point is in the same block as in Python."""
    monkeypatch.setattr(blocks, "blocks_of", partial(blocks.blocks_of, size=16))
    said = binn_cli.load(table_run).predict(POINTS[["gap/mm", "speed"]])
    POINTS.to_parquet("points.parquet", index=False, row_group_size=7)
    assert main(["predict", str(table_run), "points.parquet", "-o", "answers.csv"]) == 0
    np.testing.assert_array_equal(pd.read_csv("answers.csv")["drag_mean"], said["mean"].sel(output="drag"))


@pytest.mark.parametrize("kind", ["nc", "npz"])
@pytest.mark.parametrize("most", [2**20, 7])
def test_a_grid_is_answered_as_a_grid(heat_run: Path, kind: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.parts_of, "__defaults__", (most,))
    run = binn_cli.load(heat_run)
    sizes = dict(zip(run.inputs, (2, 3, 4, 3, 2), strict=True))
    axes = {name: np.linspace(*run.ranges[name], n) for name, n in sizes.items()}
    if kind == "nc":
        xr.Dataset(coords=axes).to_netcdf("grid.nc", engine="h5netcdf")
    else:
        np.savez("grid.npz", **axes)
    said = run.predict(axes, grid=True)
    assert said["mean"].dims == (*sizes, "output")
    for out in ("answers.nc", "answers.csv"):
        assert main(["predict", str(heat_run), f"grid.{kind}", "-o", out]) == 0
    with xr.open_dataset("answers.nc", engine="h5netcdf") as found:
        for name in ("mean", "std_epistemic", "std_total", "outside"):
            np.testing.assert_array_equal(found[name], said[name])
        np.testing.assert_array_equal(found["k"], axes["k"])
    rows = pd.read_csv("answers.csv")
    np.testing.assert_array_equal(rows["u_std_total"], said["std_total"].values.ravel())
    scattered = run.predict(rows[list(run.inputs)])
    np.testing.assert_allclose(scattered["mean"].values.ravel(), rows["u_mean"], rtol=1e-9, atol=1e-12)


def test_inputs_along_one_dimension_are_one_axis(heat_run: Path) -> None:
    run = binn_cli.load(heat_run)
    mesh = xr.Dataset({"x": ("p", [0.1, 0.2]), "y": ("p", [0.3, 0.4]), "t": ("t", [0.01, 0.02, 0.03])})
    mesh = mesh.assign(k=("case", [1.0, 2.0]), P=("case", [150.0, 160.0]))
    mesh.to_netcdf("mesh.nc", engine="h5netcdf")
    assert main(["predict", str(heat_run), "mesh.nc", "-o", "answers.nc"]) == 0
    with xr.open_dataset("answers.nc", engine="h5netcdf") as found:
        assert found["mean"].dims == ("p", "t", "case", "output")
        one = run.predict({"x": 0.2, "y": 0.4, "t": 0.03, "k": 1.0, "P": 150.0})
        assert found["mean"].values[1, 2, 0, 0] == pytest.approx(one["mean"].item(), rel=1e-9, abs=1e-12)


def test_points_outside(table_run: Path, capsys: pytest.CaptureFixture) -> None:
    far = POINTS.assign(speed=POINTS["speed"].where(POINTS.index != 7, 90.0))
    far.to_csv("far.csv", index=False)
    assert main(["predict", str(table_run), "far.csv", "-o", "answers.csv"]) == 0
    assert "1 of 50 points lies outside the training range (speed from " in capsys.readouterr().err
    assert np.flatnonzero(pd.read_csv("answers.csv")["outside"]).tolist() == [7]
    assert main(["predict", str(table_run), "far.csv", "-o", "refused.csv", "--outside=error"]) == 1
    assert "far.csv, line 9: 1 of 50 points" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["answers.csv", "far.csv"]
    low, high = binn_cli.load(table_run).ranges["speed"]
    assert not binn_cli.load(table_run).predict({"speed": [low, high], "gap/mm": 1.0})["outside"].any()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("gap/mm\n1\n", "points.csv: there is no column speed; the file has gap/mm"),
        ("speed,gap/mm\n20,1\n30,\n", "points.csv, line 3: 'gap/mm' is empty; every input of a point must be a number"),
        ("speed,gap/mm\n20,1\n30,x\n", "points.csv, line 3: 'gap/mm' is 'x', which is not a number"),
        ("speed,gap/mm\n20,1\n30\n", "points.csv: line 3 has 1 value, not 2"),
        ("speed,gap/mm\n", "points.csv: holds no point; give at least one row below the names"),
        (
            "speed,gap/mm\nkm/h,\n20,1\n",
            "points.csv: 'speed' is in km/h, but in m/s in the training data; convert it, and state m/s",
        ),
        ("", "points.csv: is empty: it has no byte"),
    ],
)
def test_points_that_cannot_be_used(
    table_run: Path, content: str, sentence: str, capsys: pytest.CaptureFixture
) -> None:
    Path("points.csv").write_text(content)
    Path("answers.csv").write_text("of yesterday")
    assert main(["predict", str(table_run), "points.csv", "-o", "answers.csv"]) == 1
    assert sentence in capsys.readouterr().err
    assert Path("answers.csv").read_text() == "of yesterday" and len(list(Path().iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["points.csv", "-o", "points.csv"],
            "points.csv: is the file of points itself; name another for the predictions",
        ),
        (["points.csv", "-o", "answers.xlsx"], "the file of predictions must end in .csv, .parquet"),
        (["points.csv", "-o", "no/answers.csv"], "no/answers.csv: cannot be written (No such file or directory)"),
        (["points.csv", "-o", "answers.csv", "separater=comma"], 'did you mean "separator"?'),
        (["nowhere.csv", "-o", "answers.csv"], "nowhere.csv: there is no such file"),
    ],
)
def test_what_cannot_be_done(
    table_run: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture
) -> None:
    written("csv")
    assert main(["predict", str(table_run), *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_a_surrogate_that_cannot_be_restored(table_run: Path, capsys: pytest.CaptureFixture) -> None:
    Path("results.h5").write_bytes((table_run / "results.h5").read_bytes())
    with h5py.File("results.h5", "r+") as file:
        del file["surrogate"]
        file.create_group("surrogate").attrs["kind"] = "of another age"
    assert main(["predict", "results.h5", written("csv"), "-o", "answers.csv"]) == 1
    assert "this version of the program cannot restore the surrogate that version" in capsys.readouterr().err


def test_a_surrogate_of_a_later_version(heat_run: Path, capsys: pytest.CaptureFixture) -> None:
    Path("results.h5").write_bytes((heat_run / "results.h5").read_bytes())
    with h5py.File("results.h5", "r+") as file:
        file["surrogate"].attrs["version"] = 99
    assert main(["predict", "results.h5", written("csv"), "-o", "answers.csv"]) == 1
    assert "the surrogate is of version 99, this program reads up to 3" in capsys.readouterr().err


def test_blocks_on_all_cores_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread has a surrogate of its own, and nothing is read far ahead."""
    monkeypatch.setattr(cores, "available_cores", lambda: 2)
    monkeypatch.setattr(cores, "ONE_CORE", __name__)
    read: list[int] = []

    def blocks_read() -> Iterator[int]:
        for block in range(20):
            read.append(block)
            yield block

    asked = Remembers()
    for number, answer in enumerate(cores.on_all_cores(asked, lambda one, block: one.twice(block), blocks_read())):
        assert answer == 2 * number and len(read) <= number + 3
    assert number == 19


class Remembers:
    """What gives a wrong answer if two threads ask it at once."""

    def __init__(self) -> None:
        self.last = 0

    def twice(self, block: int) -> int:
        self.last = block
        time.sleep(0.002)
        return 2 * self.last
