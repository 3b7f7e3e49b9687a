"""Scores of splits in parts, of a sample of the training split, and of rows that are read in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import TableRows
from binn_cli.metrics import METRICS, score
from binn_cli.models.surrogate import Prediction, Tree
from binn_cli.results.record import Predictions
from binn_cli.tasks import scoring
from binn_cli.tasks.evaluation import PhaseTimings
from binn_cli.tasks.scoring import scores_of


@dataclass
class Wavy:
    """Predicts the sum of all coordinates and a tenth of its sine, with an error bar that varies; keeps the sizes asked
    for."""

    asked: list[tuple[int, ...]] = field(default_factory=list)
    report: None = None

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """See `FittedSurrogate.predict`."""
        self.asked.append(tuple(axis.size for axis in axes))
        total = sum_over(axes)
        return Prediction(
            total + 0.1 * np.sin(9 * total), 0.01 + 0.01 * np.cos(total) ** 2, np.full(total.shape, 0.01), 0.25
        )

    def state(self) -> Tree:
        """Nothing to keep."""
        return {}


def sum_over(axes: Sequence[Axis]) -> np.ndarray:
    grids = np.meshgrid(*(axis.points.sum(axis=1) for axis in axes), indexing="ij")
    return np.sum(grids, axis=0)[..., None]


def product(*sizes: int) -> ProductData:
    axes = tuple(Axis.of(f"x{i}", np.linspace(0, i + 1.0, size), "m") for i, size in enumerate(sizes))
    return ProductData(axes, sum_over(axes), ("u",), ("K",))


@pytest.mark.parametrize("at_once", [1, 12, 13, 24, 59])
def test_parts_score_as_the_whole(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data, model, timings = product(3, 4, 5), Wavy(), PhaseTimings()
    whole = Wavy().predict(data.axes)
    monkeypatch.setattr(scoring, "POINTS_AT_ONCE", at_once)
    scores = scores_of(model, {"test": data}, timings, keep=20)
    for name, values in score(data.values, whole).items():
        np.testing.assert_allclose(scores.metrics["test"][name], values, rtol=1e-12, err_msg=name)
    kept = Predictions.of(data, whole, 20)
    for name, value in vars(kept).items():
        np.testing.assert_array_equal(getattr(scores.predictions, name), value, err_msg=name)
    ((*_, cases),) = set(model.asked)  # every part has the same shape
    assert cases <= max(1, at_once // 12) and cases * (len(model.asked) - 1) < 5 <= cases * len(model.asked)
    assert timings.compile == 0.25 * len(model.asked)


def test_rows_in_chunks_score_as_those_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).random((50, 2))
    data = ProductData((Axis("point", points, ("x", "z")),), points.sum(axis=1, keepdims=True), ("u",))
    memory = scores_of(Wavy(), {"test": data}, PhaseTimings(), keep=7)
    for name, value in (("POINTS_AT_ONCE", 16), ("STREAMED_AT_ONCE", 8), ("ROWS_AT_ONCE", 24)):
        monkeypatch.setattr(scoring, name, value)
    model, timings, heard = Wavy(), PhaseTimings(), []
    streamed = scores_of(model, {"test": TableRows(data)}, timings, keep=7, announce=lambda *said: heard.append(said))
    for name in METRICS:
        np.testing.assert_allclose(streamed.metrics["test"][name], memory.metrics["test"][name], rtol=1e-12)
    for name, value in vars(memory.predictions).items():
        np.testing.assert_array_equal(getattr(streamed.predictions, name), value, err_msg=name)
    assert model.asked == [(8,)] * 7 and timings.data > 0
    assert heard[0] == ("predicting the split test", 16, 50)


def test_a_large_training_split_is_scored_on_a_sample_of_every_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    data, model = product(20, 30, 40), Wavy()
    every = score(data.values, Wavy().predict(data.axes))
    monkeypatch.setattr(scoring, "SCORED_PRODUCT", 6000)
    scores = scores_of(model, {"train": data, "test": data}, PhaseTimings(), capacity=50)
    assert model.asked == [(10, 11, 50), (20, 30, 40)], "the test split is scored on all its points"
    assert scores.scored == {"train": 10 * 11 * 40}
    for name in ("rmse", "crps", "sharpness"):
        np.testing.assert_allclose(scores.metrics["train"][name], every[name], rtol=0.05)
        np.testing.assert_allclose(scores.metrics["test"][name], every[name], rtol=1e-12)
    again = scores_of(Wavy(), {"train": data}, PhaseTimings(), capacity=50)
    np.testing.assert_array_equal(again.metrics["train"]["rmse"], scores.metrics["train"]["rmse"])


def test_a_long_table_is_scored_on_a_sample_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).random((20_000, 2))
    data, model = ProductData((Axis("point", points, ("x", "z")),), points.sum(axis=1, keepdims=True), ("u",)), Wavy()
    monkeypatch.setattr(scoring, "SCORED_POINTS", 3000)
    scores = scores_of(model, {"train": data}, PhaseTimings())
    assert (model.asked, scores.scored) == ([(3000,)], {"train": 3000})
    every = score(data.values, Wavy().predict(data.axes))
    np.testing.assert_allclose(scores.metrics["train"]["rmse"], every["rmse"], rtol=0.05)


def test_only_what_was_observed_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    full = product(4, 5, 6)
    seen = np.random.default_rng(0).random((4, 5, 6)) < 0.5
    seen[..., 2] = False
    data = ProductData(full.axes, full.values, full.outputs, observed=seen)
    found = Wavy().predict(full.axes)
    every = score(full.values[seen], Prediction(found.mean[seen], found.epistemic_var[seen], found.noise_var[seen]))
    monkeypatch.setattr(scoring, "POINTS_AT_ONCE", 20)
    monkeypatch.setattr(scoring, "SCORED_PRODUCT", 90)
    scores = scores_of(Wavy(), {"test": data, "train": data}, PhaseTimings(), keep=1000)
    for name in METRICS:
        np.testing.assert_allclose(scores.metrics["test"][name], every[name], rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(scores.metrics["train"]["rmse"], every["rmse"], rtol=0.3)
    assert 0 < scores.scored["train"] < seen.sum()
    assert np.isfinite(scores.predictions.truth).all() and len(scores.predictions.truth) == seen.sum()


def test_a_small_growing_training_split_is_predicted_with_its_final_size() -> None:
    model, data = Wavy(), product(3, 4)
    scores = scores_of(model, {"train": data}, PhaseTimings(), capacity=9)
    assert model.asked == [(3, 9)] and scores.scored == {} and scores.predictions is None
    np.testing.assert_allclose(scores.metrics["train"]["rmse"], score(data.values, Wavy().predict(data.axes))["rmse"])


def test_a_training_split_that_will_be_large_has_one_shape_throughout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SCORED_PRODUCT", 30)
    model = Wavy()
    for cases in (2, 3, 5):
        scores = scores_of(model, {"train": product(3, 4, cases)}, PhaseTimings(), capacity=5)
        assert scores.scored == {"train": 6 * cases}
    assert model.asked == [(2, 3, 5)] * 3


def test_a_sample_of_which_nothing_was_observed_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    full = product(40, 40)
    seen = np.zeros((40, 40), dtype=bool)
    seen[0, 0] = True
    monkeypatch.setattr(scoring, "SCORED_PRODUCT", 20)
    scores = scores_of(
        Wavy(), {"train": ProductData(full.axes, full.values, full.outputs, observed=seen)}, PhaseTimings()
    )
    assert np.isfinite(scores.metrics["train"]["rmse"]).all() and scores.scored == {}
