"""Inputs that are more than numbers on a line: what is learned, what is refused, and that texts come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import binn_cli
from binn_cli.cli import main
from binn_cli.config.schema.kinds import kinds_of
from binn_cli.config.schema.simulator import SimulatorConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, ConfigError, DataError
from binn_cli.models.encoded import FittedEncodedCases, encoded
from binn_cli.models.encoding import Encoding
from binn_cli.models.surrogate import FitsRows, KnowsCases
from tests.prediction.conftest import composed_model

KINDS = {"Re": "log", "n": "integer", "angle": {"period": 360}, "metal": {"choice": ["steel", "copper", "zinc"]}}


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(
        {"Re": 10 ** rng.uniform(2, 6, count), "n": rng.integers(1, 6, count), "angle": rng.uniform(0, 360, count)}
    )
    found["metal"] = rng.choice(["steel", "copper", "zinc"], count)
    offset = found["metal"].map({"steel": 1.0, "copper": -2.0, "zinc": 0.5})
    return found.assign(drag=np.log10(found["Re"]) + np.cos(np.deg2rad(found["angle"])) + 0.3 * found["n"] + offset)


def test_the_columns_of_each_kind() -> None:
    encoding = Encoding.of(("Re", "n", "angle", "metal", "x"), kinds_of(KINDS))
    table = encoding.table(np.array([[1e3, 2.2, 90.0, 1.0, 7.0], [1e5, 4.0, 450.0, 2.0, 8.0]]))
    expected = [[3, 2, 0, 1, 0, 1, 0, 7], [5, 4, 0, 1, 0, 0, 1, 8]]
    np.testing.assert_allclose(table, expected, atol=1e-12)
    assert [name for k in range(5) for name in encoding.names(k)] == [
        *("log10 Re", "n", "cos angle", "sin angle", "metal = steel", "metal = copper", "metal = zinc", "x")
    ]
    assert Encoding.from_tree(encoding.tree()) == encoding
    domain = encoding.domain(np.array([[10, 100], [1, 4], [0, 360], [0, 2], [0, 1.0]]))
    np.testing.assert_allclose(domain, [[1, 2], [1, 4], [-1, 1], [-1, 1], [0, 1], [0, 1], [0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ([0.0, 1, 0, 0], "'Re' is 0, but dataset.kinds says that it is logarithmic: above 0"),
        ([1.0, 1.5, 0, 0], "'n' is 1.5, but dataset.kinds says that it is a whole number"),
        ([1.0, 1, 0, 3], "'metal' is 3, which is none of its choices steel, copper, zinc"),
    ],
)
def test_values_that_an_input_cannot_have(point: list[float], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Encoding.of(tuple(KINDS), kinds_of(KINDS)).table(np.array([point]), strict=True)


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        ({"x": "logarithmic"}, "'x' must be log, integer"),
        ({"x": {"period": 0}}, "the period of 'x' must be a number greater than 0, not 0"),
        ({"x": {"choice": ["a"]}}, "at least two different values"),
        (["x"], "must be {NAME: log"),
    ],
)
def test_kinds_that_are_none(kinds: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        kinds_of(kinds)


def test_gradients_go_through_the_encoding() -> None:
    x, angle = np.meshgrid(10 ** np.linspace(0, 3, 7), np.linspace(0, 300, 6), indexing="ij")
    table = np.c_[x.ravel(), angle.ravel()]
    values = np.log10(table[:, :1]) ** 2 + np.sin(np.deg2rad(table[:, 1:]))
    data = ProductData((Axis("point", table, ("x", "angle")),), values, ("y",))
    fitted = encoded(composed_model("gp"), kinds_of({"x": "log", "angle": {"period": 360}})).fit(data)
    slopes = fitted.gradient(np.array([[30.0, 40.0]]))[0, 0]
    expected = [2 * np.log10(30.0) / (30.0 * np.log(10)), np.cos(np.deg2rad(40.0)) * np.pi / 180]
    np.testing.assert_allclose(slopes, expected, rtol=2e-2)
    around = [
        fitted.predict([Axis("p", np.array([[30.0, a]]), ("x", "angle"))]).mean.item() for a in (10.0, 370.0, -350.0)
    ]
    np.testing.assert_allclose(around, around[0], rtol=1e-9)


def test_a_model_behind_an_encoding_can_what_it_could() -> None:
    kinds = kinds_of({"x": "log"})
    assert isinstance(encoded(composed_model("binn"), kinds), FitsRows) and not isinstance(
        encoded(composed_model("gp"), kinds), FitsRows
    )
    assert issubclass(FittedEncodedCases, KnowsCases) or hasattr(FittedEncodedCases, "case_process")
    model = composed_model("gp")
    assert encoded(model, {}) is model


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """A table with all kinds of inputs, texts among them: learned, predicted and updated by name, texts in and texts
    out."""
    monkeypatch.chdir(tmp_path)
    rows(80).to_csv("runs.csv", index=False)
    kinds = "dataset.kinds={Re: log, n: integer, angle: {period: 360}, metal: {choice: [steel, copper, zinc]}}"
    data = ["dataset=table", "dataset.path=runs.csv", "dataset.outputs=[drag]", kinds]
    assert main(["run", *data, "model=gp", "budget=smoke", "output.figures=false", "output.root=out"]) == 0
    (run,) = Path("out").iterdir()
    found = binn_cli.load(run)
    assert found.metrics["r2"].sel(split="test", output="drag").item() > 0.98
    points = rows(9, seed=1).drop(columns="drag")
    points.to_csv("points.csv", index=False)
    points.to_parquet("points.parquet", index=False)
    said = found.predict(points)
    for kind in ("csv", "parquet"):
        assert main(["predict", str(run), f"points.{kind}", "-o", f"answers.{kind}"]) == 0
        answers = pd.read_csv("answers.csv") if kind == "csv" else pd.read_parquet("answers.parquet")
        assert answers["metal"].tolist() == points["metal"].tolist() == said["metal"].values.tolist()
        np.testing.assert_array_equal(answers["drag_mean"], said["mean"].values[:, 0])
    rows(12, seed=2).to_csv("new.csv", index=False)
    assert main(["update", str(run), "new.csv", "-o", "updated"]) == 0
    assert binn_cli.load("updated").predict(points)["metal"].values.tolist() == points["metal"].tolist()
    capsys.readouterr()
    points.replace("zinc", "zink").to_csv("points.csv", index=False)
    assert main(["predict", str(run), "points.csv", "-o", "answers.csv"]) == 1
    assert (
        "'metal' is 'zink', which is none of its choices steel, copper, zinc; did you mean \"zinc\"?"
        in capsys.readouterr().err
    )
    with pytest.raises(BinnError, match="metal is 'zink', which is none of its choices"):
        found.predict(points.replace("zinc", "zink"))
    assert main(["run", *data[:-1], "dataset.kinds={Ra: log}", "model=gp", "budget=smoke", "output.root=out"]) == 1
    assert "dataset.kinds" in capsys.readouterr().err


def test_a_solver_says_it_with_its_parameters() -> None:
    parameters = {
        "k": [1, 4],
        "Re": {"log": [10, 1000]},
        "n": {"integer": [1, 8]},
        "metal": {"choice": ["steel", "zinc"]},
    }
    config = SimulatorConfig(parameters=parameters, outputs=["y"], command="solver {k} {Re} {n} {metal}")
    assert config.kinds == {"Re": "log", "n": "integer", "metal": {"choice": ["steel", "zinc"]}}
    assert kinds_of(config.kinds)["metal"].has_texts
