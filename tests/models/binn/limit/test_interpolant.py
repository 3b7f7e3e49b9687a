"""What a process says at many points, by polynomials, against what it says at a few."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.limit.interpolant import STRIPS, Interpolant
from binn_cli.models.binn.limit.process import MANY, Process


def _process(dimensions: int, smoothness: str, length: float = -0.5) -> Process:
    random = np.random.default_rng(dimensions)
    points = random.random((15, dimensions))
    draws = np.concatenate([np.full(dimensions, length), np.linspace(0.0, 3.0, dimensions), [0.3, -9.0]])
    draws = draws + np.array([[0.0], [0.3]])
    return Process.of(points, np.sin(4.0 * points.sum(axis=1)), draws, np.full(dimensions, 3.0), smoothness)


CASES = ((1, "gaussian", -0.5), (2, "gaussian", -1.5), (4, "gaussian", -0.5), (2, "matern32", -0.5))


@pytest.mark.parametrize(("dimensions", "smoothness", "length"), CASES)
def test_many_points_are_answered_as_few_are(dimensions: int, smoothness: str, length: float) -> None:
    process = _process(dimensions, smoothness, length)
    x = np.random.default_rng(9).uniform(-0.02, 1.01, (MANY + 3, dimensions))  # some lie outside the domain
    mean, spread = process.moments(x)
    some = slice(0, 400)
    wanted, variance = process.moments(x[some])
    whole, factors = process._polynomials
    assert (whole is not None) == (dimensions < 3 and smoothness == "gaussian")
    assert (factors is not None) == (dimensions == 4)
    np.testing.assert_allclose(mean[some], wanted, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(spread[some], variance, rtol=1e-9, atol=1e-11)
    alone, none = process.moments(x, variance=False)
    np.testing.assert_allclose(alone, mean, rtol=1e-12)
    assert not none.any()


@pytest.mark.parametrize("length", [-0.5, -8.0])
def test_a_degree_is_not_raised_without_end(length: float) -> None:
    """A function that is narrower than the nodes allow is evaluated as it is."""
    found = Interpolant.of(lambda u: np.exp(-0.5 * ((u - 0.5) / np.exp(length)) ** 2), 1, np.array([1e-14]))
    assert (found is None) == (length == -8.0)
    if found is not None:
        x = np.linspace(0.0, 1.0, 50)[:, None]
        np.testing.assert_allclose(found(x)[0], np.exp(-0.5 * ((x[:, 0] - 0.5) / np.exp(length)) ** 2), atol=1e-13)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("swapped", [False, True])
def test_high_degrees_are_cut_into_strips(dimensions: int, swapped: bool) -> None:
    """Three functions that are narrow in one input; points come in any order, on borders of strips and just outside."""

    def functions(u: np.ndarray) -> np.ndarray:
        narrow, wide = (u[:, -1], u[:, 0]) if swapped else (u[:, 0], u[:, -1])
        waves = [np.sin((20.0 + 3.0 * k) * narrow + k) for k in range(3)]
        return np.stack([wave * (1.0 + k * wide**2) for k, wave in enumerate(waves)], axis=1)

    found = Interpolant.of(functions, dimensions, np.full(3, 1e-14))
    assert found is not None and len(found.strips) == STRIPS
    assert (found.factor is None) == (dimensions == 1)
    random = np.random.default_rng(3).random((5000, dimensions))
    borders = np.repeat(np.arange(STRIPS + 1)[:, None] / STRIPS, dimensions, axis=1)
    x = np.concatenate([random, borders, [[-5e-10] * dimensions, [1.0 + 5e-10] * dimensions]])
    np.testing.assert_allclose(found(x), functions(x).T, atol=2e-13)
    np.testing.assert_allclose(found(x[:1]), functions(x[:1]).T, atol=2e-13)


def test_low_degrees_are_not() -> None:
    found = Interpolant.of(lambda u: np.exp(u), 1, np.array([1e-14]))
    assert found is not None and len(found.strips) == 1
