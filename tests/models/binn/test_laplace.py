"""The linearised posterior against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from binn_cli.models.binn.laplace import Linearised, summarise


@pytest.mark.parametrize(("rows", "weights"), [(30, 6), (5, 12)])
@pytest.mark.parametrize("keep", [False, True])
def test_covariance_evidence_and_parameters(rows: int, weights: int, keep: bool) -> None:
    """Of a linear model, where nothing is approximate: with JᵀJ, and with J itself."""
    rng = np.random.default_rng(0)
    jacobian, scale, noise = rng.standard_normal((rows, weights)), rng.uniform(0.3, 2.0, weights), 0.04
    target = rng.standard_normal(rows)
    precision = jacobian.T @ jacobian / noise + np.diag(1.0 / scale**2)
    best = np.linalg.solve(precision, jacobian.T @ target / noise)
    residual = target - jacobian @ best
    gram = None if keep else jacobian.T @ jacobian
    system = Linearised(gram, jacobian if keep else None, jacobian.T @ residual, float(residual @ residual))
    found = summarise(system, scale, best / scale, noise, rows)
    new = rng.standard_normal((4, weights))
    covariance = np.linalg.inv(precision)
    np.testing.assert_allclose(found.laplace.variance(new), np.diag(new @ covariance @ new.T), rtol=1e-9)
    root = found.laplace.root_of(new)
    np.testing.assert_allclose(root @ root.T, new @ covariance @ new.T, rtol=1e-8, atol=1e-10)
    marginal = multivariate_normal(np.zeros(rows), noise * np.eye(rows) + (jacobian * scale**2) @ jacobian.T)
    np.testing.assert_allclose(found.evidence, marginal.logpdf(target), rtol=1e-9)
    degrees = np.trace(covariance @ jacobian.T @ jacobian / noise)
    np.testing.assert_allclose(found.parameters.sum(), degrees, rtol=1e-9)
