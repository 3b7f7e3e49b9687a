"""A problem in chosen spaces: which functions each coordinate has, and all loads as products of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import MASS, ONE, PARAMETER, TIME, ZERO, Factor, Form, Load, Problem, Term, Variable
from binn_cli.errors import DataError
from binn_cli.models.galerkin.forms import Assembly, is_stiffness, is_time_derivative
from binn_cli.models.galerkin.spaces import Broken, Chidenn, Space, Spline

BASES = ("spline", "hat", "chidenn")

LIFT = 2
"""By how much the degree of a richer space is higher."""

PARAMETER_STEP = 5
"""By how much the degree in parameters rises where the points along other coordinates do."""


@dataclass(frozen=True)
class Resolution:
    """How fine the spaces are.

    Attributes:
        points: breakpoints along every coordinate of space and time.
        basis: functions of space, one of `BASES`.
        degree: of the splines; of `chidenn` about the degree that its patches reproduce.
        time_degree: of the discontinuous polynomials in time.
        parameter_degree: of the polynomials in parameters.
    """

    points: int
    basis: str = "spline"
    degree: int = 6
    time_degree: int = 4
    parameter_degree: int = 15

    @property
    def finer(self) -> Resolution:
        """Half the width of intervals, and a higher degree in parameters."""
        return replace(self, points=2 * self.points - 1, parameter_degree=self.parameter_degree + PARAMETER_STEP)

    def richer(self, points: int, parameter_degree: int) -> Resolution:
        """Splines of a higher degree, whatever the basis is, for so many breakpoints."""
        degree = {"hat": 1, "chidenn": 2 * max(1, self.degree // 2) + 1}.get(self.basis, self.degree)
        return Resolution(points, "spline", degree + LIFT, self.time_degree + 1, parameter_degree)

    def space(self, variable: Variable) -> Space:
        """The functions of a coordinate."""
        share = np.linspace(0.0, 1.0, self.points) ** variable.fine_at_low
        breakpoints = variable.low + (variable.high - variable.low) * share
        breakpoints[-1] = variable.high
        if variable.kind == PARAMETER:
            return Broken(breakpoints[[0, -1]], self.parameter_degree)
        if variable.kind == TIME:
            return Broken(breakpoints, self.time_degree)
        dropped = (variable.ends[0] == ZERO, variable.ends[1] == ZERO)
        if self.basis == "chidenn":
            return Chidenn(breakpoints, max(1, self.degree // 2), dropped)
        return Spline(breakpoints, 1 if self.basis == "hat" else self.degree, dropped)


@dataclass(frozen=True)
class Loaded:
    """A product of vectors on the right-hand side.

    Attributes:
        coefficient: what the product is multiplied by.
        vectors: by variable, without time.
        time: the function of time; None for the initial value, or where there is no time.
    """

    coefficient: float
    vectors: Mapping[str, Float[np.ndarray, " n"]]
    time: Factor | None


@dataclass(frozen=True)
class System:
    """A problem in spaces of a resolution."""

    problem: Problem
    resolution: Resolution

    @cached_property
    def assemblies(self) -> dict[str, Assembly]:
        """The forms of every coordinate, by name and in order."""
        return {
            variable.name: Assembly(variable, self.resolution.space(variable)) for variable in self.problem.variables
        }

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The functions of every coordinate, in order."""
        return tuple(assembly.space for assembly in self.assemblies.values())

    @property
    def unknowns(self) -> int:
        """How many products of basis functions there are; the solution needs far fewer numbers."""
        return int(np.prod([float(space.size) for space in self.spaces]).clip(max=2.0**62))

    def form(self, term: Term, name: str) -> Form:
        """The form of a term along a coordinate."""
        return term.forms.get(name, MASS)

    def forms(self, name: str) -> tuple[Form, ...]:
        """The different forms along a coordinate, in the order of the terms."""
        return tuple(dict.fromkeys(self.form(term, name) for term in self.problem.operator))

    @cached_property
    def loads(self) -> tuple[Loaded, ...]:
        """Sources, then what the values on the boundary and at the start add."""
        found = [self._of_source(load) for load in self.problem.source]
        for face in self.problem.faces:
            for term in self.problem.operator:
                if is_stiffness(self.form(term, face.variable)):
                    found += [self._of_face(face.variable, face.end, term, load) for load in face.loads]
        time = self.problem.time
        if time is not None:
            derivatives = [term for term in self.problem.operator if is_time_derivative(self.form(term, time.name))]
            found += [self._of_start(time.name, term, load) for term in derivatives for load in self.problem.initial]
        return tuple(load for load in found if load.coefficient)

    def time_vector(self, load: Loaded) -> Float[np.ndarray, " n"]:
        """The vector of a load along time."""
        assert self.problem.time is not None
        assembly = self.assemblies[self.problem.time.name]
        return assembly.initial_load() if load.time is None else assembly.load(load.time)

    @property
    def _others(self) -> list[str]:
        return [variable.name for variable in self.problem.variables if variable.kind != TIME]

    def _time_factor(self, load: Load) -> Factor | None:
        time = self.problem.time
        return None if time is None else load.factors.get(time.name, ONE)

    def _of_source(self, load: Load) -> Loaded:
        vectors = {name: self.assemblies[name].load(load.factors.get(name, ONE)) for name in self._others}
        return Loaded(load.coefficient, vectors, self._time_factor(load))

    def _of_face(self, name: str, end: int, term: Term, load: Load) -> Loaded:
        time = self.problem.time
        if time is not None and self.form(term, time.name) != MASS:
            raise DataError("a flux through the boundary must not be differentiated in time")
        vectors = {
            other: self.assemblies[other].boundary_load(end, self.form(term, other))
            if other == name
            else self.assemblies[other].applied(self.form(term, other), load.factors.get(other, ONE))
            for other in self._others
        }
        return Loaded(term.coefficient * load.coefficient, vectors, self._time_factor(load))

    def _of_start(self, time: str, term: Term, load: Load) -> Loaded:
        vectors = {
            other: self.assemblies[other].applied(self.form(term, other), load.factors.get(other, ONE))
            for other in self._others
        }
        return Loaded(term.coefficient * load.coefficient, vectors, None)
