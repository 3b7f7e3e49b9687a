"""Problems that are linear in their weights: the answer is that of the normal equations at the noise that it says."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.cp.gauss_newton import WeightPrior
from binn_cli.models.binn.cp.learning import NOISE_FLOOR
from binn_cli.models.binn.cp.linear import LinearProblem, learn_linear
from binn_cli.models.binn.laplace import Linearised


def _problem(rows: np.ndarray, target: np.ndarray) -> LinearProblem:
    origin = np.zeros(rows.shape[1])
    seen = Linearised(rows.T @ rows, None, rows.T @ target, float(target @ target))
    return LinearProblem((rows.shape[1],), len(rows), origin, seen)


def _prior(count: int) -> WeightPrior:
    return WeightPrior(np.full(count, 0.1), np.linspace(0.5, 2.0, count))


def test_weights_solve_the_normal_equations_and_the_noise_is_a_fixed_point() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((60, 5))
    target = rows @ random.standard_normal(5) + 0.1 * random.standard_normal(60)
    prior = _prior(5)
    fit = learn_linear(_problem(rows, target), prior, 1e-2)
    precision = rows.T @ rows / fit.noise + np.diag(prior.precision)
    weights = np.linalg.solve(precision, rows.T @ target / fit.noise + prior.precision * prior.mean)
    np.testing.assert_allclose(fit.weights, weights, rtol=1e-10)
    residual = target - rows @ weights
    parameters = 5.0 - np.trace(np.linalg.solve(precision, np.diag(prior.precision)))
    assert fit.settled
    assert fit.noise == pytest.approx(residual @ residual / (60 - parameters), rel=1e-8)


def test_given_noise_stays() -> None:
    random = np.random.default_rng(1)
    rows, target = random.standard_normal((20, 3)), random.standard_normal(20)
    assert learn_linear(_problem(rows, target), _prior(3), 0.25, fixed=True).noise == 0.25


def test_weights_that_no_row_speaks_of_keep_their_prior() -> None:
    """Without noise what round-off leaves of their gradient is divided by 1e-12."""
    random = np.random.default_rng(2)
    rows = np.zeros((2, 6))
    rows[:, :2] = random.standard_normal((2, 2))
    turn = np.linalg.qr(random.standard_normal((6, 6)))[0]
    target = random.standard_normal(2)
    prior = WeightPrior(np.zeros(6), np.ones(6))
    fit = learn_linear(_problem(rows @ turn, target), prior, 1e-2)
    assert fit.noise == NOISE_FLOOR
    np.testing.assert_allclose((turn @ fit.weights)[2:], 0.0, atol=1e-9)
    np.testing.assert_allclose(rows @ turn @ fit.weights, target, atol=1e-9)
