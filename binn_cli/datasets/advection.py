"""A pulse that is carried along: the equation of advection, its speed a coordinate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import AdvectionConfig
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.problem import (
    DERIVATIVE,
    FREE,
    INFLOW,
    MASS,
    PARAMETER,
    SPACE,
    TIME,
    Factor,
    Load,
    Problem,
    Term,
    Variable,
    coordinate,
)

PARAMETER_DEGREE = 35
"""A pulse that has moved over many of its widths is no simple function of its speed."""


class Advection(ClosedForm):
    """u_t + c u_x = 0 on [0, 1] with a Gaussian pulse at t = 0 and nothing coming in; inputs x, t and c, random points
    for learning."""

    name = "advection"

    def __init__(self, config: AdvectionConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        super().__init__(config, seed)
        self.config = config

    def problem(self) -> Problem:
        """The equation."""
        low, high = self.config.c_range
        pulse = Factor("pulse", self._pulse)
        return Problem(
            variables=(
                Variable("x", 0.0, 1.0, SPACE, (INFLOW, FREE)),
                Variable("t", 0.0, self.config.end_time, TIME),
                Variable("c", low, high, PARAMETER),
            ),
            operator=(Term({"t": DERIVATIVE}), Term({"x": DERIVATIVE, "c": MASS.weighted(coordinate("c"))})),
            source=(),
            initial=(Load({"x": pulse}),),
            points=self.config.points,
            parameter_degree=PARAMETER_DEGREE,
        )

    def _pulse(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        return np.exp(-0.5 * ((x - self.config.pulse_center) / self.config.pulse_width) ** 2)

    def solution(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """The pulse where it is by then."""
        x, t, c = points.T
        return self._pulse(x - c * t)
