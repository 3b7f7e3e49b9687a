"""The search for hyperparameters, draws from their posterior, and logarithmic coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.models.binn.limit.hyperparameters import (
    CASES_PER_INPUT,
    LEAST_CASES,
    MOST_CASES,
    marginalised,
    maximise,
    sample,
    starting_points,
)
from binn_cli.models.binn.limit.kernel import Evidence, Prior, covariance, noise_variance
from binn_cli.models.binn.limit.warping import choose_rates

ONE = np.ones(1)


def _drawn(n: int, theta: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((n, (len(theta) - 2) // 2))
    matrix = covariance(theta, x, x, "gaussian") + noise_variance(theta, n) * np.eye(n)
    return x, np.linalg.cholesky(matrix) @ rng.standard_normal((n, 1))


def test_lengths_and_noise_of_drawn_functions_are_found() -> None:
    theta = np.array([np.log(0.15), np.log(0.6), 6.0, 6.0, 0.0, np.log(1e-2)])
    x, y = _drawn(120, theta, seed=0)
    prior = Prior.weak(2)
    found, value = maximise(Evidence.of(x), y, ONE, prior, starting_points(prior, 2, 0))
    np.testing.assert_allclose(found[:2], theta[:2], atol=0.3)
    np.testing.assert_allclose(found[-1], theta[-1], atol=0.4)
    assert value <= Evidence.of(x)(theta[None], y, ONE, prior)[0][0]


@pytest.mark.parametrize(("cases", "inputs", "averaged"), [
    (30, 1, True), (31, 1, False), (30, 2, True), (31, 2, False), (36, 3, True), (37, 3, False), (96, 8, True),
    (150, 20, True), (151, 20, False),
])  # fmt: skip
def test_the_front_page_says_from_what_number_lengths_are_maximised(cases: int, inputs: int, averaged: bool) -> None:
    text = " ".join(Path("README.md").read_text(encoding="utf-8").split())
    claim = f"up to {CASES_PER_INPUT} cases for each input ({LEAST_CASES} cases with one or two inputs, and at most"
    assert f"{claim} {MOST_CASES})" in text
    assert marginalised(cases, inputs) == averaged


def test_draws_are_from_the_posterior() -> None:
    """Of any density exp(-U) in P dimensions, the mean of (θ - c)·∇U is P."""
    theta = np.array([np.log(0.3), 3.0, 0.0, np.log(1e-2)])
    x, y = _drawn(25, theta, seed=1)
    prior, evidence = Prior.weak(1), Evidence.of(x)
    best, _ = maximise(evidence, y, ONE, prior, prior.mean[None])
    draws = np.concatenate([sample(evidence, best, y, ONE, prior, seed) for seed in range(4)])
    products = np.sum((draws - best) * evidence(draws, y, ONE, prior)[1], axis=1)
    assert abs(products.mean() - 4.0) < 4.0 * products.std() / np.sqrt(len(products) / 2.0)
    assert 1.0 < products.mean() < 8.0


def test_an_input_that_acts_through_its_logarithm_is_stretched() -> None:
    x = np.random.default_rng(2).random((60, 2))
    y = np.log(0.002 + x[:, :1]) + 0.3 * np.sin(3.0 * x[:, 1:])
    y = (y - y.mean()) / y.std()
    prior = Prior.weak(2)
    theta, plain = maximise(Evidence.of(x), y, ONE, prior, prior.mean[None])
    rates, _ = choose_rates(x, y, ONE, prior, theta)
    assert rates[0] > 0.0 and rates[1] == 0.0
    assert np.isfinite(plain)


@pytest.mark.parametrize("seed", range(3))
def test_no_chain_stays_where_nothing_is(seed: int) -> None:
    """A plane through a few exact points: chains that began on the slopes would say that little is known of it."""
    points = np.random.default_rng(seed).random((19, 2))
    values = points.sum(axis=1)
    target = (values - values.mean())[:, None] / values.std()
    evidence, prior = Evidence.of(points), Prior.weak(2)
    theta, lowest = maximise(evidence, target, np.ones(1), prior, starting_points(prior, 2, seed))
    draws = sample(evidence, theta, target, np.ones(1), prior, seed)
    energies = evidence(draws, target, np.ones(1), prior)[0]
    assert len(draws) == 32 and np.max(energies) < np.min(energies) + 20.0 and np.min(energies) > lowest - 3.0
