"""Products with gaps: what their low rank says there, and a B-INN that learns from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.completion import complete
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.surrogate import Binn

SHAPE = (24, 20, 16)


def _field(x: np.ndarray, t: np.ndarray, p: np.ndarray) -> np.ndarray:
    x, t, p = x[:, None, None], t[None, :, None], p[None, None, :]
    return np.exp(-p * t) * np.sin(np.pi * x) + 0.3 * np.cos(2.0 * x + p) * t**2


def _product(observed: np.ndarray | None, noise: float = 0.0) -> ProductData:
    points = [np.linspace(0.0, 1.0, n) for n in SHAPE]
    values = _field(*points) + noise * np.random.default_rng(3).standard_normal(SHAPE)
    axes = tuple(Axis.of(name, own) for name, own in zip(("x", "t", "p"), points, strict=True))
    return ProductData(axes, values[..., None], ("u",), observed=observed)


def _gaps(share: float) -> np.ndarray:
    return np.random.default_rng(0).random(SHAPE) >= share


def _errors(fitted: FittedBinn) -> tuple[float, float]:
    """Error between the points, and the share of them inside their 95 % interval."""
    points = [np.linspace(0.02, 0.97, n) for n in (13, 11, 9)]
    truth = _field(*points)
    said = fitted.predict([Axis.of(name, own) for name, own in zip(("x", "t", "p"), points, strict=True)])
    error = np.abs(said.mean[..., 0] - truth)
    return float(np.sqrt(np.mean(error**2))), float(np.mean(error < 1.96 * said.total_std[..., 0]))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.45])
def test_a_field_is_found_again(share: float) -> None:
    seen, truth = _gaps(share), _product(None).values[..., 0]

    found = complete(np.where(seen, truth, np.nan), seen)

    assert np.array_equal(found.values[seen], truth[seen])
    error = np.sqrt(np.mean((found.values - truth)[~seen] ** 2))
    assert error < 1e-3 * np.std(truth)
    assert error < 3.0 * found.misfit + 1e-8 * np.std(truth)  # with few gaps both are near round-off


def test_noise_is_not_learned() -> None:
    seen, noise = _gaps(0.2), 0.05
    truth = _product(None).values[..., 0]
    noisy = _product(None, noise).values[..., 0]

    found = complete(np.where(seen, noisy, np.nan), seen)

    assert 0.7 * noise < found.residual < 1.2 * noise
    assert 0.8 * noise < found.misfit < 1.5 * noise
    assert np.sqrt(np.mean((found.values - truth)[~seen] ** 2)) < noise


def test_a_tensor_without_low_rank_says_so() -> None:
    seen = _gaps(0.3)
    values = np.random.default_rng(2).standard_normal(SHAPE)

    assert complete(np.where(seen, values, np.nan), seen).misfit > 0.8


def test_gaps_cost_little() -> None:
    whole, _ = _errors(Binn(BinnConfig()).fit(_product(None)))
    fitted = Binn(BinnConfig()).fit(_product(_gaps(0.2)))
    error, coverage = _errors(fitted)

    assert error < 2.0 * whole
    assert coverage > 0.85
    assert any("filled" in note for note in fitted.report.notes)


def test_noise_is_told_as_it_is_though_filled_values_have_none() -> None:
    noise = 0.02
    fitted = Binn(BinnConfig()).fit(_product(_gaps(0.3), noise))

    found = float(np.sqrt(fitted.predict(_product(None).axes).noise_var.flat[0]))
    assert found == pytest.approx(noise, rel=0.15)
    assert _errors(fitted)[1] > 0.9


def test_few_values_are_a_table() -> None:
    small = _product(None)
    axes = tuple(axis.taken(range(0, axis.size, 6)) for axis in small.axes)
    seen = np.random.default_rng(5).random(tuple(axis.size for axis in axes)) > 0.2
    fitted = Binn(BinnConfig(decomposition="limit")).fit(
        ProductData(axes, small.values[::6, ::6, ::6], ("u",), observed=seen)
    )

    assert not any("filled" in note for note in fitted.report.notes)
    assert _errors(fitted)[1] > 0.8


def test_cases_with_gaps_are_learned_later() -> None:
    whole, data, model = _product(None), _product(_gaps(0.2)), Binn(BinnConfig())
    *others, last = data.axes
    begun = replace(whole, axes=(*others, last.taken(range(0, 16, 2))), values=whole.values[:, :, ::2])
    seen = data.observed[:, :, 1::2] if data.observed is not None else None
    more = replace(data, axes=(*others, last.taken(range(1, 16, 2))), values=data.values[:, :, 1::2], observed=seen)
    first = model.fit(begun)

    grown = model.update(first, more)

    assert _errors(grown)[0] < max(2.0 * _errors(first)[0], 1e-4)
