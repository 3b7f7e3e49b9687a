"""Sums over cells against sums over rows."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import TableRows
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.cp.features import Features, of_basis, smooth_features
from binn_cli.models.binn.cp.moments import MANY_ROWS, Moments, of_moments, polynomials
from binn_cli.models.binn.rows.fit import fit_rows
from binn_cli.models.binn.surrogate import Binn


@pytest.mark.parametrize("intercept", [None, 0.3])
@pytest.mark.parametrize("features", [smooth_features(0.3, 0.9), smooth_features(0.2, 0.8, 5.0)], ids=["plain", "rate"])
def test_the_same_system_as_from_the_rows(features: Features, intercept: float | None) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.beta(0.7, 1.5, 4000), rng.standard_normal(4000)
    x[:2] = 0.0, 1.0
    weights = rng.standard_normal((features.size, 2))
    moments = Moments()
    moments.add(x[:1000], y[:1000])
    more = Moments()
    more.add(x[1000:], y[1000:])
    cells = polynomials(features)
    assert cells is not None
    found = of_moments(moments + more, cells, [weights], intercept)
    phi = features(x)
    rows = np.repeat(phi, 2, axis=1)
    residual = y - (phi @ weights).sum(axis=1)
    if intercept is not None:
        rows, residual = np.column_stack([np.ones(len(x)), rows]), residual - intercept
    assert found.gram is not None
    np.testing.assert_allclose(found.gram, rows.T @ rows, atol=1e-11 * np.max(rows.T @ rows))
    np.testing.assert_allclose(found.gradient, rows.T @ residual, atol=1e-9)
    assert found.squared == pytest.approx(float(residual @ residual), rel=1e-12)


def test_functions_with_kinks_are_left_to_the_rows() -> None:
    assert polynomials(of_basis(build_basis("hat", 11, 0, 0.1, 0.0), 1.0, per_weight=True)) is None
    assert polynomials(smooth_features(0.02, 0.9)) is None


@pytest.mark.parametrize("streamed", [False, True])
def test_a_long_line_is_learned_as_its_rows_say(*, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-2.0, 3.0, (MANY_ROWS + 7, 1))
    y = np.sin(2.0 * x) + 0.1 * rng.standard_normal(x.shape)
    data = ProductData((Axis("point", x, ("x",)),), y, ("u",))
    config = BinnConfig(modes=1, centers=20, length=0.5, length_unit="input")
    fit = partial(fit_rows, config, TableRows(data)) if streamed else partial(Binn(config).fit, data)
    at = [Axis("point", np.linspace(-2.0, 3.0, 50)[:, None], ("x",))]
    found = fit().predict(at)
    for module in ("cp.normal_equations", "rows.sums"):
        monkeypatch.setattr(f"binn_cli.models.binn.{module}.polynomials", lambda _: None)
    expected = fit().predict(at)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-8)
    np.testing.assert_allclose(found.epistemic_var, expected.epistemic_var, rtol=1e-5)


def test_rows_outside_of_a_stated_domain_count_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell holds them: neither an error nor a polynomial far from where it was made."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-0.4, 1.3, (MANY_ROWS, 1))
    data = ProductData((Axis("point", x, ("x",)),), np.sin(3.0 * x), ("u",))
    stated = {"modes": 1, "centers": 20, "length": 0.5, "length_unit": "input", "padding": 4, "stretch": 0}
    given = {"noise": "fixed", "noise_variance": 1e-4, "output_scaling": "none"}
    fit = partial(fit_rows, BinnConfig(**stated, **given), TableRows(data), np.array([[0.0, 1.0]]))
    at = [Axis("point", np.linspace(-0.4, 1.3, 50)[:, None], ("x",))]
    found = fit().predict(at)
    monkeypatch.setattr("binn_cli.models.binn.rows.sums.polynomials", lambda _: None)
    expected = fit().predict(at)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-7)
    np.testing.assert_allclose(found.epistemic_var, expected.epistemic_var, rtol=1e-5)
