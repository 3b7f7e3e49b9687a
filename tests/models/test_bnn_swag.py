"""Stochastic weight averaging: its moments against plain sums, and its spread against the Lyapunov equation of gradient
descent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from binn_cli.config.schema.bnn import BnnSwagConfig
from binn_cli.errors import ConfigError
from binn_cli.models.bnn.low_rank import drawn_from
from binn_cli.models.bnn.swag import BnnSwag, Moments
from tests.models.test_bnn_laplace import OUTPUTS, design
from tests.models.test_bnn_references import DATA, LINEAR, NOISE, closed_form

WALK = {**LINEAR, "steps": 0, "polish": 50, "batch": 10}


def test_moments_are_those_of_the_vectors() -> None:
    vectors = 1e4 + np.random.default_rng(0).standard_normal((7, 5))
    moments = Moments(rank=3)
    for vector in vectors:
        moments.add(vector)
    running = np.stack([vectors[: i + 1].mean(axis=0) for i in range(7)])
    found = moments.gaussian()
    np.testing.assert_allclose(found["location"], vectors.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found["scale"] ** 2, 0.5 * vectors.var(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found["factor"] * np.sqrt(4), (vectors - running)[-3:].T, rtol=0, atol=1e-9)


def test_draws_have_half_their_covariance_from_either_part() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 4)) @ np.array(
        [[1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0.1]]
    )
    moments = Moments(rank=20)
    for vector in vectors:
        moments.add(vector)
    deviations = np.stack(moments.deviations)
    expected = 0.5 * np.diag(vectors.var(axis=0)) + deviations.T @ deviations / (2 * 19)
    draws = drawn_from(moments.gaussian(), 40_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(draws.T), expected, rtol=0, atol=0.03 * np.max(expected))


@pytest.mark.thorough
def test_the_mean_is_the_most_probable_and_the_spread_that_of_gradient_descent() -> None:
    """On a linear model: Σ = (1 - A) Σ (1 - A)ᵀ + R C Rᵀ, with A a step's contraction and C the covariance of minibatch
    gradients."""
    model = BnnSwag(BnnSwagConfig(**WALK, walk=60_000, every=5, step=0.02, rank=0, draws=4))
    found = model.fit(DATA)
    mean, covariance = closed_form()
    inverse_mass = 1 / np.diag(np.linalg.inv(covariance))
    hessian, rate = np.linalg.inv(covariance), found.report.diagnostics["step_size"][0]
    # Rows drawn with replacement: the covariance of their mean is that of a row over the batch.
    rows = design() * (OUTPUTS - design() @ mean)[:, None] / NOISE
    noise = len(rows) ** 2 / WALK["batch"] * np.cov(rows.T, ddof=0)
    steps = rate * np.diag(inverse_mass)
    expected = solve_discrete_lyapunov(np.eye(3) - steps @ hessian, steps @ noise @ steps.T)
    spread = np.sqrt(np.diag(expected))
    assert (np.abs(found.continuation["location"][0] - mean) < 0.3 * spread).all()
    # The minibatches' own curvature, which the equation leaves out, adds some per cent.
    np.testing.assert_allclose(found.continuation["scale"][0], spread, rtol=0.12)


def test_several_runs_start_apart_and_go_on_where_they_ended() -> None:
    times = {"steps": 300, "steps_again": 0, "polish": 0, "walk": 200, "walk_again": 100, "every": 20, "step": 0.01}
    settings = {"widths": [5], "runs": 3, "draws": 12, **times}
    model = BnnSwag(BnnSwagConfig(**settings))
    cold = model.fit(DATA)
    assert cold.vectors.shape == (3, 4, cold.density.size)
    assert np.ptp(cold.continuation["location"], axis=0).max() > 0.1
    warm = model.fit(DATA, warm_start=model.from_state(cold.state()))
    moved = np.abs(warm.continuation["location"] - cold.continuation["location"]).max(axis=1)
    apart = np.abs(cold.continuation["location"][1:] - cold.continuation["location"][:-1]).max(axis=1)
    assert (moved < 0.5 * apart.min()).all()


def test_says_so_when_descent_diverges() -> None:
    with pytest.raises(ConfigError, match="^model.step: gradient descent with 1.0 of the longest stable step diverged"):
        BnnSwag(BnnSwagConfig(**{**WALK, "batch": 1}, walk=4000, step=1.0)).fit(DATA)
