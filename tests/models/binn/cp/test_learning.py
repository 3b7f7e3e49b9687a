"""Gauss-Newton steps, the noise, and the number of modes, on sums of products that are known."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import smooth_features
from binn_cli.models.binn.cp.gauss_newton import Fit, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.learning import carried, grow
from binn_cli.models.binn.cp.normal_equations import Design, unpack
from binn_cli.models.binn.cp.posterior import CpPosterior

RNG = np.random.default_rng(0)
X = RNG.random((150, 3))
ONE = 2.0 * np.sin(3.0 * X[:, 0]) * (0.5 + X[:, 1]) * np.exp(-X[:, 2])
TWO = ONE + np.cos(4.0 * X[:, 0]) * X[:, 2]
FEATURES = tuple(smooth_features(0.7, 0.8) for _ in range(3))


def _design(y: np.ndarray) -> Design:
    return Design.table(AxisDesign.of(FEATURES, X), (y - y.mean()) / y.std())


def test_a_linear_problem_takes_one_step() -> None:
    x, y = X[:, :1], np.sin(5.0 * X[:, 0])
    design = Design.table(AxisDesign.of(FEATURES[:1], x), y)
    size = design.sizes[0]
    prior = WeightPrior(np.full(size, 0.1), np.full(size, 2.0))
    found = gauss_newton(design, Fit(np.zeros(size), design.linearised(np.zeros(size)), 0.0), prior, 0.01, 1)
    phi = FEATURES[0](x[:, 0])
    exact = np.linalg.solve(phi.T @ phi / 0.01 + 2.0 * np.eye(size), phi.T @ y / 0.01 + 0.2)
    np.testing.assert_allclose(found.weights, exact, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("y", "modes"), [(ONE, 1), (TWO, 2)], ids=["one", "two"])
def test_the_evidence_finds_the_modes_and_the_noise(y: np.ndarray, modes: int) -> None:
    noise = 0.02 * y.std() * np.random.default_rng(1).standard_normal(len(y))
    fits = grow(_design(y + noise), 1.0, 3, seed=0)
    best = max(fits, key=lambda fit: fit.summary.evidence)
    # An intercept beside one product makes it two where the mean was taken off.
    assert modes <= best.modes <= modes + 1
    assert best.settled and 0.012 < np.sqrt(best.noise) < 0.028


def test_the_posterior_is_that_of_the_tangent() -> None:
    """Intervals of the function hold its true values about as often as they say."""
    y = TWO / TWO.std()
    y = y - y.mean()
    noisy = y + 0.05 * np.random.default_rng(2).standard_normal(len(y))
    fits = grow(Design.table(AxisDesign.of(FEATURES, X), noisy), 1.0, 3, seed=0)
    fit = max(fits, key=lambda one: one.summary.evidence)
    posterior = CpPosterior(FEATURES, fit.weights, fit.summary.laplace, fit.noise)
    mean, variance = posterior.moments(X)
    np.testing.assert_allclose(mean, posterior.mean(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(variance, np.diag(posterior.covariance(X)), rtol=1e-9, atol=1e-15)
    assert 0.85 < np.mean(np.abs(mean - y) < 1.96 * np.sqrt(variance)) <= 1.0
    np.testing.assert_array_equal(CpPosterior.from_tree(posterior.tree()).moments(X), (mean, variance))


def test_functions_are_carried_over_to_shorter_features() -> None:
    """Features of half the length stand for the same functions, and a search from there is not behind one of its
    own."""
    y = TWO / TWO.std()
    y = y - y.mean() + 0.02 * np.random.default_rng(3).standard_normal(len(y))
    first = grow(_design(y), 1.0, 2, seed=0, only=2)[0]
    shorter = tuple(smooth_features(0.35, 0.8) for _ in range(3))
    begin = carried(first.weights, FEATURES, shorter)
    line = np.linspace(0.0, 1.0, 50)
    old, new = (unpack(w, [f.size for f in own])[0] for w, own in ((first.weights, FEATURES), (begin, shorter)))
    for before, after, own, other in zip(FEATURES, shorter, old, new, strict=True):
        np.testing.assert_allclose(
            after(line) @ other, before(line) @ own, atol=1e-3 * np.abs(before(line) @ own).max()
        )
    design = Design.table(AxisDesign.of(shorter, X), (y - y.mean()) / y.std())
    alone = grow(design, 1.0, 2, seed=0, only=2)[0]
    assert grow(design, 1.0, 2, seed=0, only=2, begin=begin)[0].summary.evidence > alone.summary.evidence - 1.0
