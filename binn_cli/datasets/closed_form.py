"""Data sets whose values come from a formula at scattered points, and that also are the solution of an equation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.problem import Problem, random_points
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream


class ScatteredConfig(Protocol):
    """What the configurations of these data sets have in common."""

    name: str
    n_train: int
    n_test: int
    initial_cases: int


class ClosedForm(ABC):
    """Random points of a box with the exact solution of an equation; each training point is a case of its own.

    A data set states `problem` and `solution`. The first points of a larger training set are those of a smaller one.
    """

    name = ""
    size_parameter = "n_train"
    note = ""

    def __init__(self, config: ScatteredConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        self._points_config = config
        self.seed = seed
        self.initial_cases = config.initial_cases

    @abstractmethod
    def problem(self) -> Problem:
        """The equation."""

    @abstractmethod
    def solution(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
        """The exact solution at scattered points."""

    @cached_property
    def candidates(self) -> Axis:
        """The training points, uniform in the domain."""
        return self._points("train", self._points_config.n_train)

    @property
    def held_out(self) -> tuple[int, ...]:
        """No row: the test points are drawn apart from the training points."""
        return ()

    @cached_property
    def order(self) -> Int[np.ndarray, " n"]:
        """A random order of all training points, for active learning."""
        order = stream(self.seed, f"{self.name} order").permutation(self._points_config.n_train)
        order.flags.writeable = False
        return order

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The solution at the given training points."""
        return self._valued(self.candidates.taken(np.asarray(cases, dtype=int)))

    def training(self, announce: Announce = silent) -> ProductData:
        """All training points, as drawn."""
        return self._valued(self.candidates)

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: other random points of the domain."""
        return {"test": self._valued(self._points("test", self._points_config.n_test))}

    def truth(self, points: int, seed: int) -> ProductData | None:
        """The exact solution at random points of the whole domain."""
        return self._valued(self._points("truth", points, seed))

    def _points(self, split: str, n: int, seed: int | None = None) -> Axis:
        problem = self.problem()
        unit = stream(self.seed if seed is None else seed, f"{self.name} {split}").random((n, len(problem.variables)))
        return Axis("point", random_points(problem, unit), problem.inputs)

    def _valued(self, points: Axis) -> ProductData:
        return ProductData((points,), self.solution(points.points)[:, None], (self.problem().output,))
