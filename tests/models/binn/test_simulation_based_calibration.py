"""Simulation-based calibration of the one-dimensional conjugate case: truths from the prior, data from the likelihood,
then the fit.

Averaged over prior and data, the posterior probability below the truth is uniform at every point (Talts et al., 2018).
Every output of one data set is a replication of its own. The seed is fixed; over seeds, a right program fails with
probability `FALSE_ALARM`, shared evenly over the points and checks (Bonferroni).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, norm

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.surrogate import Binn

FALSE_ALARM = 1e-3
REPLICATIONS = 1000
NOISE = 0.04
X = np.sort(np.random.default_rng(0).uniform(-1, 1, 30))
NEW = np.array([-1.0, -0.55, 0.02, 0.4, 0.97])
DOMAIN = np.array([[-1.0, 1.0]])


def _config(noise: float) -> BinnConfig:
    return BinnConfig(
        modes=1, centers=12, length=1.5, padding=4, stretch=0, prior="function", relevance="none", noise="fixed",
        noise_variance=noise,
        output_scaling="none",
    )  # fmt: skip


def _fitted(values: np.ndarray, noise: float) -> FittedBinn:
    data = ProductData((Axis("point", X[:, None], ("x",)),), values, tuple(f"y{i}" for i in range(values.shape[1])))
    return Binn(_config(noise)).fit(data, domain=DOMAIN)


def _simulated() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy values at X and true values at NEW (points, replications), and new observations there: weights drawn from
    the model's prior."""
    rng = np.random.default_rng(2026)
    fitted = _fitted(np.ones((len(X), 1)), NOISE)
    features = fitted.posteriors[0].members[0][0].features[0]
    weights = rng.standard_normal((features.size, REPLICATIONS))  # features have unit prior variance
    truth = {name: features((x + 1) / 2) @ weights for name, x in (("train", X), ("new", NEW))}
    noisy = {name: f + np.sqrt(NOISE) * rng.standard_normal(f.shape) for name, f in truth.items()}
    return noisy["train"], truth["new"], noisy["new"]


def _probabilities(assumed_noise: float) -> dict[str, np.ndarray]:
    """Predictive probability below what was true, and below what was then observed: (points, replications)."""
    data, truth, observed = _simulated()
    prediction = _fitted(data, assumed_noise).predict([Axis("point", NEW[:, None], ("x",))])
    function = norm.cdf(truth, prediction.mean, np.sqrt(prediction.epistemic_var))
    return {"function": function, "observation": norm.cdf(observed, prediction.mean, prediction.total_std)}


def _smallest_p(probabilities: np.ndarray) -> float:
    """The smallest p-value of a Kolmogorov–Smirnov and a chi-square test of uniformity (20 bins) over the points, times
    their number."""
    counts = [np.histogram(row, bins=20, range=(0, 1))[0] for row in probabilities]
    p = [kstest(row, "uniform").pvalue for row in probabilities] + [chisquare(count).pvalue for count in counts]
    return float(min(p)) * len(p)


@pytest.fixture(scope="module")
def calibrated() -> dict[str, np.ndarray]:
    return _probabilities(NOISE)


@pytest.mark.parametrize("quantity", ["function", "observation"])
def test_the_truth_is_anywhere_in_its_predictive_distribution_alike(
    calibrated: dict[str, np.ndarray], quantity: str
) -> None:
    assert _smallest_p(calibrated[quantity]) > FALSE_ALARM / 2


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_noise_is_found_out(factor: float) -> None:
    """The negative control: the check can fail."""
    wrong = _probabilities(NOISE * factor)
    assert _smallest_p(wrong["function"]) < 1e-6
    assert _smallest_p(wrong["observation"]) < 1e-6


def test_central_intervals_hold_what_they_promise(calibrated: dict[str, np.ndarray]) -> None:
    """Coverage of 68 % and 95 % within four standard errors of a binomial, every point on its own."""
    for level in (0.68, 0.95):
        inside = np.mean(np.abs(calibrated["function"] - 0.5) < level / 2, axis=1)
        np.testing.assert_allclose(inside, level, atol=4 * np.sqrt(level * (1 - level) / REPLICATIONS))
