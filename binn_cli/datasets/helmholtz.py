"""Helmholtz' equation on the unit square: waves of one frequency that a source excites."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import HelmholtzConfig
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.helmholtz_modes import Factors, functions, legendre_factors
from binn_cli.datasets.problem import MASS, SPACE, STIFFNESS, ZERO, Factor, Load, Problem, Term, Variable
from binn_cli.datasets.sine_series import Function, gaussian, helmholtz_factors, sines, solution_of
from binn_cli.errors import ConfigError

AT_RESONANCE = 1e-6
"""Distance of κ² from an eigenvalue, over κ², at which there is no unique solution as far as anybody can tell."""

NEAR_RESONANCE = 1e-2
"""The same below which errors are amplified so much that it must be said."""


MODES, CUT_MODES = 160, 400
"""Functions along a coordinate: sines, and polynomials where the source is not zero on the boundary."""


class Helmholtz(ClosedForm):
    """−Δu − κ²u = exp(−2|x − x_0|²/r0²) on [0, 1]², zero on the boundary; inputs x and y, random points for
    learning."""

    name = "helmholtz"

    def __init__(self, config: HelmholtzConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        super().__init__(config, seed)
        self.config = config

    def problem(self) -> Problem:
        """The equation.

        Raises:
            ConfigError: at a resonance.
        """
        distance, modes = self.resonance()
        number = self.config.wave_number
        if distance < AT_RESONANCE:
            m, n = modes
            raise ConfigError(
                "dataset.wave_number",
                f"{number:.10g} is a resonance: sin({m} pi x) sin({n} pi y) solves the equation without a source, so "
                "that there is no "
                f"unique solution; stay away from pi sqrt({m}^2 + {n}^2) = {np.pi * np.hypot(m, n):.10g}",
            )
        factors = dict(
            zip("xy", (_factor(center, self.config.source_radius) for center in self.config.source_center), strict=True)
        )
        return Problem(
            variables=tuple(Variable(name, 0.0, 1.0, SPACE, (ZERO, ZERO)) for name in "xy"),
            operator=(Term({"x": STIFFNESS}), Term({"y": STIFFNESS}), Term({"x": MASS}, -(number**2))),
            source=(Load(factors),),
            points=self.config.points,
        )

    def remarks(self) -> tuple[str, ...]:
        """A sentence near a resonance."""
        distance, (m, n) = self.resonance()
        if distance >= NEAR_RESONANCE:
            return ()
        return (
            f"the wave number is near the resonance pi sqrt({m}^2 + {n}^2) = {np.pi * np.hypot(m, n):.6g}: errors of "
            "the source are amplified "
            "strongly, and the error estimate with them",
        )

    def resonance(self) -> tuple[float, tuple[int, int]]:
        """How far κ² is from the nearest eigenvalue of −Δ, over κ², and that eigenvalue's waves along x and y."""
        square = self.config.wave_number**2
        most = int(self.config.wave_number / np.pi) + 2
        m, n = np.meshgrid(np.arange(1, most + 1), np.arange(1, most + 1), indexing="ij")
        distance = np.abs(np.pi**2 * (m**2 + n**2) - square) / square
        nearest = np.unravel_index(np.argmin(distance), distance.shape)
        return float(distance[nearest]), (int(m[nearest]), int(n[nearest]))

    def solution(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The series at scattered points."""
        return solution_of(points, self._factors, functions if self._is_cut else sines)

    @property
    def _source(self) -> list[Function]:
        return [gaussian(center, self.config.source_radius) for center in self.config.source_center]

    @property
    def _is_cut(self) -> bool:
        """Whether the source is not zero on the boundary, so that its coefficients of sines end nowhere."""
        return max(float(function(np.array([0.0, 1.0])).max()) for function in self._source) > 1e-9

    @cached_property
    def _factors(self) -> Factors:
        find = legendre_factors if self._is_cut else helmholtz_factors
        return find([self._source], self.config.wave_number, modes=CUT_MODES if self._is_cut else MODES)


def _factor(center: float, radius: float) -> Factor:
    return Factor(f"exp(-2 (x - {center:.17g})^2 / {radius:.17g}^2)", gaussian(center, radius))
