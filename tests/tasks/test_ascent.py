"""The search along the gradient of a score whose maxima are known."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.tasks.ascent import climbed

TOPS = np.array([[0.3, 0.72], [0.8, 1.2]])
"""One inside of the cube, one beyond its edge."""


def hills(points: np.ndarray) -> np.ndarray:
    apart = np.sum((points[:, None, :2] - TOPS) ** 2, axis=2)
    return np.exp(-20.0 * apart).max(axis=1) * (1 + points[:, 2])


def anywhere(points: np.ndarray) -> np.ndarray:
    return np.ones(len(points), dtype=bool)


@pytest.mark.parametrize(
    ("start", "end"), [([0.25, 0.6, 0.25], [0.3, 0.72, 0.25]), ([0.8, 0.9, 0.75], [0.8, 1.0, 0.75])]
)
def test_a_start_climbs_its_own_hill_and_coordinates_that_are_not_free_stay(start: list, end: list) -> None:
    calls: list[int] = []

    def counted(points: np.ndarray) -> np.ndarray:
        calls.append(len(points))
        return hills(points)

    best, worth = climbed(counted, anywhere, np.array(start), np.array([True, True, False]))
    np.testing.assert_allclose(best, end, atol=1e-4)
    assert worth == hills(best[None])[0]
    assert len(calls) < 25 and set(calls[1:]) == {1 + 2 * 2}
    stays, _ = climbed(hills, anywhere, np.array(start), np.zeros(3, dtype=bool))
    np.testing.assert_array_equal(stays, start)


def test_only_what_is_allowed_is_given_and_it_is_no_worse_than_the_start() -> None:
    def left(points: np.ndarray) -> np.ndarray:
        return points[:, 0] <= 0.28

    start = np.array([0.25, 0.6, 0.25])
    best, worth = climbed(hills, left, start, np.array([True, True, True]))
    assert left(best[None])[0] and worth >= hills(start[None])[0]
