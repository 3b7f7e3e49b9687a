"""Local experts: the partition, the combinations written out, and the dense Gaussian process where they are one or
independent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from binn_cli.config.schema import GpConfig, GpLocalConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import TooLarge
from binn_cli.models.gp import memory
from binn_cli.models.gp.committee import combined
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.local import GpLocal
from binn_cli.models.gp.local_search import experts_evidence
from binn_cli.models.gp.partition import kdtree_cells, kmeans_cells
from tests.models.problems import new_points, problem

FIXED: dict[str, Any] = {"hyperparameters": "fixed", "length": [0.3, 0.5], "noise_variance": 0.01}
COMBINATIONS = ("rbcm", "grbcm", "gpoe", "bcm")


def rbf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * np.sum(((a[:, None] - b) / [0.3, 0.5]) ** 2, axis=2))


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_one_expert_is_the_dense_gaussian_process(combination: str) -> None:
    data, new = problem("scattered", noise=0.1), new_points(problem("scattered"))
    dense = Gp(GpConfig(**FIXED)).fit(data)
    local = GpLocal(GpLocalConfig(expert_points=400, combination=combination, **FIXED)).fit(data)
    one, other = dense.predict([new]), local.predict([new])
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.epistemic_var, other.epistemic_var, rtol=0, atol=1e-8)
    evidence = dense.report.diagnostics["log_evidence"]
    np.testing.assert_allclose(local.report.diagnostics["log_evidence_experts"], evidence, rtol=1e-10)


def test_a_bayesian_committee_of_independent_blocks_is_the_dense_gaussian_process() -> None:
    """Two heaps of points so far apart that their covariance is zero: each expert has one, and the other's opinion is
    the prior."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.0, 0.05, 30), rng.uniform(0.95, 1.0, 30)])[:, None]
    data = ProductData((Axis("point", x, ("x",)),), np.sin(40 * x) + 0.1 * rng.standard_normal(x.shape), ("y",))
    settings: dict[str, Any] = {"hyperparameters": "fixed", "length": 0.02, "noise_variance": 0.01}
    new = Axis("new", np.concatenate([rng.uniform(0.0, 0.06, 10), rng.uniform(0.94, 1.0, 10)])[:, None], ("x",))
    dense = Gp(GpConfig(**settings)).fit(data).predict([new])
    found = GpLocal(GpLocalConfig(expert_points=30, combination="bcm", nearest=2, **settings)).fit(data).predict([new])
    np.testing.assert_allclose(found.mean, dense.mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.epistemic_var, dense.epistemic_var, rtol=0, atol=1e-8)


@pytest.mark.parametrize("partition", ["kdtree", "kmeans"])
@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_committee_is_near_the_dense_gaussian_process(partition: str, combination: str) -> None:
    data, new = problem("scattered", noise=0.1), new_points(problem("scattered"))
    dense = Gp(GpConfig(**FIXED)).fit(data).predict([new])
    model = GpLocal(GpLocalConfig(expert_points=60, partition=partition, combination=combination, nearest=3, **FIXED))
    fitted = model.fit(data)
    found = fitted.predict([new])
    assert fitted.report.diagnostics["experts"] >= 7 and fitted.report.diagnostics["largest_expert"] <= 120
    assert np.sqrt(np.mean((found.mean - dense.mean) ** 2)) < 0.15 * np.std(dense.mean)
    assert (found.epistemic_var > 0).all() and (found.epistemic_var < data.values.var() * 1.01).all()
    loaded = model.from_state(fitted.state()).predict([new])
    np.testing.assert_array_equal(loaded.mean, found.mean)


def test_the_robust_committee_is_that_of_the_formula() -> None:
    """Deisenroth and Ng 2015, Eqs. 18 to 21: weights of half the difference in differential entropy."""
    rng = np.random.default_rng(0)
    mean, variance, prior = rng.normal(size=(5, 3, 2)), rng.uniform(0.01, 0.9, (5, 3)), np.full(5, 1.3)
    found_mean, found_variance = combined(mean, variance, np.zeros((5, 2)), prior, combination="rbcm")
    for i in range(5):
        weight = 0.5 * (np.log(1.3) - np.log(variance[i]))
        precision = np.sum(weight / variance[i]) + (1 - weight.sum()) / 1.3
        np.testing.assert_allclose(found_variance[i], 1 / precision, rtol=1e-12)
        np.testing.assert_allclose(found_mean[i], (weight / variance[i]) @ mean[i] / precision, rtol=1e-12)


