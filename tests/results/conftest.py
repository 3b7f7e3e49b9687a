"""A synthetic run with two outputs, a split that comes late, acquired cases and diagnostics of several shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.datasets.dataset import SurfaceCase
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.surrogate import Prediction
from binn_cli.results.record import Header, Predictions, RunRecord, Step
from binn_cli.results.surface import SurfacePrediction


def make_step(i: int) -> Step:
    splits = ("train", "test") if i == 0 else ("train", "test", "offgrid")
    return Step(
        n_train=100 + i,
        coordinates={"round": i},
        metrics={split: {"rmse": np.array([0.5, 2.0]) / (i + 1), "crps": np.array([0.25, np.nan])} for split in splits},
        timings={"data": 0.5, "fit": 1.5 + i},
        peak_rss_bytes=10_000_000 + i,
        acquired=None if i == 0 else {"k": 2.5, "P": 150.0 + i},
        diagnostics={"residual": np.arange(1.0, 4 + i), "divergences": np.array(float(i))}
        | ({"rhat": np.ones((2, 3))} if i else {}),
        scored={"train": 90} if i else {},
        warnings=("a doubt", "ä second one") if i == 1 else (),
    )


@pytest.fixture
def header() -> Header:
    return Header("active_learn", "heat", "binn", "abc123", 7, "task:\n  name: active_learn  # ü\n")


@pytest.fixture
def predictions() -> Predictions:
    axes = (Axis.of("x", np.linspace(0, 1, 6), "m"), Axis("case", np.arange(8.0).reshape(4, 2), ("k", "P"), ("", "W")))
    data = ProductData(axes, np.random.default_rng(0).normal(size=(6, 4, 2)), ("u", "flux"), ("K", ""))
    return Predictions.of(data, Prediction(data.values + 0.1, np.full((6, 4, 2), 0.04), np.full((6, 4, 2), 0.05)), 1000)


def surface() -> SurfacePrediction:
    """Two outputs on a tetrahedron."""
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    axes = (Axis("point", points, ("x", "y", "z")), Axis("case", np.array([[2.5, 150.0]]), ("k", "P")))
    data = ProductData(axes, np.random.default_rng(1).normal(size=(4, 1, 2)), ("u", "flux"))
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32)
    prediction = Prediction(data.values + 0.1, np.full((4, 1, 2), 0.04), np.full((4, 1, 2), 0.05))
    return SurfacePrediction.of(SurfaceCase("case_7", points, triangles, data), prediction)


@pytest.fixture
def record(header: Header, predictions: Predictions) -> RunRecord:
    surrogate = {
        "kind": "cp",
        "modes": 3,
        "noise": 0.5,
        "centred": True,
        "names": np.array(["x", "ä"]),
        "mask": np.array([True, False]),
        "factor_0": {
            "mean": np.ones((3, 5)),
            "covariance": np.eye(15),
            "empty": np.zeros((0, 2)),
            "step": np.float64(0.25),
        },
    }
    state = {"initial": np.ones((2, 2)), "acquired": np.zeros((0, 2)), "case_coordinates": "k,P"}
    unfinished = RunRecord(header=header, provenance={"python": "3.11", "cpu_count": 2, "git_dirty": True, "load": 0.5})
    steps = tuple(make_step(i) for i in range(3))
    return replace(
        unfinished,
        steps=steps,
        outputs=("u", "flux"),
        predictions=predictions,
        surface=surface(),
        surrogate=surrogate,
        state=state,
    )


@pytest.fixture
def step() -> Step:
    return make_step(0)
