"""Matrices and vectors of one-dimensional forms in a space, by quadrature that is exact for polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import DERIVATIVE, INFLOW, MASS, STIFFNESS, VALUE, Factor, Form, Variable
from binn_cli.errors import DataError
from binn_cli.models.galerkin.spaces import Broken, Space, quadrature

EXTRA = 8
"""Points of quadrature in every interval beyond what polynomials need, for weights and sources that are none."""

PENALTY = 2.0
"""Nitsche's penalty over the least one with which the form is positive definite."""


@dataclass(frozen=True)
class Assembly:
    """The forms of one coordinate.

    Attributes:
        variable: the coordinate, with what holds at its ends.
        space: the functions.
    """

    variable: Variable
    space: Space

    @cached_property
    def _points(self) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        return quadrature(self.space.breakpoints, self.space.degree + 1 + EXTRA)

    @cached_property
    def _values(self) -> Float[np.ndarray, "q n"]:
        return self.space.values(self._points[0])

    @cached_property
    def _slopes(self) -> Float[np.ndarray, "q n"]:
        return self.space.values(self._points[0], 1)

    @cached_property
    def _known(self) -> dict[tuple[Form, Factor], Float[np.ndarray, " n"]]:
        """Vectors that were computed before."""
        return {}

    @cached_property
    def mass(self) -> Float[np.ndarray, "n n"]:
        """∫ u v dx."""
        return self.matrix(MASS)

    def matrix(self, form: Form) -> Float[np.ndarray, "n n"]:
        """The matrix of a form, rows for test functions; with what the ends and jumps between intervals add.

        Raises:
            DataError: if the space cannot hold the form.
        """
        x, weights = self._points
        trial, test = (self._slopes if order else self._values for order in (form.trial, form.test))
        found = test.T @ ((weights * self._weight(form, x))[:, None] * trial)
        if form.trial == form.test == 1:
            return found + self._nitsche(form.weight)
        if (form.trial, form.test) == (1, 0):
            return found + (self._jumps(form.weight) if isinstance(self.space, Broken) else self._inflow(form.weight))
        return found

    def load(self, factor: Factor) -> Float[np.ndarray, " n"]:
        """∫ f v dx."""
        return self.applied(MASS, factor)

    def projected(self, factor: Factor) -> Float[np.ndarray, " n"]:
        """Coefficients of the function of the space that is nearest to f."""
        return np.linalg.solve(self.mass, self.load(factor))

    def applied(self, form: Form, factor: Factor) -> Float[np.ndarray, " n"]:
        """The form with f for the unknown, which it must not differentiate.

        Raises:
            DataError: if it does.
        """
        if form.trial:
            raise DataError(
                f"values on the boundary need a form that does not differentiate u along {self.variable.name}"
            )
        if (form, factor) not in self._known:
            x, weights = self._points
            test = self._slopes if form.test else self._values
            product = self._weight(form, x) * self._weight(Form(weight=factor), x)
            self._known[form, factor] = test.T @ (weights * product)
        return self._known[form, factor]

    def boundary_load(self, end: int, form: Form) -> Float[np.ndarray, " n"]:
        """What a value of one at an end adds to the right-hand side of a stiffness form (Nitsche's method)."""
        value, slope, penalty, weight = self._end(end, form.weight)
        return penalty * value - weight * slope

    def initial_load(self) -> Float[np.ndarray, " n"]:
        """What an initial value of one adds to the right-hand side of a time derivative."""
        first = self.space.breakpoints[:1]
        return self.space.values(first)[0]

    def _weight(self, form: Form, x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        values = form.weight(x)
        if not np.isfinite(values).all():
            at = x[~np.isfinite(values)][0]
            raise DataError(
                f'"{form.weight.text}" has no finite value at {self.variable.name} = {at:.6g}; choose another range'
            )
        return values

    def _end(self, end: int, weight: Factor) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], float, float]:
        """Values and outward slopes of the basis at an end, the penalty there, and the weight."""
        points = self.space.breakpoints
        at = points[[0]] if end == 0 else points[[-1]]
        value, slope = self.space.values(at)[0], self.space.values(at, 1)[0] * (1 if end else -1)
        width = np.diff(points)[-1 if end else 0]
        inside = np.linspace(at[0], at[0] + width * (-1 if end else 1), 9)
        # The inverse inequality q(end)² ≤ (k + 1)² / h ∫ q² for polynomials of degree k (Warburton and Hesthaven,
        # 2003).
        penalty = PENALTY * self.space.degree**2 / width * float(np.max(weight(inside)))
        return value, slope, penalty, float(weight(at)[0])

    def _nitsche(self, weight: Factor) -> Float[np.ndarray, "n n"]:
        added = np.zeros((self.space.size, self.space.size))
        for end in (0, 1):
            if self.variable.ends[end] == VALUE:
                value, slope, penalty, at_end = self._end(end, weight)
                flux = at_end * np.outer(value, slope)
                added += penalty * np.outer(value, value) - flux - flux.T
        return added

    def _inflow(self, weight: Factor) -> Float[np.ndarray, "n n"]:
        """Zero where the flow comes in, weakly; the derivative along a continuous space is then dissipative at both
        ends."""
        added = np.zeros((self.space.size, self.space.size))
        for end, outward in ((0, -1.0), (1, 1.0)):
            if self.variable.ends[end] == INFLOW:
                at = self.space.breakpoints[[0]] if end == 0 else self.space.breakpoints[[-1]]
                value, flow = self.space.values(at)[0], outward * float(weight(at)[0])
                added -= min(flow, 0.0) * np.outer(value, value)
        return added

    def _jumps(self, weight: Factor) -> Float[np.ndarray, "n n"]:
        """Upwind jumps of a discontinuous space, that from the initial value included."""
        assert isinstance(self.space, Broken)
        points, count = self.space.breakpoints, len(self.space.breakpoints) - 1
        if np.min(weight(points)) < 0:
            raise DataError(f'the flow "{weight.text}" along {self.variable.name} must not turn back')
        block = self.space.degree + 1
        added = np.zeros((self.space.size, self.space.size))
        numbers = np.arange(count)
        after = self.space.local(points[:-1], interval=numbers)
        before = self.space.local(points[1:], interval=numbers)
        for number, size in enumerate(weight(points[:-1])):
            own = slice(number * block, (number + 1) * block)
            added[own, own] += size * np.outer(after[number], after[number])
            if number:
                added[own, own.start - block : own.start] -= size * np.outer(after[number], before[number - 1])
        return added


def is_time_derivative(form: Form) -> bool:
    """Whether a form along time is the derivative."""
    return (form.trial, form.test) == (DERIVATIVE.trial, DERIVATIVE.test)


def is_stiffness(form: Form) -> bool:
    """Whether a form has a flux through the ends."""
    return (form.trial, form.test) == (STIFFNESS.trial, STIFFNESS.test)
