"""What a partial differential equation says, as sums of products of one-dimensional forms: all that solving it without
data needs.

The unknown u(x_1, …, x_D) satisfies, for every product v of test functions,

    Σ_t c_t Π_d ∫ w_td(x_d) ∂^i u ∂^j v dx_d  =  Σ_s c_s Π_d ∫ f_sd(x_d) v dx_d.

Parameters of the equation are coordinates like x and t, without derivatives: one solution answers for every value of
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import ProductData

SPACE, TIME, PARAMETER = "space", "time", "parameter"
ZERO, VALUE, FREE, INFLOW = "zero", "value", "free", "inflow"
ENDS = (ZERO, VALUE, FREE, INFLOW)


@dataclass(frozen=True)
class Factor:
    """A function of one coordinate.

    Attributes:
        text: the formula as people read it; equal texts in one problem are one function.
        function: takes n coordinate values and gives n numbers.
    """

    text: str
    function: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]] = field(compare=False, repr=False)

    def __call__(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The values at n points."""
        return np.broadcast_to(np.asarray(self.function(x), dtype=np.float64), np.shape(x))


ONE = Factor("1", np.ones_like)


def coordinate(name: str) -> Factor:
    """The coordinate itself."""
    return Factor(name, lambda x: x)


@dataclass(frozen=True)
class Form:
    """∫ w ∂^trial u ∂^test v dx over one coordinate.

    Attributes:
        trial: how often the unknown is differentiated, 0 or 1.
        test: how often the test function is, 0 or 1.
        weight: w.
    """

    trial: int = 0
    test: int = 0
    weight: Factor = ONE

    @property
    def symmetric(self) -> bool:
        """Whether u and v may be exchanged."""
        return self.trial == self.test

    def weighted(self, weight: Factor) -> Form:
        """The form with another weight."""
        return Form(self.trial, self.test, weight)


MASS, STIFFNESS, DERIVATIVE = Form(0, 0), Form(1, 1), Form(1, 0)


@dataclass(frozen=True)
class Variable:
    """A coordinate of the unknown.

    Attributes:
        name: its name, an input of the surrogate.
        low, high: its range.
        kind: `space`, `time` (from its low end on, where the initial value holds) or `parameter` (no derivatives).
        ends: what holds at the low and the high end of a spatial coordinate: `zero`, `value` (stated by the problem's
            faces), `inflow` (zero where the flow comes in, for first derivatives), or `free` (no flux).
        fine_at_low: how many times the resolution is crowded towards the low end; 1 for an even one. Time after a
            sudden start has 3.
        unit: empty where it has none.
    """

    name: str
    low: float
    high: float
    kind: str = SPACE
    ends: tuple[str, str] = (FREE, FREE)
    fine_at_low: float = 1.0
    unit: str = ""


@dataclass(frozen=True)
class Term:
    """A product of forms.

    Attributes:
        forms: by variable; `MASS` for those that are not named.
        coefficient: what the product is multiplied by.
    """

    forms: Mapping[str, Form]
    coefficient: float = 1.0


@dataclass(frozen=True)
class Load:
    """A product of functions.

    Attributes:
        factors: by variable; one for those that are not named.
        coefficient: what the product is multiplied by.
    """

    factors: Mapping[str, Factor]
    coefficient: float = 1.0

    def without(self, name: str) -> Load:
        """The load as a function of the other variables."""
        return Load({key: factor for key, factor in self.factors.items() if key != name}, self.coefficient)


@dataclass(frozen=True)
class Face:
    """The value of u on an end of a variable whose end is `value`: a sum of products of functions of the other
    variables."""

    variable: str
    end: int
    loads: tuple[Load, ...]


@dataclass(frozen=True)
class Problem:
    """An equation on a box.

    Attributes:
        variables: the D coordinates, in the order of the surrogate's inputs.
        operator: the left-hand side.
        source: the right-hand side.
        output: name of the unknown.
        faces: values on the boundary, for ends that are `value`.
        initial: u at the low end of the time variable, as functions of the others; nothing for zero.
        points: breakpoints along each coordinate unless somebody states another number.
        parameter_degree: of polynomials in parameters, likewise.
    """

    variables: tuple[Variable, ...]
    operator: tuple[Term, ...]
    source: tuple[Load, ...]
    output: str = "u"
    faces: tuple[Face, ...] = ()
    initial: tuple[Load, ...] = ()
    points: int = 33
    parameter_degree: int = 15

    def __post_init__(self) -> None:
        names = set(self.inputs)
        parts: list[Mapping[str, object]] = [term.forms for term in self.operator]
        parts += [
            load.factors
            for load in (*self.source, *self.initial, *(load for face in self.faces for load in face.loads))
        ]
        unknown = {name for part in parts for name in part} - names
        if len(names) != len(self.variables) or unknown or not self.operator:
            raise ValueError(
                f"a problem needs terms and variables of different names, and terms of these: {sorted(names)}, "
                f"{sorted(unknown)}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def domain(self) -> Float[np.ndarray, "D 2"]:
        """Ends of every variable."""
        return np.array([[variable.low, variable.high] for variable in self.variables])

    @property
    def time(self) -> Variable | None:
        """The variable of time, where there is one."""
        return next((variable for variable in self.variables if variable.kind == TIME), None)


@runtime_checkable
class StatesProblem(Protocol):
    """A data set that is the solution of an equation."""

    def problem(self) -> Problem:
        """The equation.

        Raises:
            BinnError: if the configuration asks for one that has no solution.
        """
        ...


@runtime_checkable
class KnowsTruth(Protocol):
    """A data set whose equation has a known solution."""

    def truth(self, points: int, seed: int) -> ProductData | None:
        """The exact solution at random points of the whole domain, as a table of one axis; None if nobody knows it."""
        ...


def random_points(problem: Problem, unit: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Points of the unit cube in the domain of a problem."""
    low, high = problem.domain.T
    return low + (high - low) * unit


def products(sums: Sequence[Sequence[Load]]) -> tuple[Load, ...]:
    """The product of sums of loads that share no variable, multiplied out."""
    found: tuple[Load, ...] = (Load({}),)
    for loads in sums:
        found = tuple(Load({**a.factors, **b.factors}, a.coefficient * b.coefficient) for a in found for b in loads)
    return found
