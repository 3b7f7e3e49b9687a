"""The surrogate in the user's hands: gradients, and learning on from more rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import binn_cli
from binn_cli.cli import main
from binn_cli.config.compose import read as settings_in
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError
from binn_cli.learned import Learned
from binn_cli.models.scope import Scope
from tests.prediction.conftest import composed_model

STEP = 1e-4


def learned(name: str) -> Learned:
    """A model of two outputs on a 6 × 7 grid in units of its own."""
    x, y = np.linspace(-2, 3, 6), np.linspace(100, 160, 7)
    values = np.stack([1e3 * np.sin(x)[:, None] * (y / 100), x[:, None] - y / 30], axis=2)
    axes = (Axis.of("x", x), Axis.of("y/mm", y))
    if not name.startswith("gp_grid"):
        xx, yy = np.meshgrid(x, y, indexing="ij")
        axes, values = (Axis("point", np.c_[xx.ravel(), yy.ravel()], ("x", "y/mm")),), values.reshape(-1, 2)
    # Five steps of a search end at one length scale or another by round-off.
    stated = ["model.hyperparameters=fixed"] if name in ("gp", "gp_sparse") else []
    data, model = ProductData(axes, values, ("a", "b")), composed_model(name, *stated)
    return Learned(model, model.fit(data), Scope.of(data))


LONG = [
    pytest.param(name, marks=pytest.mark.thorough)
    for name in ("gp_sparse", "gp_grid", "bnn_laplace", "bnn_nuts", "kan", "inn", "diffusion")
]


@pytest.mark.parametrize("name", ["gp", "bnn_map", "mlp", *LONG])
def test_gradients_are_those_of_the_mean(name: str) -> None:
    found = learned(name)
    points = np.array([[0.3, 133.0], [-1.2, 104.0], [2.9, 150.0]])
    slopes = found.gradient(points)
    assert slopes.dims == ("point", "output", "input") and list(slopes["input"].values) == ["x", "y/mm"]
    single = not name.startswith("gp")  # in single precision
    for column, span in enumerate((5.0, 60.0)):
        step = np.zeros(2)
        step[column] = span * (1e-2 if single else STEP)
        around = [found.predict(points + sign * step, std=False)["mean"].values for sign in (1, -1)]
        expected = (around[0] - around[1]) / (2 * step[column])
        size = np.abs(slopes.values[:, :, column]).max(axis=0)
        np.testing.assert_allclose(slopes.values[:, :, column] / size, expected / size, atol=0.03 if single else 1e-5)


def test_a_model_without_a_derivative_says_so() -> None:
    with pytest.raises(BinnError, match="model=gp_local offers no derivative of its mean; take binn, gp"):
        learned("gp_local").gradient([[0.0, 120.0]])


def new_rows(n: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    speed, gap = rng.uniform(10, 70, n), rng.uniform(0.2, 2, n)
    return pd.DataFrame({"drag": speed * gap, "$lift$": speed - gap, "gap/mm": gap, "speed": speed, "note": 1})


def test_an_update_is_a_fit_to_all_rows(table_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run, rows = binn_cli.load(table_run), new_rows()
    grown = run.update(rows)
    points = {"speed": [20.0, 65.0], "gap/mm": 1.0}
    before, after = run.predict(points), grown.predict(points)
    assert (after["std_epistemic"] < before["std_epistemic"]).all()
    assert before["outside"].values.tolist() == [False, True] and after["outside"].values.tolist() == [False, False]
    np.testing.assert_allclose(after["mean"].sel(output="drag"), [20.0, 65.0], rtol=1e-3)
    rows.to_csv(tmp_path / "new.csv", index=False)
    assert main(["update", str(table_run), str(tmp_path / "new.csv"), "-o", str(tmp_path / "updated")]) == 0
    heard = capsys.readouterr()
    assert heard.out.endswith("updated/results.h5\n") and "before the new rows were learned: drag: RMSE" in heard.err
    kept = binn_cli.load(tmp_path / "updated")
    np.testing.assert_array_equal(kept.predict(points)["mean"], after["mean"])
    assert kept.status == "complete" and kept.steps["n_train"].item() == 52
    assert kept.metrics["rmse"].sel(split="new").shape == (1, 2) and kept.provenance["updated_from"] == str(
        table_run / "results.h5"
    )
    assert main(["show", str(tmp_path / "updated")]) == 0
    assert main(["update", str(table_run), str(tmp_path / "new.csv"), "-o", str(tmp_path / "updated")]) == 1
    assert "is there already; name a new directory" in capsys.readouterr().err


def test_an_updated_run_is_a_run_like_any_other(table_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """It has files, an identity and a place in comparisons of its own; the test points of the first judge it."""
    new_rows().to_csv(tmp_path / "new.csv", index=False)
    names = [tmp_path / name for name in ("once", "twice")]
    for before, after in zip((table_run, *names), names, strict=False):
        assert main(["update", str(before), str(tmp_path / "new.csv"), "-o", str(after)]) == 0
    assert "on the test points: drag: RMSE " in capsys.readouterr().err
    runs = [binn_cli.load(run) for run in (table_run, *names)]
    assert len({run.config_id for run in runs}) == 3 and len({run.provenance["data_identity"] for run in runs}) == 3
    assert [settings_in(run / "config.yaml").config_id for run in names] == [run.config_id for run in runs[1:]]
    assert "data: new.csv: 20 rows" in (names[0] / "run.log").read_text(encoding="utf-8")
    kept = runs[1].predictions
    said = runs[1].predict({name: kept["inputs"].sel(input=name).values for name in runs[1].inputs})["mean"]
    found = np.sqrt(((said.values - kept["truth"].values) ** 2).mean(axis=0))
    np.testing.assert_allclose(runs[1].metrics["rmse"].sel(split="test").values[-1], found, rtol=1e-9)
    assert main(["compare", *map(str, (table_run, *names)), "--json", str(tmp_path / "both.json")]) == 0
    rows = json.loads((tmp_path / "both.json").read_text())["rows"]
    assert {row["keys"]["update.2.rows"] for row in rows} == {None, str(tmp_path / "new.csv")}
    assert all(row["metrics"]["test"]["rmse"]["mean"] is not None for row in rows)
    assert main(["rerun", str(names[0])]) == 1
    assert "was made by binn update" in capsys.readouterr().err


def test_what_cannot_be_learned_on(table_run: Path) -> None:
    run = binn_cli.load(table_run)
    with pytest.raises(BinnError, match="rows: speed is missing"):
        run.update(new_rows().drop(columns="speed"))
    with pytest.raises(BinnError, match="forgetting must be greater than 0"):
        run.update(new_rows(), forgetting=0.0)
    with pytest.raises(BinnError, match="model=gp weighs all points alike"):
        run.update(new_rows(), forgetting=0.5)
    with pytest.raises(BinnError, match="model=mlp cannot learn on from its surrogate alone"):
        found = learned("mlp")
        found.update({"x": [0.0], "y/mm": [120.0], "a": [1.0], "b": [1.0]})
    with pytest.raises(BinnError, match="rows: 1 rows are not whole cases: x take 1 combinations|are not whole cases"):
        grid = learned("gp_grid")
        grid.update({"x": [0.0, 1.0, 0.0], "y/mm": [120.0, 120.0, 130.0], "a": [1.0] * 3, "b": [1.0] * 3})
