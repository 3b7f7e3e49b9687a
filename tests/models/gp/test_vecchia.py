"""The Vecchia approximation is the exact process where every point may see all others, and near it where not."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import GpConfig, GpVecchiaConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.gpboost_process import listening, parameters, theta_of
from binn_cli.models.gp.vecchia import GpVecchia

FIXED = {"hyperparameters": "fixed", "length": [0.3, 0.6], "noise_variance": 0.01}


def scattered(n: int = 60) -> ProductData:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(n, 2)) * (1.0, 50.0)
    y = np.stack([np.sin(5 * x[:, 0]) + 0.02 * x[:, 1], 100 * x[:, 0] * x[:, 1]], axis=1)
    return ProductData((Axis("point", x, ("a", "b")),), y + 0.02 * y.std(axis=0) * rng.normal(size=y.shape), ("u", "v"))


def somewhere() -> list[Axis]:
    points = np.random.default_rng(1).uniform(size=(40, 2)) * (1.0, 50.0)
    return [Axis("point", points, ("a", "b"))]


@pytest.mark.parametrize(("kernel", "outputs"), (("rbf", "shared"), ("matern52", "separate")))
def test_equals_the_exact_process_where_neighbours_are_all(kernel: str, outputs: str) -> None:
    data, settings = scattered(), {**FIXED, "kernel": kernel, "outputs": outputs}
    ours, theirs = (
        model.fit(data) for model in (Gp(GpConfig(**settings)), GpVecchia(GpVecchiaConfig(**settings, neighbours=100)))
    )
    one, other = ours.predict(somewhere()), theirs.predict(somewhere())
    spread = data.values.std(axis=0)
    np.testing.assert_allclose(other.mean / spread, one.mean / spread, atol=1e-6)
    np.testing.assert_allclose(other.epistemic_var / spread**2, one.epistemic_var / spread**2, atol=1e-6)
    np.testing.assert_allclose(other.noise_var, one.noise_var, rtol=1e-6)
    for name in ("log_evidence", "length_scales", "noise_std"):
        np.testing.assert_allclose(theirs.report.diagnostics[name], ours.report.diagnostics[name], rtol=1e-5)


def test_few_neighbours_come_near_it_and_more_nearer() -> None:
    data = scattered(150)
    exact = Gp(GpConfig(**FIXED)).fit(data).predict(somewhere())
    gaps = []
    for neighbours in (5, 40):
        found = GpVecchia(GpVecchiaConfig(**FIXED, neighbours=neighbours)).fit(data).predict(somewhere())
        gaps.append(np.sqrt(np.mean((found.mean - exact.mean) ** 2, axis=0)) / data.values.std(axis=0))
    assert (gaps[1] < gaps[0]).all() and (gaps[1] < 0.02).all() and (gaps[0] > 1e-6).all()


def test_the_search_of_the_library_comes_to_the_highest_evidence() -> None:
    """The exact search sees a third of the points and GPBoost's the others too."""
    data, settings = scattered(), {"neighbours": 100, "iterations": 60}
    exact = Gp(GpConfig(iterations=60)).fit(data).report.diagnostics["log_evidence"]
    only, more = (
        GpVecchia(GpVecchiaConfig(**settings, evidence_points=20, vecchia_points=points)).fit(data).report.diagnostics
        for points in (20, 60)
    )
    assert more["vecchia_points"] == 60 and (more["log_evidence"] > exact - 0.01).all()
    assert (only["log_evidence"] < exact - 0.1).all(), "or the library had nothing to do"


def test_few_points_have_the_hyperparameters_of_the_exact_process() -> None:
    found, exact = (
        model.fit(scattered()).report.diagnostics
        for model in (GpVecchia(GpVecchiaConfig(neighbours=100, starts=2)), Gp(GpConfig(starts=2)))
    )
    np.testing.assert_allclose(found["log_evidence"], exact["log_evidence"], atol=0.05)


def test_parameters_and_back() -> None:
    theta = np.log([0.3, 2.0, 1.5, 1e-3])
    for kernel in ("rbf", "matern52"):
        np.testing.assert_allclose(theta_of(kernel, parameters(kernel, theta)), theta)


def test_what_the_library_refuses_is_one_sentence() -> None:
    import gpboost

    with pytest.raises(DataError, match="model=gp_vecchia: GPBoost cannot learn these points: no"), listening():
        raise gpboost.basic.GPBoostError("no\nsuch thing")


def test_what_the_library_says_goes_to_the_log_and_its_warnings_to_us(capfd) -> None:
    with listening() as heard:
        heard.info("[GPBoost] [Warning] GPModel: it stopped early. Set this and that")
        heard.info("[GPBoost] [Info] two threads")
    assert heard.warnings == ["it stopped early"]
    assert capfd.readouterr().out == ""
