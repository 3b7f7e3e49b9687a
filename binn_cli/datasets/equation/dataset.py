"""The data set `equation`: what a user's equation says, and its exact solution where the user knows it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import EquationConfig
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.equation.expressions import Formulas, valued
from binn_cli.datasets.equation.statement import stated
from binn_cli.datasets.problem import Problem
from binn_cli.datasets.product import ProductData
from binn_cli.errors import ConfigError


class Equation(ClosedForm):
    """An equation for task=solve; with an exact solution also random points to learn from."""

    name = "equation"

    def __init__(self, config: EquationConfig, seed: int) -> None:
        """The formulas are read, nothing is solved."""
        super().__init__(config, seed)
        self.config = config

    @cached_property
    def _problem(self) -> Problem:
        return stated(self.config)

    def problem(self) -> Problem:
        """The equation.

        Raises:
            ConfigError: if a formula cannot be used.
        """
        return self._problem

    def truth(self, points: int, seed: int) -> ProductData | None:
        """The exact solution at random points, where the user states it."""
        return super().truth(points, seed) if self.config.exact else None

    def solution(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
        """The exact solution at scattered points.

        Raises:
            ConfigError: if nobody has stated it.
        """
        if not self.config.exact:
            problem = "state the exact solution, or take task=solve: without one there is nothing to learn from"
            raise ConfigError("dataset.exact", problem)
        names = tuple(self.config.ranges)
        tree = Formulas("dataset.exact", names).read(self.config.exact)
        found = np.asarray(valued(tree, dict(zip(names, points.T, strict=True))), dtype=float)
        return np.broadcast_to(found, (len(points),)).copy()
