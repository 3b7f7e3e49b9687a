"""What is unknown about whole cases is what the predictions of their fields say, whatever the posterior is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.surrogate import Binn

X, T = Axis.of("x", np.linspace(0.0, 1.0, 4)), Axis.of("t", np.linspace(0.0, 1.0, 3))
CASES = Axis("case", np.array([[1.0, 100.0], [4.0, 120.0], [2.0, 200.0], [3.0, 160.0], [1.5, 180.0]]), ("k", "P"))
OTHERS = Axis("case", np.array([[2.5, 110.0], [4.0, 200.0]]), ("k", "P"))


STATED = {"modes": 2, "length": 2.0, "stretch": 0.0, "centers": 3, "padding": 0}


def fitted_to_fields(config: dict[str, object]) -> FittedBinn:
    x, t, k, P = X.points[:, :1, None], T.points[None, :, :1], CASES.points[:, 0], CASES.points[:, 1]
    values = np.exp(-k * t) * np.sin(3 * x + P / 50)
    return Binn(BinnConfig(**config)).fit(ProductData((X, T, CASES), values[..., None], ("u",)))


def fitted_to_numbers() -> FittedBinn:
    rng = np.random.default_rng(0)
    x = rng.uniform([1, 100], [4, 200], size=(9, 2))
    values = np.stack([np.sin(x[:, 0]), x[:, 0] * x[:, 1] / 100], axis=1)
    return Binn(BinnConfig()).fit(ProductData((Axis("case", x, ("k", "P")),), values, ("u", "v")))


@pytest.mark.parametrize("config", [STATED, {}], ids=["stated", "auto"])
def test_variances_of_cases_are_those_of_their_fields(config: dict[str, object]) -> None:
    fitted = fitted_to_fields(config)
    process = fitted.case_process((X, T), OTHERS)
    variance = np.asarray(fitted.predict([X, T, OTHERS]).epistemic_var)[..., 0].sum(axis=(0, 1))
    np.testing.assert_allclose(
        process.variances() / process.variances().sum(), variance / variance.sum(), rtol=0.25
    )  # fewer draws of hyperparameters
    assert process.observed(0).variances()[0] < process.variances()[0]


@pytest.mark.parametrize("kind", ["stated", "auto", "numbers"])
def test_others_are_reached_as_if_all_were_computed_together(kind: str) -> None:
    fitted = fitted_to_numbers() if kind == "numbers" else fitted_to_fields(STATED if kind == "stated" else {})
    axes = () if kind == "numbers" else (X, T)
    few = CASES.taken([0, 2])
    few = replace(few, points=few.points + np.array([0.3, 7.0]))
    together = fitted.case_process(axes, replace(few, points=np.concatenate([few.points, OTHERS.points])))
    apart = fitted.case_process(axes, few)
    for process, joint in ((apart, together), (apart.observed(1), together.observed(1))):
        np.testing.assert_allclose(process.variances_of(OTHERS.points), joint.variances()[2:], rtol=2e-3)
        expected = joint.reductions(np.array([2, 3]), slice(0, 2))
        np.testing.assert_allclose(process.reductions_by(OTHERS.points, slice(0, 2)), expected, rtol=5e-3)
