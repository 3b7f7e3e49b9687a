"""The kernel as the exponential of a sum of polynomials, against the kernel."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.limit.factors import KernelFactors
from binn_cli.models.binn.limit.kernel import covariance
from binn_cli.models.binn.limit.process import MANY, Process


@pytest.mark.parametrize("share", [-6.0, 0.0, 12.0])
@pytest.mark.parametrize("length", [0.25, 1.0, 50.0])
def test_many_points_have_the_kernel_of_few(share: float, length: float) -> None:
    random = np.random.default_rng(0)
    points, x = random.random((20, 4)), random.random((300, 4))
    theta = np.array([*np.log(length * np.array([1.0, 2.0, 4.0, 8.0])), *[share] * 4, 9.0, -20.0])
    draws = theta + np.array([[0.0], [0.05]])
    found = KernelFactors.of(points, draws, "gaussian")
    assert found is not None
    basis = found.basis(x)
    for s, own in enumerate(draws):
        expected = covariance(own, points, x, "gaussian")
        np.testing.assert_allclose(found.covariance(s, basis), expected, rtol=0, atol=3e-15 * np.exp(own[-2]))


@pytest.mark.parametrize(("length", "smoothness"), [(0.03, "gaussian"), (1.0, "matern52")])
def test_narrow_kernels_and_kinks_are_evaluated_as_they_are(length: float, smoothness: str) -> None:
    points = np.random.default_rng(0).random((20, 3))
    theta = np.array([[*[np.log(length)] * 3, *[12.0] * 3, 0.0, -20.0]])
    assert KernelFactors.of(points, theta, smoothness) is None


def test_more_rows_than_are_multiplied_at_once() -> None:
    """The triangular factor goes in parts of 32 rows, the last one smaller."""
    random = np.random.default_rng(1)
    points, theta = random.random((77, 3)), np.array([[-0.5, 0.0, 0.3, 2.0, 1.0, 3.0, 0.5, -8.0]])
    process = Process.of(points, np.sin(points @ [3.0, 2.0, 1.0]), theta, np.zeros(3), "gaussian")
    x = random.random((MANY, 3))
    mean, spread = process.moments(x)
    matrix = covariance(theta[0], process.points, process.points, "gaussian") + np.exp(-8.0) * np.eye(77)
    cross = covariance(theta[0], process.points, x, "gaussian")
    values = (process.targets - process.shift) / process.scale
    expected = np.exp(0.5) - np.einsum("nm,nm->m", cross, np.linalg.solve(matrix, cross))
    np.testing.assert_allclose(spread, process.scale**2 * expected, rtol=0, atol=1e-11)
    wanted = process.shift + process.scale * cross.T @ np.linalg.solve(matrix, values)
    np.testing.assert_allclose(mean, wanted, rtol=0, atol=1e-11)
