"""Noise that varies over the inputs: found where it varies, left alone where it does not, kept in the file."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema.gp import GpConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import ConfigError
from binn_cli.models.gp.exact import Gp
from binn_cli.models.noise_field import functions, spread_out


def data(rows: int, seed: int, growth: float) -> tuple[ProductData, np.ndarray]:
    """y = sin(6 x) with a noise whose standard deviation grows from 0.02 by a factor over [0, 1]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, rows)
    std = 0.02 * growth**x
    return ProductData((Axis.of("x", x),), (np.sin(6 * x) + std * rng.standard_normal(rows))[:, None], ("y",)), std


@pytest.mark.parametrize("growth", [20.0, 1.0])
def test_the_noise_is_found(growth: float) -> None:
    train, _ = data(300, 0, growth)
    fitted = Gp(GpConfig(noise="varying", starts=1)).fit(train)
    x = np.linspace(0.05, 0.95, 10)
    found = np.sqrt(fitted.predict([Axis.of("x", x)]).noise_var[:, 0])
    np.testing.assert_allclose(np.log(found), np.log(0.02 * growth**x), atol=0.35)


def test_intervals_hold_everywhere_and_not_on_average() -> None:
    train, _ = data(300, 0, 20.0)
    test, _ = data(2000, 1, 20.0)
    x, y = test.axes[0].points[:, 0], test.values[:, 0]
    quiet = x < 0.3
    held = {}
    for noise in ("constant", "varying"):
        prediction = Gp(GpConfig(noise=noise, starts=1)).fit(train).predict(test.axes)
        inside = np.abs(y - prediction.mean[:, 0]) < 1.96 * prediction.total_std[:, 0]
        held[noise] = inside[quiet].mean(), inside[x > 0.8].mean()
    assert held["constant"][0] > 0.995 and held["constant"][1] < 0.93
    assert all(0.9 < share < 0.98 for share in held["varying"])


def test_it_is_kept_and_learns_on() -> None:
    train, _ = data(80, 0, 20.0)
    model = Gp(GpConfig(noise="varying", starts=1))
    fitted = model.fit(train)
    again = model.from_state(fitted.state())
    grid = [Axis.of("x", np.linspace(0, 1, 7))]
    for name in ("mean", "epistemic_var", "noise_var"):
        np.testing.assert_allclose(getattr(again.predict(grid), name), getattr(fitted.predict(grid), name), rtol=1e-9)
    more, _ = data(20, 2, 20.0)
    np.testing.assert_allclose(model.update(fitted, more).predict(grid).noise_var, fitted.predict(grid).noise_var)


def test_functions_have_unit_variance_at_the_centers() -> None:
    centers = spread_out(np.random.default_rng(0).uniform(0, 1, (60, 2)), 7)
    assert len(np.unique(centers, axis=0)) == 7
    np.testing.assert_allclose(np.sum(functions(centers, centers) ** 2, axis=1), 1.0, rtol=1e-5)


def test_it_is_learned_or_constant() -> None:
    with pytest.raises(ConfigError, match="must be constant where model.hyperparameters is fixed"):
        GpConfig(noise="varying", hyperparameters="fixed")
