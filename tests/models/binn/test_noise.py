"""Noise that varies over the inputs."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError
from binn_cli.exporting.flattening import flattened
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.noise import learn_field
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.scope import Scope

VARYING = BinnConfig(noise="varying", decomposition="limit")


def _std(x: np.ndarray) -> np.ndarray:
    """From 0.01 to 0.3."""
    return 0.01 * np.exp(3.4 * x)


def _table(n: int, seed: int = 0) -> ProductData:
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    y = np.sin(3.0 * x[:, 0]) * x[:, 1] + _std(x[:, 0]) * rng.standard_normal(n)
    return ProductData((Axis("point", x, ("a", "b")),), y[:, None], ("y",))


def _grid() -> ProductData:
    x, t = np.linspace(0.0, 1.0, 20), np.linspace(0.0, 1.0, 12)
    y = np.sin(3.0 * x)[:, None] * t + _std(x)[:, None] * np.random.default_rng(1).standard_normal((20, 12))
    return ProductData((Axis.of("a", x), Axis.of("b", t)), y[..., None], ("y",))


def _told(fitted: FittedBinn, a: float) -> float:
    """The standard deviation of the noise there."""
    points = np.column_stack([np.full(9, a), np.linspace(0.1, 0.9, 9)])
    return float(np.sqrt(fitted.predict([Axis("point", points, ("a", "b"))]).noise_var.mean()))


def test_the_field_of_known_misses_is_found() -> None:
    rng = np.random.default_rng(2)
    x = rng.random((2000, 1))
    misses = _std(x[:, 0]) * rng.standard_normal(2000)

    noise, field = learn_field(x, misses, np.zeros(2000), float(np.mean(misses**2)))

    at = np.array([[0.1], [0.5], [0.9]])
    assert np.allclose(np.sqrt(noise * field.factors(at)[:, 0]), _std(at[:, 0]), rtol=0.25)


def test_what_the_fit_does_not_know_is_not_noise() -> None:
    rng = np.random.default_rng(3)
    x = rng.random((500, 1))
    spread = np.where(x[:, 0] < 0.5, 1.0, 0.0)
    misses = np.sqrt(spread + 0.01) * rng.standard_normal(500)

    noise, field = learn_field(x, misses, spread, 0.5)

    assert np.sqrt(noise * field.factors(np.array([[0.9]]))[0, 0]) == pytest.approx(0.1, rel=0.3)
    assert np.sqrt(noise * field.factors(np.array([[0.2]]))[0, 0]) < 0.4


@pytest.mark.parametrize("data", [_table(200), _grid()], ids=["table", "grid"])
def test_noise_is_told_where_it_is(data: ProductData) -> None:
    fitted = Binn(VARYING).fit(data)

    assert _told(fitted, 0.1) == pytest.approx(_std(np.array(0.1)), rel=0.6)
    assert _told(fitted, 0.9) == pytest.approx(_std(np.array(0.9)), rel=0.35)
    again = FittedBinn.from_state(fitted.state())
    assert np.array_equal(again.predict(data.axes).noise_var, fitted.predict(data.axes).noise_var)


def test_intervals_hold_in_every_part() -> None:
    fitted, fresh = Binn(VARYING).fit(_table(200)), _table(4000, seed=9)
    said = fitted.predict(fresh.axes)
    inside = np.abs(fresh.values - said.mean) < 1.96 * said.total_std

    for low in (0.0, 0.25, 0.5, 0.75):
        part = (fresh.axes[0].points[:, 0] >= low) & (fresh.axes[0].points[:, 0] < low + 0.25)
        assert inside[part].mean() > 0.88


def test_an_export_would_lose_it() -> None:
    fitted = Binn(VARYING).fit(_grid())
    with pytest.raises(BinnError, match="noise=learned"):
        flattened(fitted, "binn", Scope.of(_grid()))


def test_a_large_grid_is_refused() -> None:
    x, t = np.linspace(0.0, 1.0, 80), np.linspace(0.0, 1.0, 80)
    data = ProductData((Axis.of("a", x), Axis.of("b", t)), np.outer(x, t)[..., None], ("y",))
    with pytest.raises(BinnError, match="noise=varying is learned from tables"):
        Binn(VARYING).fit(data)
