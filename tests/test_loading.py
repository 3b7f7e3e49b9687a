"""Runs from Python: of today's files, of the oldest ones, and what is said of files that cannot be read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import binn_cli
from binn_cli.cli import main
from binn_cli.config.schema.bnn import BnnMapConfig
from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.posterior_tree import to_posterior
from binn_cli.results.store import read, write
from tests.views.made_runs import made_run

OLDEST = Path(__file__).parent / "results" / "old_files" / "1466e67.h5"
"""Written by the first version that could run anything."""
SMALL = ["dataset=sine", "task=regress", "model.modes=1", "model.centers=5", "model.length=2", "model.stretch=0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of the engine."""
    root = tmp_path_factory.mktemp("outputs")
    assert (
        main(["run", *SMALL, "model.sweeps=2", "output.figures=false", "output.max_points=50", f"output.root={root}"])
        == 0
    )
    (found,) = root.iterdir()
    return found


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_measured(run: Path) -> None:
    found = binn_cli.load(run)
    assert (found.status, found.reason, found.task, found.dataset, found.model, found.seed) == (
        *("complete", "", "regress", "sine", "binn"),
        0,
    )
    assert found.metrics["rmse"].dims == ("step", "split", "output")
    with h5py.File(run / "results.h5") as file:
        assert found.metrics["rmse"].sel(split="test", output="y").item() == file["metrics/rmse"][0, 1, 0]
        assert found.timings["fit"].item() == file["timings/fit"][0]
        np.testing.assert_array_equal(found.predictions["mean"], file["predictions/mean"])
    assert found.predictions.sizes == {"point": 50, "input": 1, "output": 1}
    assert found.steps["n_train"].item() == 60 and found.resources["peak_rss_bytes"].item() > 1e7
    assert found.diagnostics.sizes["step"] == 1
    assert found.config["model"]["centers"] == 5 and found.provenance["program_version"] == binn_cli.__version__
    assert found.outputs == ("y",) and found.inputs == ("x",) and len(found.config_id) == 16 and found.note == ""
    assert repr(found).startswith("<binn run regress · sine · binn, complete, ")


def test_the_surrogate_predicts_what_the_file_says(run: Path) -> None:
    found = binn_cli.load(run / "results.h5")
    kept = found.predictions
    x = kept["inputs"].values[:, 0]
    for points in ({"x": x}, x[:, None]):
        said = found.predict(points)
        for name in ("mean", "std_epistemic", "std_total"):
            np.testing.assert_allclose(said[name], kept[name], rtol=1e-9, atol=1e-12)
    assert said["mean"].dims == ("point", "output") and list(said["output"].values) == ["y"]
    np.testing.assert_array_equal(said["x"], x)
    assert found.predict({"x": 0.5}).sizes["point"] == 1
    prediction = found.surrogate.predict([Axis("point", x[:, None], ("x",))])
    np.testing.assert_allclose(prediction.mean, kept["mean"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ({"X": [0.1]}, 'points: X is no input; there are x; did you mean "x"?'),
        ({}, "points: x is missing; give a value of every input"),
        ({"x": [0.1, np.nan]}, "points: x of point 1 is nan; every input must be finite"),
        (np.zeros((3, 2)), "points: must have 1 columns (x), not 3 x 2"),
        (0.5, "points: must have 1 columns (x), not a single number"),
        ({"x": np.zeros((2, 2))}, "points: give one-dimensional arrays, or single numbers"),
    ],
)
def test_points_that_cannot_be_predicted(run: Path, points: object, sentence: str) -> None:
    with pytest.raises(BinnError) as caught:
        binn_cli.load(run).predict(points)
    assert str(caught.value) == sentence


def test_several_runs_along_one_dimension(elsewhere: Path) -> None:
    made_run(Path("outputs/a"), seed=3, scores={"test": {"rmse": 1.0}})
    made_run(Path("outputs/b"), model={"name": "gp"}, scores={"test": {"rmse": 2.0}, "offgrid": {"rmse": 3.0}})
    made_run(Path("outputs/c"), seed=9, status="failed", reason="DataError: no")
    found = binn_cli.load_many("outputs/*")
    assert (
        len(found) == 2 and [run.model for run in found] == ["binn", "gp"] and repr(found) == "<2 binn runs, 1 others>"
    )
    rmse = found.metrics["rmse"]
    assert rmse.dims == ("run", "step", "split", "output") and list(rmse["seed"].values) == [3, 0]
    assert np.isnan(rmse.sel(split="offgrid")[0].item()) and rmse.sel(split="offgrid")[1].item() == 3.0
    assert found.timings["fit"].sizes == {"run": 2, "step": 1}
    assert [fate.reason for fate in found.others] == ["DataError: no"]
    everything = binn_cli.load_many("outputs", complete=False)
    assert [run.status for run in everything] == ["complete", "complete", "failed"] and everything[
        2
    ].reason == "DataError: no"
    assert [run.path for run in everything[1:]] == [Path("outputs/b/results.h5"), Path("outputs/c/results.h5")]
    with pytest.raises(BinnError, match="outputs: holds 3 runs; name one of them"):
        binn_cli.load("outputs")
    with pytest.raises(BinnError, match="there is no run among them"):
        binn_cli.load_many("outputs/c").metrics.close()


