"""A process after its data, against the dense formulas and against fits without the left-out values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.models.binn.limit.kernel import covariance, noise_variance
from binn_cli.models.binn.limit.process import Process

RNG = np.random.default_rng(0)
POINTS, TARGETS = RNG.random((15, 2)), 3.0 + 2.0 * RNG.standard_normal(15)
DRAWS = np.array([[-0.5, -0.2, 1.0, 2.0, 0.1, -4.0], [-0.9, 0.1, 0.0, 1.0, -0.2, -5.0]])


def _process(draws: np.ndarray, smoothness: str = "gaussian") -> Process:
    return Process.of(POINTS, TARGETS, draws, np.zeros(2), smoothness)


def _dense(theta: np.ndarray, x: np.ndarray, smoothness: str) -> tuple[np.ndarray, np.ndarray]:
    matrix = covariance(theta, POINTS, POINTS, smoothness) + noise_variance(theta, 15) * np.eye(15)
    cross, values = covariance(theta, x, POINTS, smoothness), (TARGETS - TARGETS.mean()) / TARGETS.std()
    spread = covariance(theta, x, x, smoothness) - cross @ np.linalg.solve(matrix, cross.T)
    return TARGETS.mean() + TARGETS.std() * cross @ np.linalg.solve(matrix, values), TARGETS.var() * spread


@pytest.mark.parametrize("smoothness", ["gaussian", "matern32"])
def test_mean_and_covariance_are_the_dense_ones(smoothness: str) -> None:
    x, process = RNG.random((7, 2)), _process(DRAWS[:1], smoothness)
    mean, spread = _dense(DRAWS[0], x, smoothness)
    found, variance = process.moments(x)
    np.testing.assert_allclose(found, mean, rtol=1e-9)
    np.testing.assert_allclose(variance, np.diag(spread), rtol=1e-7)
    np.testing.assert_allclose(process.covariance(x), spread, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(process.moments(x, variance=False)[0], found)


def test_draws_make_a_mixture() -> None:
    x = RNG.random((7, 2))
    means, spreads = zip(*(_dense(theta, x, "gaussian") for theta in DRAWS), strict=True)
    mean, variance = _process(DRAWS).moments(x)
    np.testing.assert_allclose(mean, np.mean(means, axis=0), rtol=1e-9)
    np.testing.assert_allclose(
        variance, np.mean([np.diag(s) for s in spreads], axis=0) + np.var(means, axis=0), rtol=1e-7
    )


def test_left_out_in_closed_form_is_a_fit_without_the_value() -> None:
    process = _process(DRAWS[:1])
    mean, variance = process.left_out()
    for i in (0, 4, 14):
        rows = np.delete(np.arange(15), i)
        alone = replace(process, points=process.points[rows], targets=process.targets[rows])
        found, own = alone.moments(POINTS[[i]])
        np.testing.assert_allclose(mean[i], found[0], rtol=1e-6)
        np.testing.assert_allclose(variance[i], own[0] + process.noise, rtol=1e-6)


def test_a_process_survives_its_own_description() -> None:
    process, x = _process(DRAWS), RNG.random((5, 2))
    np.testing.assert_array_equal(Process.from_tree(process.tree()).moments(x), process.moments(x))


def test_a_matrix_that_round_off_makes_indefinite_still_has_moments() -> None:
    points = np.repeat(np.linspace(0.0, 1.0, 20)[:, None], 2, axis=1)
    draws = np.array([[4.6, 4.6, 12.0, 12.0, 25.0, np.log(1e-14)]])
    process = Process.of(points, points.sum(axis=1), draws, np.zeros(2), "gaussian")

    mean, spread = process.moments(np.array([[0.3, 0.3]]))

    assert mean[0] == pytest.approx(0.6, abs=1e-2)
    assert np.isfinite(spread).all() and (spread >= 0.0).all()


def test_simulations_without_noise_are_missed_by_little_more_than_round_off() -> None:
    """A signal variance of 3e5 of which next to nothing varies: what keeps the matrix from being singular must not pass
    for noise (twice the error), and what is said of the error must be no smaller."""
    rng = np.random.default_rng(3)
    x, new = rng.random((100, 2)), rng.random((200, 2))
    theta = np.array([np.log(0.3), np.log(0.9), np.log(0.01), np.log(0.02), np.log(3e5), np.log(1e-12)])
    values, truth = (np.sin(5.0 * p[:, 0]) + p[:, 1] ** 2 * np.cos(3.0 * p[:, 0]) for p in (x, new))
    process = Process.of(x, values, theta[None], np.zeros(2), "gaussian")
    mean, variance = process.moments(new)
    error = np.abs(mean - truth)
    assert np.sqrt(np.mean(error**2)) < 7e-5
    assert np.mean(error < 1.96 * np.sqrt(variance + process.noise)) > 0.9
