"""The Laplace approximation against Bayesian linear regression in closed form, and what it takes all or the last
weights for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from scipy.stats import multivariate_normal

from binn_cli.config.schema.bnn import BnnLaplaceConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.bnn.laplace import BnnLaplace
from tests.models.test_bnn_references import DATA, LINEAR, NOISE, X, Y, closed_form

SETTINGS = {**LINEAR, "steps": 0, "polish": 50}
PRIOR = np.array([1.0, 0.5, 0.5])
"""Prior variances of the bias and of the weights of two inputs."""


def design(points: np.ndarray = X) -> np.ndarray:
    low, high = X.min(axis=0), X.max(axis=0)
    return np.column_stack([np.ones(len(points)), 2 * np.sqrt(3) * ((points - low) / (high - low) - 0.5)])


OUTPUTS = (Y[:, 0] - Y.mean()) / Y.std()


def log_evidence(noise: float, scale: float) -> float:
    covariance = design() @ np.diag(PRIOR / scale) @ design().T + noise * np.eye(len(X))
    return float(multivariate_normal.logpdf(OUTPUTS, np.zeros(len(X)), covariance))


def test_is_exact_for_a_linear_model() -> None:
    found = BnnLaplace(BnnLaplaceConfig(**SETTINGS, tune=False)).fit(DATA)
    mean, covariance = closed_form()
    new = np.random.default_rng(1).uniform(-1, 1, (20, 2))
    predicted = found.predict([Axis("point", new, ("a", "b"))])
    # Inputs are rounded to eight decimals of the domain before they are learned from.
    np.testing.assert_allclose(found.continuation["mode"], mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.continuation["root"] @ found.continuation["root"].T, covariance, rtol=0, atol=1e-8)
    np.testing.assert_allclose(predicted.mean[:, 0], (design(new) @ mean) * Y.std() + Y.mean(), rtol=0, atol=1e-7)
    expected = np.einsum("ni,ij,nj->n", design(new), covariance, design(new)) * Y.var()
    np.testing.assert_allclose(predicted.epistemic_var[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.report.diagnostics["log_evidence"], log_evidence(NOISE, 1.0), rtol=1e-8)


def test_draws_have_its_covariance() -> None:
    found = BnnLaplace(BnnLaplaceConfig(**SETTINGS, tune=False, draws=4000)).fit(DATA)
    _, covariance = closed_form()
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(np.cov(found.vectors[0].T) - covariance) < 0.1 * np.outer(spread, spread)).all()


@pytest.mark.parametrize("noise", ["learned", "fixed"])
def test_the_evidence_sets_prior_and_noise(noise: str) -> None:
    found = BnnLaplace(BnnLaplaceConfig(**{**SETTINGS, "noise": noise})).fit(DATA)
    kept = found.report.diagnostics
    variance = (kept["noise_std"][0] / Y.std()) ** 2
    if noise == "fixed":
        best = scipy.optimize.minimize_scalar(
            lambda s: -log_evidence(NOISE, np.exp(s)), bounds=(-5, 5), options={"xatol": 1e-7}
        )
        expected = [NOISE, np.exp(best.x)]
    else:
        options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}
        best = scipy.optimize.minimize(
            lambda h: -log_evidence(*np.exp(h)), [-1.0, 0.0], method="Nelder-Mead", options=options
        )
        expected = np.exp(best.x)
    np.testing.assert_allclose([variance, kept["prior_scale"]], expected, rtol=1e-4)
    np.testing.assert_allclose(kept["log_evidence"], log_evidence(*expected), rtol=1e-7)
    assert 0 < kept["effective_parameters"][0] < 3


def test_few_weights_have_a_full_covariance_and_many_that_of_the_last_layer() -> None:
    def weights(**settings: object) -> int:
        config = BnnLaplaceConfig(widths=[6], steps=20, polish=5, **settings)
        return int(BnnLaplace(config).fit(DATA).report.diagnostics["covariance_weights"])

    assert weights() == weights(covariance="full", full_limit=0) == 2 * 6 + 6 + 6 + 1
    assert weights(full_limit=24) == weights(covariance="last_layer") == 6 + 1


def test_knows_less_away_from_the_data() -> None:
    x = np.linspace(-1, 1, 40)[:, None]
    data = ProductData((Axis("point", x, ("x",)),), np.sin(3 * x), ("y",))
    found = BnnLaplace(BnnLaplaceConfig(widths=[20], steps=500, polish=200, noise="fixed", noise_variance=1e-4)).fit(
        data, domain=np.array([[-1.0, 3.0]])
    )
    assert np.max(np.abs(found.predict(data.axes).mean - data.values)) < 0.1
    inside, outside = (found.predict([Axis.of("x", np.array([place]))]).epistemic_var[0, 0] for place in (0.0, 2.5))
    assert outside > 100 * inside
