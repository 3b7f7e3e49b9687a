"""Transient heat conduction in the unit cube with conductivity and source strength as coordinates: INN-TD's problem of
six dimensions."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import Heat3dConfig
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.heat_problem import heat_problem, heat_truth
from binn_cli.datasets.problem import Problem


class Heat3d(ClosedForm):
    """u_t − kΔu = P Σ_i exp(−2|x − x_i|²/r0²) on [0, 1]³, zero on the boundary and at t = 0; inputs x, y, z, t, k and
    P.

    Random points for learning, their values from the sine series.
    """

    name = "heat3d"

    def __init__(self, config: Heat3dConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        super().__init__(config, seed)
        self.config = config

    @property
    def _centers(self) -> Float[np.ndarray, "s 3"]:
        if self.config.source_centers is not None:
            return np.array(self.config.source_centers, dtype=np.float64)
        line = np.linspace(0.1, 0.9, 4)
        return np.array(list(product(line, repeat=3)))

    def problem(self) -> Problem:
        """The equation."""
        config = self.config
        return heat_problem(
            ("x", "y", "z"),
            self._centers,
            config.source_radius,
            config.end_time,
            config.k_range,
            config.P_range,
            config.points,
        )

    def solution(self, points: Float[np.ndarray, "n 6"]) -> Float[np.ndarray, " n"]:
        """The series at scattered points."""
        return heat_truth(points, self._centers, self.config.source_radius)
