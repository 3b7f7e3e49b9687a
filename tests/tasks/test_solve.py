"""The task solve from the command line: observations, tolerances, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.datasets.digest import file_digest
from binn_cli.errors import TooLarge
from binn_cli.models.galerkin import model
from binn_cli.restoring import restored


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def solved(capsys, *settings: str) -> tuple[Path, str]:
    """The results file, and what was said."""
    status = main(["run", "task=solve", "dataset=equation", "output.root=runs", *settings])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return Path(printed.out.splitlines()[-1]), printed.err


def test_observations_make_a_field_of_the_known_inputs(capsys):
    draw, k = np.random.default_rng(0), 1.6
    x, t = draw.random(10), 0.1 * draw.random(10)
    u = np.exp(-(np.pi**2) * k * t) * np.sin(np.pi * x) + 0.01 * draw.standard_normal(10)
    np.savetxt("obs.csv", np.column_stack([x, t, u]), delimiter=",", header="x,t,u", comments="")
    path, said = solved(
        capsys, "task.observations=obs.csv", "task.unknown=[k]", "task.noise_std=0.01", "dataset.points=9"
    )
    assert "warning" not in said and "could not be drawn" not in said
    with h5py.File(path) as file:
        low, high = file["estimate/interval_95"][0]
        assert low < k < high and high - low < 0.3
        assert file["posterior/k"].shape == (1, 1024)
        assert file["metrics/split"].asstr()[...].tolist() == ["truth", "observations"]
        assert file["step/n_train"][...].tolist() == [10]
    assert {figure.stem for figure in path.parent.glob("*.png")} >= {"parity", "calibration"}
    learned = restored(path)
    assert learned.inputs == ("x", "t")
    found = learned.predict({"x": [0.5], "t": [0.05]})
    error = found["mean"].item() - np.exp(-(np.pi**2) * k * 0.05)
    assert abs(error) < 4 * found["std_epistemic"].item() < 0.1
    # Ten observations of noise alone contradict the equation.
    np.savetxt("obs.csv", np.column_stack([x, t, u + 1, x]), delimiter=",", header="x,t,u,place", comments="")
    _, said = solved(
        capsys, "task.observations=obs.csv", "task.unknown=[k]", "task.noise_std=0.01", "output.figures=false"
    )
    assert "the observations contradict the equation" in said and "obs.csv: not used: place" in said


def test_an_unknown_source_is_learned_and_the_observations_are_what_the_run_is_known_by(capsys):
    """u_t - u_xx = a sin(πx) + b sin(3πx) from zero on, whose series is exact."""
    draw, true = np.random.default_rng(1), {"a": 3.0, "b": -20.0}
    x, t = draw.random(10), 0.1 * (1 - draw.random(10) ** 2)

    def field(x, t):
        rates = {"a": np.pi**2, "b": 9 * np.pi**2}
        waves = {"a": np.sin(np.pi * x), "b": np.sin(3 * np.pi * x)}
        return sum(true[name] / rates[name] * (1 - np.exp(-rates[name] * t)) * waves[name] for name in true)

    noise = 0.02 * np.std(field(x, t))
    u = field(x, t) + noise * draw.standard_normal(10)
    np.savetxt("obs.csv", np.column_stack([x, t, u]), delimiter=",", header="x,t,u", comments="")
    settings = (
        "dataset.variables=[[x,0,1],[t,0,0.1],[a,-5,5],[b,-50,50]]", "dataset.parameters=[a,b]", "dataset.points=9",
        'dataset.operator=["d(u,t)","-d(u,x,x)"]', 'dataset.source=["a*sin(pi*x)","b*sin(3*pi*x)"]',
        "dataset.initial=[]", "dataset.exact=", "task.observations=obs.csv", "task.unknown=[a,b]",
        f"task.noise_std={noise}", "output.figures=false",
    )  # fmt: skip
    path, said = solved(capsys, *settings)
    assert "warning" not in said
    with h5py.File(path) as file:
        mean, std = file["estimate/mean"][...], file["estimate/std"][...]
        known = json.loads(file["provenance"].attrs["data_identity"])
    assert (np.abs(mean - list(true.values())) < 4 * std).all() and (std < [0.3, 3.0]).all()
    points = draw.random((50, 2)) * [1.0, 0.1]
    found = restored(path).predict({"x": points[:, 0], "t": points[:, 1]})
    error = np.abs(found["mean"].values.ravel() - field(*points.T))
    assert np.mean(error <= 1.96 * found["std_epistemic"].values.ravel()) > 0.9
    assert known == {"task.observations": file_digest(Path("obs.csv"))}


@pytest.mark.parametrize("settings", [("dataset.points=9",), ("task.tolerance=1e-9",)])
def test_a_solution_is_kept_where_those_that_would_judge_it_are_too_large(capsys, monkeypatch, settings):
    def refused(*_: object) -> None:
        raise TooLarge("no direct solution with 9 points")

    monkeypatch.setattr(model, "judged_by", refused)
    path, said = solved(capsys, *settings, "output.figures=false")
    assert "the error is not estimated" in said and "(no direct solution with 9 points)" in said
    with h5py.File(path) as file:
        assert np.isnan(file["error_estimate/rmse"][...]).tolist() == [True]
        assert file["metrics/rel_rmse"][0, 0, 0] < 1e-4
    found = restored(path).predict({"x": [0.5], "t": [0.05], "k": [1.5]})
    assert found["std_epistemic"].item() > 0.1
    assert main(["show", str(path)]) == 0


def test_a_tolerance_ends_at_the_first_estimate_below_it(capsys):
    path, _ = solved(capsys, "task.tolerance=1e-7", "output.figures=false")
    with h5py.File(path) as file:
        relative, effectivity = file["error_estimate/relative"][...], file["error_estimate/effectivity"][...]
        points = file["step/points"][...]
        assert relative[-1] <= 1e-7 and all(relative[1:-1] > 1e-7)
        assert (effectivity >= 1).all() and (effectivity <= 5).all()
        assert (np.diff(points) == points[:-1] - 1).all()
    _, said = solved(capsys, "task.tolerance=1e-9", "task.most_points=9", "output.figures=false")
    assert "is not met with as many points as task.most_points allows" in said


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("dataset=sine", "dataset: sine states no equation"),
        ("model=gp dataset=equation", "model: gp learns from data and solves no equation"),
        ("dataset=equation task.unknown=[k]", "task.observations: name the file of observations"),
        ("dataset=heat3d task.observations=obs.csv task.unknown=[kk]", '"kk" is no parameter of the equation: k'),
    ],
)
def test_what_cannot_be_solved(capsys, settings: str, sentence: str):
    assert main(["run", "task=solve", "output.root=runs", *settings.split()]) == 1
    assert sentence in capsys.readouterr().err
    assert not Path("runs").exists()  # nothing was begun
