"""Inducing points: with one at every training point the exact process, below it otherwise, and minibatches that come to the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from binn_cli.config.schema import GpConfig, GpSparseConfig
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.sparse import GpSparse
from tests.models.problems import new_points, problem

FIXED: dict[str, Any] = {"hyperparameters": "fixed", "length": 0.3, "noise_variance": 0.01}


def test_with_an_inducing_point_at_every_point_it_is_exact() -> None:
    data, new = problem("line", noise=0.1), new_points(problem("line"))
    sparse, exact = GpSparse(GpSparseConfig(inducing=50, **FIXED)).fit(data), Gp(GpConfig(**FIXED)).fit(data)
    one, other = sparse.predict([new]), exact.predict([new])
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(one.epistemic_var, other.epistemic_var, rtol=0, atol=1e-5)
    bound, evidence = (fit.report.diagnostics[name] for fit, name in ((sparse, "log_evidence_bound"), (exact, "log_evidence")))
    np.testing.assert_allclose(bound, evidence, rtol=0, atol=1e-2)
    fewer = GpSparse(GpSparseConfig(inducing=4, **FIXED)).fit(data).report.diagnostics["log_evidence_bound"]
    assert (fewer < evidence - 1.0).all()


def test_the_search_raises_the_bound() -> None:
    data = problem("scattered", noise=0.05)
    start: dict[str, Any] = {"inducing": 30, "evidence_points": 50, "iterations": 0}
    fits = [GpSparse(GpSparseConfig(bound_iterations=steps, **start)).fit(data) for steps in (0, 10)]
    none, some = (fit.report.diagnostics for fit in fits)
    assert (some["log_evidence_bound"] > none["log_evidence_bound"] + 1.0).all()


def test_minibatches_come_to_the_collapsed_posterior() -> None:
    data, new = problem("scattered", noise=0.05), new_points(problem("scattered"))
    settings = {**FIXED, "inducing": 30, "batch": 200, "steps": 300}
    one, other = (GpSparse(GpSparseConfig(method=method, **settings)).fit(data).predict([new]) for method in ("stochastic", "collapsed"))
    spread = np.std(data.values)
    assert np.sqrt(np.mean((one.mean - other.mean) ** 2)) < 0.02 * spread
    np.testing.assert_allclose(np.sqrt(one.epistemic_var), np.sqrt(other.epistemic_var), rtol=0.1, atol=0.005 * spread)


def test_minibatches_learn_hyperparameters() -> None:
    data = problem("scattered", noise=0.05)
    settings: dict[str, Any] = {"inducing": 30, "evidence_points": 50, "iterations": 0, "starts": 1, "noise_variance": 0.2}
    fitted = GpSparse(GpSparseConfig(method="stochastic", steps=600, batch=100, **settings)).fit(data)
    assert 0.03 < float(fitted.report.diagnostics["noise_std"][0]) < 0.08