def test_files_that_cannot_be_read(elsewhere: Path) -> None:
    made_run(Path("outputs/a"))
    made_run(Path("outputs/b"), seed=1)
    with h5py.File("outputs/b/results.h5", "r+") as file:
        file.attrs["schema"] = "binn-results/2"
    sentence = (
        r"was written by a newer version of this program \(binn-results/2, and this one reads "
        r"binn-results/1\); update binn"
    )
    with pytest.raises(BinnError, match=sentence):
        binn_cli.load("outputs/b")
    with pytest.raises(BinnError, match=sentence + r'; load_many\(…, unreadable="skip"\) leaves them out'):
        binn_cli.load_many("outputs")
    found = binn_cli.load_many("outputs", unreadable="skip")
    assert len(found) == 1 and found.others[0].status == "unreadable"
    with pytest.raises(BinnError, match="there is no results file nope"):
        binn_cli.load("nope")
    with pytest.raises(BinnError, match="nope: does not exist"):
        binn_cli.load_many("nope")


def test_a_run_that_ended_before_its_first_step(elsewhere: Path) -> None:
    made_run(Path("r"), scores={}, status="failed", reason="DataError: no")
    found = binn_cli.load("r")
    assert found.status == "failed" and found.metrics.sizes.get("step", 0) == 0
    with pytest.raises(BinnError, match="r/results.h5: the run holds no fitted surrogate"):
        found.predict({"x": 1.0})
    with pytest.raises(BinnError, match="the run holds no fitted surrogate"):
        _ = found.surrogate
    with pytest.raises(BinnError, match="the model binn keeps no draws, so there is no posterior group"):
        _ = found.posterior


def test_the_oldest_file_is_read(elsewhere: Path, capsys) -> None:
    shutil.copy(OLDEST, "kept.h5")
    found = binn_cli.load("kept.h5")
    assert found.status == "complete" and found.metrics["rmse"].sel(split="test").item() == pytest.approx(
        0.33750675, rel=1e-6
    )
    assert found.predictions.sizes["point"] == 40 and found.config["model"]["centers"] == 8
    assert found.provenance["git_commit"] == "1466e6751fac7dbe11381868114b2fd855940bba"
    with pytest.raises(
        BinnError, match=r"cannot restore the surrogate that version 0.1.0 kept .*; learn it anew with binn run"
    ):
        _ = found.surrogate
    assert main(["show", "kept.h5"]) == 0 and "0.338" in capsys.readouterr().out
    assert main(["compare", "kept.h5"]) == 0 and "0.338" in capsys.readouterr().out
    assert main(["rerun", "kept.h5"]) == 1
    assert "this version of the program cannot run its configuration (model.center_outputs" in capsys.readouterr().err


def test_arviz_opens_the_posterior(elsewhere: Path) -> None:
    import arviz

    density = Density.of(BnnMapConfig(widths=[4]), 1, 1)
    vectors = np.random.default_rng(0).standard_normal((3, 50, density.size))
    record = read(made_run(Path("r")) / "results.h5")
    write(Path("r/results.h5"), replace(record, surrogate={"posterior": to_posterior(vectors, density)}))
    posterior = binn_cli.load("r").posterior
    assert posterior.sizes["chain"] == 3 and posterior.sizes["draw"] == 50
    summary = arviz.summary(arviz.InferenceData(posterior=posterior), var_names=["noise_variance"])
    assert summary["r_hat"].iloc[0] < 1.2 and summary["ess_bulk"].iloc[0] > 50


def test_the_door_is_light_and_typed() -> None:
    script = "import sys, binn_cli; print([name for name in ('numpy', 'h5py', 'jax', 'hydra') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert (Path(binn_cli.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="has no attribute 'loud'"):
        binn_cli.loud  # noqa: B018