def test_the_generalised_committee_is_that_of_the_formula() -> None:
    """Liu and others 2018, Eqs. 13 and 14: the nearest weighs fully, and all are compared with the communication
    expert."""
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(size=(4, 3, 1)), rng.uniform(0.01, 0.3, (4, 3))
    prior_mean, prior = rng.normal(size=(4, 1)), rng.uniform(0.4, 0.9, 4)
    found_mean, found_variance = combined(mean, variance, prior_mean, prior, combination="grbcm")
    for i in range(4):
        weight = np.array([1.0, *(0.5 * (np.log(prior[i]) - np.log(variance[i, 1:])))])
        precision = np.sum(weight / variance[i]) + (1 - weight.sum()) / prior[i]
        pull = (weight / variance[i]) @ mean[i] + (1 - weight.sum()) / prior[i] * prior_mean[i]
        np.testing.assert_allclose(found_variance[i], 1 / precision, rtol=1e-12)
        np.testing.assert_allclose(found_mean[i], pull / precision, rtol=1e-12)


def test_an_expert_that_knows_nothing_changes_nothing() -> None:
    mean, variance = np.array([[[0.7], [9.0]]]), np.array([[0.2, 1.0]])
    with_it = combined(mean, variance, np.zeros((1, 1)), np.ones(1), combination="rbcm")
    without = combined(mean[:, :1], variance[:, :1], np.zeros((1, 1)), np.ones(1), combination="rbcm")
    for one, other in zip(with_it, without, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_cells_hold_every_point_once() -> None:
    x = np.random.default_rng(0).uniform(size=(1000, 3)) ** 2
    for cells in (kdtree_cells(x, 13), kmeans_cells(x, 13, 77, 0)):
        assert sorted(np.concatenate(cells).tolist()) == list(range(1000))
        assert max(map(len, cells)) <= 78
    assert {len(cell) for cell in kdtree_cells(x, 13)} <= {76, 77, 78}


def test_refuses_experts_that_do_not_fit(monkeypatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**5)
    with pytest.raises(TooLarge, match=r"400 points in experts of 100 .* lower model.expert_points, or take gp_sparse"):
        GpLocal(GpLocalConfig(expert_points=100, **FIXED)).fit(problem("scattered"))


def test_the_evidence_of_experts_is_the_sum_of_theirs() -> None:
    rng = np.random.default_rng(0)
    x, y, theta = rng.uniform(size=(3, 20, 2)), rng.standard_normal((3, 20, 2)), np.log([0.3, 0.5, 1.2, 0.1])
    mask = np.ones((3, 20))
    found = float(experts_evidence(theta, x, y, mask, kind="rbf")) * mask.sum()
    expected = 0.0
    for own_x, own_y in zip(x, y, strict=True):
        system = 1.2 * rbf(own_x, own_x) + 0.1 * np.eye(20)
        expected -= multivariate_normal(np.zeros(20), system).logpdf(own_y.T).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_experts_see_what_is_too_fine_for_points_drawn_from_all() -> None:
    """Waves of which 60 points drawn at random from 2,000 see less than two each, while an expert's own 50 points see
    every turn."""
    x = np.linspace(0, 1, 2000)[:, None]
    data = ProductData((Axis("point", x, ("x",)),), np.sin(300 * x), ("y",))
    fitted = GpLocal(GpLocalConfig(expert_points=50, evidence_points=60)).fit(data)
    new = Axis("new", np.random.default_rng(0).uniform(size=(200, 1)), ("x",))
    assert np.max(np.abs(fitted.predict([new]).mean - np.sin(300 * new.points))) < 1e-2
    assert float(fitted.report.diagnostics["noise_std"][0]) < 1e-2


@pytest.mark.thorough
def test_a_warm_start_goes_on_from_the_former_hyperparameters() -> None:
    data = problem("scattered", noise=0.1)
    model = GpLocal(GpLocalConfig(expert_points=100))
    cold = model.fit(data)
    warm = model.fit(data, warm_start=model.from_state(cold.state()))
    assert "evidence_starts" not in warm.report.diagnostics  # no search from scratch
    evidences = [fit.report.diagnostics["log_evidence_experts"] for fit in (cold, warm)]
    np.testing.assert_allclose(evidences[1], evidences[0], rtol=1e-3)
