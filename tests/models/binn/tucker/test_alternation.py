"""Noise, relevance and effective parameters of a Tucker decomposition of a small grid."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn

X, K = np.linspace(0.0, 1.0, 21), np.linspace(1.0, 2.0, 12)


def grid(values: np.ndarray) -> ProductData:
    return ProductData((Axis.of("x", X), Axis.of("k", K)), values[..., None], ("u",))


def test_functions_far_below_the_stated_noise_are_kept() -> None:
    """Singular values fall from 15 to 1e-7; from the fifth on they had been taken for noise."""
    truth = np.sin(np.pi * X)[:, None] * np.exp(np.cos(np.pi * X)[:, None] * K)
    fitted = Binn(BinnConfig()).fit(grid(truth))
    said = fitted.predict([Axis.of("x", X), Axis.of("k", K)]).mean[..., 0]
    assert np.sqrt(np.mean((said - truth) ** 2)) < 1e-6 * np.std(truth)


@pytest.mark.parametrize("ranks", [2, 5])
def test_noise_is_neither_learned_nor_lost_by_functions_too_many(ranks: int) -> None:
    truth = np.sin(3.0 * X)[:, None] * K + (X**2)[:, None] * np.exp(-K)
    levels, degrees = [], []
    for seed in range(12):
        noise = 0.1 * np.random.default_rng(seed).standard_normal(truth.shape)
        found = Binn(BinnConfig(ranks=ranks)).fit(grid(truth + noise)).report.diagnostics
        levels.append(float(found["noise_std"][0]))
        degrees.append(float(found["effective_parameters"][0]))
    assert np.sqrt(np.mean(np.square(levels))) == pytest.approx(0.1, rel=0.06)
    # A function of x and one of k, each with some freedom of its own, at the least.
    assert min(degrees) > 3.0 and max(degrees) < 60.0
