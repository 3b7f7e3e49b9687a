"""Inducing points: with one at every training point the exact process, below it otherwise, and minibatches that come to
the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from binn_cli.config.schema import GpConfig, GpSparseConfig
from binn_cli.models.gp.collapsed import JITTER
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.inducing import by_conditional_variance
from binn_cli.models.gp.sparse import GpSparse
from tests.models.problems import new_points, problem

FIXED: dict[str, Any] = {"hyperparameters": "fixed", "length": 0.3, "noise_variance": 0.01}


def test_with_an_inducing_point_at_every_point_it_is_exact() -> None:
    data, new = problem("line", noise=0.1), new_points(problem("line"))
    sparse, exact = GpSparse(GpSparseConfig(inducing=50, **FIXED)).fit(data), Gp(GpConfig(**FIXED)).fit(data)
    one, other = sparse.predict([new]), exact.predict([new])
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(one.epistemic_var, other.epistemic_var, rtol=0, atol=1e-5)
    bound, evidence = (
        fit.report.diagnostics[name] for fit, name in ((sparse, "log_evidence_bound"), (exact, "log_evidence"))
    )
    np.testing.assert_allclose(bound, evidence, rtol=0, atol=1e-2)
    fewer = GpSparse(GpSparseConfig(inducing=4, **FIXED)).fit(data).report.diagnostics["log_evidence_bound"]
    assert (fewer < evidence - 1.0).all()


def rbf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * np.sum(((a[:, None] - b) / [0.3, 0.5]) ** 2, axis=2))


def test_the_bound_and_the_posterior_are_those_of_the_formulas() -> None:
    """Titsias 2009, Eqs. 6 and 9, with N × N matrices; and the bound lies below the evidence."""
    settings: dict[str, Any] = {"hyperparameters": "fixed", "length": [0.3, 0.5], "noise_variance": 0.01}
    data, new = problem("scattered", noise=0.1), new_points(problem("scattered"))
    fitted = GpSparse(GpSparseConfig(inducing=20, **settings)).fit(data, capacity=403)
    x, y = fitted.units.table(data)
    z, noise = fitted.parts[0].inducing, 0.01
    kuu, kuf = rbf(z, z) + JITTER * np.eye(20), rbf(z, x)
    low_rank = kuf.T @ np.linalg.solve(kuu, kuf)
    system = low_rank + noise * np.eye(len(x))
    sign, size = np.linalg.slogdet(2 * np.pi * system)
    bound = -0.5 * (size + y[:, 0] @ np.linalg.solve(system, y[:, 0])) - 0.5 * (len(x) - np.trace(low_rank)) / noise
    scale = fitted.units.outputs.scale[0]
    found = float(fitted.report.diagnostics["log_evidence_bound"][0])
    assert sign == 1
    np.testing.assert_allclose(found, bound - len(x) * np.log(scale), rtol=1e-6)
    assert found < float(Gp(GpConfig(**settings)).fit(data).report.diagnostics["log_evidence"][0])
    cross = rbf(fitted.units.axes([new])[0], z)
    inner = kuu + kuf @ kuf.T / noise
    prediction = fitted.predict([new])
    mean = (cross @ np.linalg.solve(inner, kuf @ y) / noise)[:, 0] * scale + fitted.units.outputs.shift[0]
    variance = (
        1
        - np.sum(cross * np.linalg.solve(kuu, cross.T).T, axis=1)
        + np.sum(cross * np.linalg.solve(inner, cross.T).T, axis=1)
    )
    np.testing.assert_allclose(prediction.mean[:, 0], mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(prediction.epistemic_var[:, 0] / scale**2, variance, rtol=0, atol=1e-6)


def test_inducing_points_leave_less_unknown_than_random_ones() -> None:
    x = np.random.default_rng(0).uniform(size=(300, 2))
    lengths = np.array([0.3, 0.5])
    greedy = by_conditional_variance(x, 12, "rbf", lengths)

    def left(z: np.ndarray) -> float:
        """What the values at z leave unknown of those at all points: the trace term of the bound."""
        return len(x) - np.trace(rbf(x, z) @ np.linalg.solve(rbf(z, z) + 1e-12 * np.eye(len(z)), rbf(z, x)))

    at_random = np.mean([left(x[np.random.default_rng(seed).choice(300, 12, replace=False)]) for seed in range(20)])
    assert len(np.unique(greedy, axis=0)) == 12 and left(greedy) < 0.6 * at_random
    np.testing.assert_array_equal(by_conditional_variance(x[::-1], 12, "rbf", lengths), greedy)
    assert len(by_conditional_variance(np.repeat(x[:3], 5, axis=0), 12, "rbf", lengths)) == 3


def test_too_few_inducing_points_do_not_end_in_noise_alone() -> None:
    """Waves that need more than 30 points at the evidence's own lengths; the fit must still see them."""
    data = problem("scattered")
    wave = np.sin(2 * np.pi * data.axes[0].points).prod(axis=1)[:, None]
    data = type(data)(data.axes, wave, ("u",))
    fitted = GpSparse(GpSparseConfig(inducing=30, evidence_points=200)).fit(data)
    assert np.std(fitted.predict(data.axes).mean - wave) < 0.2 * np.std(wave)


def test_the_search_raises_the_bound() -> None:
    data = problem("scattered", noise=0.05)
    start: dict[str, Any] = {"inducing": 30, "evidence_points": 50, "iterations": 0}
    fits = [GpSparse(GpSparseConfig(bound_iterations=steps, **start)).fit(data) for steps in (0, 10)]
    none, some = (fit.report.diagnostics for fit in fits)
    assert (some["log_evidence_bound"] > none["log_evidence_bound"] + 1.0).all()


def test_minibatches_come_to_the_collapsed_posterior() -> None:
    data, new = problem("scattered", noise=0.05), new_points(problem("scattered"))
    settings = {**FIXED, "inducing": 30, "batch": 200, "steps": 300}
    one, other = (
        GpSparse(GpSparseConfig(method=method, **settings)).fit(data).predict([new])
        for method in ("stochastic", "collapsed")
    )
    spread = np.std(data.values)
    assert np.sqrt(np.mean((one.mean - other.mean) ** 2)) < 0.02 * spread
    np.testing.assert_allclose(np.sqrt(one.epistemic_var), np.sqrt(other.epistemic_var), rtol=0.1, atol=0.005 * spread)


def test_minibatches_learn_hyperparameters() -> None:
    data = problem("scattered", noise=0.05)
    settings: dict[str, Any] = {
        "inducing": 30,
        "evidence_points": 50,
        "iterations": 0,
        "bound_iterations": 0,
        "noise_variance": 0.2,
    }
    fitted = GpSparse(GpSparseConfig(method="stochastic", steps=600, batch=100, **settings)).fit(data)
    assert "log_evidence_bound" not in fitted.report.diagnostics  # a pass over all points would be needed for it
    assert 0.03 < float(fitted.report.diagnostics["noise_std"][0]) < 0.08
