"""One dimension is Gaussian process regression (Theorem 3.1 and section 3.4): the public model against a plain dense
GP."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn

NOISE, VARIANCE, LENGTH = 0.04, 1.7, 0.3


def _points(n: int, seed: int) -> np.ndarray:
    """Irregular points that reach both ends of [-1, 1]."""
    return np.sort(np.concatenate([[-1.0, 1.0], np.random.default_rng(seed).uniform(-1, 1, n - 2) ** 3]))


def _data(x: np.ndarray) -> ProductData:
    y = np.sin(3 * x) + 0.3 * np.cos(9 * x) + 0.2 * np.random.default_rng(1).standard_normal(len(x))
    return ProductData((Axis("point", x[:, None], ("x",)),), y[:, None], ("y",))


def _binn(**changes: object) -> Binn:
    settings: dict[str, object] = {
        "modes": 1, "centers": 27, "length": LENGTH, "length_unit": "input", "padding": 24, "stretch": 0,
        "prior": "function",
        "prior_variance": VARIANCE, "relevance": "none", "noise": "fixed", "noise_variance": NOISE,
        "output_scaling": "none",
    }  # fmt: skip
    return Binn(BinnConfig(**{**settings, **changes}))


def _gp(data: ProductData, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the GP whose kernel is the limit of many padded Gaussian bases of length l:
    exp(-(x - x')² / 4 l²)."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return VARIANCE * np.exp(-((a[:, None] - b) ** 2) / (4 * LENGTH**2))

    x, y = data.axes[0].points[:, 0], data.values[:, 0]
    system = kernel(x, x) + NOISE * np.eye(len(x))
    cross = kernel(new, x)
    return cross @ np.linalg.solve(system, y), np.sqrt(
        VARIANCE - np.sum(cross * np.linalg.solve(system, cross.T).T, axis=1)
    )


NEW = np.linspace(-1, 1, 101)


def _deviation(data: ProductData, **changes: object) -> tuple[float, float]:
    prediction = _binn(**changes).fit(data).predict([Axis("point", NEW[:, None], ("x",))])
    mean, std = _gp(data, NEW)
    return np.abs(prediction.mean[:, 0] - mean).max(), np.abs(np.sqrt(prediction.epistemic_var[:, 0]) - std).max()


@pytest.mark.parametrize("n", [2, 40, 150])
def test_padded_gaussian_bases_are_the_gaussian_process(n: int) -> None:
    mean, std = _deviation(_data(_points(n, 0)))
    assert max(mean, std) < 1e-10


@pytest.mark.thorough
def test_beyond_the_longest_decomposition_the_normal_equations_agree_too() -> None:
    """More than 4,096 points go through the Gram matrix, which squares the condition number."""
    mean, std = _deviation(_data(_points(5000, 0)))
    assert max(mean, std) < 1e-10


def test_the_prior_itself_has_the_variance_that_is_asked_for() -> None:
    """With noise that drowns the data, the predictive variance is the kernel's diagonal everywhere, the ends
    included."""
    prediction = _binn(noise_variance=1e12).fit(_data(_points(40, 0))).predict([Axis("point", NEW[:, None], ("x",))])
    np.testing.assert_allclose(prediction.epistemic_var, VARIANCE, rtol=1e-10)


def test_what_makes_the_difference() -> None:
    """Without padding, or with centres a length apart, the same settings are another model: the agreement above is no
    accident."""
    data = _data(_points(40, 0))
    padded, bare, coarse = _deviation(data), _deviation(data, padding=0), _deviation(data, centers=8, padding=7)
    assert (
        max(bare) > 1e-2
    )  # the prior variance drops towards the ends, and its average over the domain is spread wrongly
    assert 1e-6 < max(coarse) < 1e-2
    assert max(padded) < 1e-6 * max(coarse)
