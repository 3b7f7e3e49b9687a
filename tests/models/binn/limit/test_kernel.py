"""The kernel of infinitely many modes and its evidence, against formulas written out and differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from binn_cli.models import cores
from binn_cli.models.binn.limit.kernel import REFUSED, SMOOTHNESS, Evidence, Prior, covariance, noise_variance


def _theta(rng: np.random.Generator, dimensions: int) -> np.ndarray:
    return np.concatenate([rng.normal(-0.5, 0.3, dimensions), rng.normal(1.0, 1.0, dimensions), [0.3, np.log(1e-2)]])


@pytest.mark.parametrize(("smoothness", "order"), [("gaussian", None), ("matern52", 2.5), ("matern32", 1.5)])
def test_correlations_are_the_textbook_ones(smoothness: str, order: float | None) -> None:
    from sklearn.gaussian_process.kernels import RBF, Matern

    x = np.random.default_rng(0).random((9, 1))
    theta = np.array([np.log(0.3), 40.0, 0.0, -10.0])  # a share of one: no constant
    kernel = RBF(0.3) if order is None else Matern(0.3, nu=order)
    np.testing.assert_allclose(covariance(theta, x, x, smoothness), kernel(x), rtol=1e-10, atol=1e-12)


def test_small_shares_are_a_sum_over_subsets_of_inputs() -> None:
    rng = np.random.default_rng(1)
    x, theta = rng.random((6, 2)), _theta(rng, 2)
    share, signal = 1.0 / (1.0 + np.exp(-theta[2:4])), np.exp(theta[4])
    rho = [np.exp(-0.5 * ((x[:, d, None] - x[:, d]) / np.exp(theta[d])) ** 2) for d in range(2)]
    terms = [(1 - share[0]) * (1 - share[1]), share[0] * (1 - share[1]) * rho[0], (1 - share[0]) * share[1] * rho[1]]
    expected = signal * (terms[0] + terms[1] + terms[2] + share[0] * share[1] * rho[0] * rho[1])
    np.testing.assert_allclose(covariance(theta, x, x, "gaussian"), expected, rtol=1e-12)


@pytest.mark.parametrize(("smoothness", "inputs"), [*((smoothness, 3) for smoothness in SMOOTHNESS), ("gaussian", 9)])
def test_evidence_and_gradient(smoothness: str, inputs: int) -> None:
    """Of nine inputs, lengths reach farther above their expectation than below."""
    rng = np.random.default_rng(2)
    x, targets, prior = rng.random((12, inputs)), rng.standard_normal((12, 2)), Prior.weak(inputs)
    weights, theta, evidence = np.array([1.0, 0.4]), _theta(rng, inputs), Evidence.of(x, smoothness)
    theta[:2] = prior.mean[:2] + np.array([1.0, -1.0])
    value, gradient = evidence(theta[None], targets, weights, prior)
    matrix = covariance(theta, x, x, smoothness) + noise_variance(theta, 12) * np.eye(12)
    density = [multivariate_normal(np.zeros(12), matrix).logpdf(column) for column in targets.T]
    std = prior.std * np.where(
        (theta > prior.mean) & (np.arange(len(theta)) < inputs), 1.9 if inputs == 9 else 1.0, 1.0
    )
    away = np.sum(((theta - prior.mean) / std) ** 2)
    np.testing.assert_allclose(value[0], -weights @ density + 0.5 * away, rtol=1e-9)
    step = 1e-5 * np.eye(len(theta))
    around = [evidence(theta + sign * step, targets, weights, prior)[0] for sign in (1.0, -1.0)]
    np.testing.assert_allclose(gradient[0], (around[0] - around[1]) / 2e-5, rtol=1e-5, atol=1e-6)


def test_two_cores_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    x, targets, prior = rng.random((90, 40)), rng.standard_normal((90, 1)), Prior.weak(40)
    theta, evidence = _theta(rng, 40)[None], Evidence.of(x)
    assert len(evidence._shared_out(1)) == 2
    both = evidence(theta, targets, np.ones(1), prior)
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    for shared, alone in zip(both, evidence(theta, targets, np.ones(1), prior), strict=True):
        np.testing.assert_array_equal(shared, alone)


def test_many_at_once_are_each_alone() -> None:
    rng = np.random.default_rng(3)
    x, targets, prior = rng.random((8, 2)), rng.standard_normal((8, 1)), Prior.weak(2)
    thetas, evidence = np.stack([_theta(rng, 2) for _ in range(4)]), Evidence.of(x)
    values, gradients = evidence(thetas, targets, np.ones(1), prior)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        alone = evidence(theta[None], targets, np.ones(1), prior)
        np.testing.assert_allclose([value], alone[0], rtol=1e-12)
        np.testing.assert_allclose(gradient[None], alone[1], rtol=1e-9, atol=1e-10)


def test_what_cannot_be_factorised_is_refused_and_the_others_are_not() -> None:
    x, prior = np.zeros((4, 1)), Prior.weak(1)
    good, bad = np.array([0.0, 1.0, 0.0, -2.0]), np.array([0.0, 1.0, np.nan, -2.0])
    values, _ = Evidence.of(x)(np.stack([good, bad]), np.ones((4, 1)), np.ones(1), prior)
    assert values[0] < REFUSED and not values[1] < REFUSED
