"""The search for hyperparameters of highest evidence, where some of them have none."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.gp.search import minimised

BOUNDS = np.array([[-10.0, 10.0]] * 2)
LOWEST = np.array([1.0, -0.5])


@pytest.mark.parametrize("start", [(-2.0, 2.0), (0.0, 0.0), (2.9, -2.9)])
def test_a_first_step_to_where_nothing_is_known_does_not_end_the_search(start: tuple[float, float]) -> None:
    """Such steps came back to where they began, and that passed for convergence."""
    refused = []

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        if np.any(np.abs(theta) > 3.0):
            refused.append(theta)
            return np.nan, np.full(2, np.nan)
        away = theta - LOWEST
        return float(50.0 * away @ away - 500.0), 100.0 * away

    found = minimised(objective, np.array([start]), BOUNDS, 60)
    np.testing.assert_allclose(found.theta, LOWEST, atol=1e-5)

    def steep(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """The same with another scale in each direction, so that the first step is far too long in one of them."""
        if np.any(np.abs(theta) > 3.0):
            refused.append(theta)
            return np.nan, np.full(2, np.nan)
        away, scale = theta - LOWEST, np.array([500.0, 0.5])
        return float(0.5 * scale @ away**2 - 500.0), scale * away

    found = minimised(steep, np.array([start]), BOUNDS, 200)
    np.testing.assert_allclose(found.theta, LOWEST, atol=1e-2)
    assert refused


def test_where_no_start_has_an_evidence_none_is_said() -> None:
    found = minimised(lambda theta: (np.nan, theta), np.zeros((2, 2)), BOUNDS, 5)
    assert found.value > 1e20
