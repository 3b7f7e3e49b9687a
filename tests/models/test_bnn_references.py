"""The Bayesian neural networks against closed forms: without hidden layers they are Bayesian linear regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from binn_cli.config.schema.bnn import (
    BnnEnsembleConfig,
    BnnHmcConfig,
    BnnMapConfig,
    BnnMhConfig,
    BnnNutsConfig,
    BnnSgldConfig,
    BnnViConfig,
)
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.ensemble import BnnEnsemble
from binn_cli.models.bnn.hmc import BnnHmc
from binn_cli.models.bnn.map import BnnMap
from binn_cli.models.bnn.mh import BnnMh
from binn_cli.models.bnn.nuts import BnnNuts
from binn_cli.models.bnn.sgld import BnnSgld
from binn_cli.models.bnn.vi import BnnVi
from tests.marks import thorough_for

NOISE = 0.3
LINEAR: dict[str, Any] = {"widths": [], "noise": "fixed", "noise_variance": NOISE, "precision": "float64"}
START: dict[str, Any] = {"start_steps": 0, "start_polish": 50}
CHAIN = {**LINEAR, **START, "chains": 4, "keep": 4000}

DATA_RNG = np.random.default_rng(5)
X = DATA_RNG.uniform(-1, 1, (30, 2)) @ np.array([[1.0, 0.6], [0.0, 1.0]])
Y = X @ np.array([[1.0], [-0.5]]) + 0.4 * DATA_RNG.standard_normal((30, 1))
DATA = ProductData((Axis("point", X, ("a", "b")),), Y, ("y",))


def closed_form() -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (bias, weight a, weight b) by the normal equations, in scaled units."""
    low, high = X.min(axis=0), X.max(axis=0)
    scaled = 2 * np.sqrt(3) * ((X - low) / (high - low) - 0.5)
    design = np.column_stack([np.ones(len(X)), scaled])
    outputs = (Y[:, 0] - Y.mean()) / Y.std()
    # Prior variances: 1 for the bias, 1/2 for weights of two inputs.
    precision = design.T @ design / NOISE + np.diag([1.0, 2.0, 2.0])
    covariance = np.linalg.inv(precision)
    return covariance @ design.T @ outputs / NOISE, covariance


SAMPLERS = [
    (BnnNuts, BnnNutsConfig(**CHAIN, warmup=200, samples=1000)),
    (BnnHmc, BnnHmcConfig(**CHAIN, warmup=200, samples=1000, leapfrog=5)),
    (BnnMh, BnnMhConfig(**CHAIN, warmup=500, samples=20_000, step=1.0)),
    (BnnSgld, BnnSgldConfig(**CHAIN, warmup=50, samples=2000, steps=40, batch=10, step=0.1)),
    (BnnVi, BnnViConfig(**LINEAR, **START, steps=3000, learning_rate=0.02, initial_scale=0.1, rank=2, draws=4000)),
]


@pytest.mark.parametrize(
    ("model", "config"), thorough_for((SAMPLERS[0], SAMPLERS[3]), SAMPLERS), ids=lambda part: getattr(part, "name", "")
)
def test_recovers_the_posterior_of_linear_regression(model: Any, config: Any) -> None:
    found = model(config).fit(DATA)
    draws = found.vectors.reshape(-1, 3)
    mean, covariance = closed_form()
    spread = np.sqrt(np.diag(covariance))
    # Some hundreds of effective draws at least: five standard errors of a mean are less than 0.25, of a covariance less
    # than 0.3.
    assert (np.abs(draws.mean(axis=0) - mean) < 0.2 * spread).all()
    assert (np.abs(np.cov(draws.T) - covariance) < 0.25 * np.outer(spread, spread)).all()
    predicted = found.predict(DATA.axes)
    low, high = X.min(axis=0), X.max(axis=0)
    design = np.column_stack([np.ones(len(X)), 2 * np.sqrt(3) * ((X - low) / (high - low) - 0.5)])
    expected = np.einsum("ni,ij,nj->n", design, covariance, design) * Y.var()
    np.testing.assert_allclose(predicted.epistemic_var[:, 0], expected, rtol=0.35)
    np.testing.assert_allclose(predicted.noise_var, NOISE * Y.var(), rtol=1e-12)


def test_the_most_probable_weights_are_the_closed_forms_mean() -> None:
    found = BnnMap(BnnMapConfig(**LINEAR, steps=0, polish=100)).fit(DATA)
    np.testing.assert_allclose(found.vectors[0, 0], closed_form()[0], rtol=0, atol=1e-6)
    assert (found.predict(DATA.axes).epistemic_var == 0).all()


def test_anchors_spread_an_ensemble_and_starts_do_not_where_there_is_one_optimum() -> None:
    settings = {**LINEAR, "steps": 0, "polish": 100, "members": 3}
    plain = BnnEnsemble(BnnEnsembleConfig(**settings)).fit(DATA)
    anchored = BnnEnsemble(BnnEnsembleConfig(**settings, anchored=True)).fit(DATA)
    np.testing.assert_allclose(plain.vectors[:, 0], np.tile(closed_form()[0], (3, 1)), rtol=0, atol=1e-6)
    assert (np.ptp(anchored.vectors[:, 0], axis=0) > 1e-3).all()


def test_the_log_density_is_normalised() -> None:
    """Against scipy's densities of the prior and of the outputs."""
    from scipy.stats import norm

    config = BnnMapConfig(widths=[3], noise_variance=0.2, temperature=0.5, precision="float64")
    density, rng = Density.of(config, 2, 1), np.random.default_rng(0)
    vector = rng.standard_normal(density.size)
    b1, w1, b2, w2 = vector[:3], vector[3:9].reshape(2, 3), vector[9:10], vector[10:13].reshape(3, 1)
    function = np.tanh(X @ w1 + b1) @ w2 + b2
    likelihood = norm.logpdf(Y, function, np.exp(0.5 * vector[-1])).sum()
    prior = norm.logpdf(vector[:3]).sum() + norm.logpdf(vector[3:9], 0, np.sqrt(1 / 2)).sum() + norm.logpdf(vector[9])
    prior += norm.logpdf(vector[10:13], 0, np.sqrt(1 / 3)).sum() + norm.logpdf(vector[13], np.log(0.2), 4.0)
    np.testing.assert_allclose(density(vector, Points(X, Y)), prior + likelihood / 0.5, rtol=1e-10)
