"""The stated solutions of Helmholtz' equation: against a closed form, and two series against each other."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import HelmholtzConfig
from binn_cli.datasets.helmholtz import Helmholtz
from binn_cli.datasets.helmholtz_modes import functions, legendre_factors
from binn_cli.datasets.sine_series import gaussian, helmholtz_factors, solution_of

POINTS = np.random.default_rng(0).random((200, 2))
WAVE_NUMBER = 3.0


def by_constant_source(points: np.ndarray) -> np.ndarray:
    """-Δu - κ²u = 1: what solves it along x alone, less a series of sines that decays from the ends of y inwards."""
    x, y = points.T
    m = np.arange(1, 40_000, 2)
    growth = np.sqrt((m * np.pi) ** 2 - WAVE_NUMBER**2)
    # cosh(g (y - 1/2)) / cosh(g / 2) without large numbers
    decay = (np.exp(-np.outer(y, growth)) + np.exp(-np.outer(1 - y, growth))) / (1 + np.exp(-growth))
    series = (np.sin(np.pi * np.outer(x, m)) * decay) @ (4 / (m * np.pi * growth**2))
    return (np.cos(WAVE_NUMBER * (x - 0.5)) / np.cos(WAVE_NUMBER / 2) - 1) / WAVE_NUMBER**2 - series


def test_a_source_that_the_boundary_cuts_is_solved_to_eleven_digits() -> None:
    one = np.ones_like
    exact = by_constant_source(POINTS)
    found = solution_of(POINTS, legendre_factors([[one, one]], WAVE_NUMBER, 200), functions)
    assert np.abs(found - exact).max() < 1e-11 * np.abs(exact).max()


@pytest.mark.parametrize("radius", [0.15, 0.5])
def test_both_series_agree_as_far_as_the_sines_reach(radius: float) -> None:
    source = [[gaussian(0.4, radius), gaussian(0.5, radius)]]
    sines = solution_of(POINTS, helmholtz_factors(source, WAVE_NUMBER, 300))
    stated = Helmholtz(HelmholtzConfig(wave_number=3.0, source_radius=radius, source_center=[0.4, 0.5]), 0)
    apart = np.abs(stated.solution(POINTS) - sines).max() / np.abs(sines).max()
    assert apart < (1e-11 if radius == 0.15 else 1e-6)
