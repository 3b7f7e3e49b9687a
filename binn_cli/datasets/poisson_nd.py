"""Poisson's equation in any number of dimensions with a sum of sines for its solution: INN-TD's example of high
dimension."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import PoissonNdConfig
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.problem import SPACE, STIFFNESS, VALUE, Face, Factor, Load, Problem, Term, Variable

SINE = Factor("sin(pi x / 2)", lambda x: np.sin(np.pi * x / 2))


class PoissonNd(ClosedForm):
    """−Δu = (π²/4) Σ_i sin(π x_i / 2) on [0, 1]^D, with the values of u = Σ_i sin(π x_i / 2) on the whole boundary.

    The values are zero on no side, so that the equation must honour functions on 2 D sides; random points for learning.
    """

    name = "poisson_nd"

    def __init__(self, config: PoissonNdConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        super().__init__(config, seed)
        self.config = config

    def problem(self) -> Problem:
        """The equation, its boundary values by face."""
        names = [f"x{number}" for number in range(1, self.config.dimensions + 1)]
        faces = []
        for name in names:
            others = tuple(Load({other: SINE}) for other in names if other != name)
            faces += [Face(name, 0, others), Face(name, 1, (*others, Load({})))]
        return Problem(
            variables=tuple(Variable(name, 0.0, 1.0, SPACE, (VALUE, VALUE)) for name in names),
            operator=tuple(Term({name: STIFFNESS}) for name in names),
            source=tuple(Load({name: SINE}, np.pi**2 / 4) for name in names),
            faces=tuple(faces),
            points=self.config.points,
        )

    def solution(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
        """u at scattered points."""
        return np.sin(np.pi * points / 2).sum(axis=1)
