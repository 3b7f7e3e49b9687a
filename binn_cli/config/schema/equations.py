"""The schemas of the data sets that are solutions of an equation, and of the model that solves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, interval, one_of, points_of_space, positive, shown, within
from binn_cli.errors import ConfigError

ENDS = ("zero", "free", "inflow")
BASES = ("spline", "hat", "chidenn")
METHODS = ("auto", "diagonal", "alternating")


def _scattered(config: Any) -> None:
    at_least("dataset.points", config.points, 3)
    at_least("dataset.n_train", config.n_train, 2)
    at_least("dataset.n_test", config.n_test, 2)
    at_least("dataset.initial_cases", config.initial_cases, 2)


@dataclass
class PoissonNdConfig:
    """conf/dataset/poisson_nd.yaml"""

    name: str = "poisson_nd"
    dimensions: int = 5
    points: int = 32
    n_train: int = 500
    n_test: int = 2000
    initial_cases: int = 20

    def __post_init__(self) -> None:
        at_least("dataset.dimensions", self.dimensions, 1)
        _scattered(self)


@dataclass
class Heat3dConfig:
    """conf/dataset/heat3d.yaml"""

    name: str = "heat3d"
    points: int = 101
    end_time: float = 0.04
    k_range: list[float] = field(default_factory=lambda: [1.0, 4.0])
    P_range: list[float] = field(default_factory=lambda: [100.0, 200.0])
    source_centers: Any = None
    source_radius: float = 0.05
    n_train: int = 2000
    n_test: int = 2000
    initial_cases: int = 50

    def __post_init__(self) -> None:
        _scattered(self)
        positive("dataset.end_time", self.end_time)
        interval("dataset.k_range", self.k_range)
        interval("dataset.P_range", self.P_range)
        conductivity("dataset.k_range", self.k_range)
        positive("dataset.source_radius", self.source_radius)
        if self.source_centers is not None:
            self.source_centers = points_of_space("dataset.source_centers", self.source_centers, 3)


def conductivity(key: str, value: list[float]) -> None:
    """Require a range of conductivities that does not reach zero, where heat would not flow or flow to where it is
    hotter."""
    if value[0] <= 0:
        raise ConfigError(
            key,
            f"must be greater than 0 at both ends, not {list(value)}: with k of 0 or less the equation has no solution",
        )


@dataclass
class HelmholtzConfig:
    """conf/dataset/helmholtz.yaml"""

    name: str = "helmholtz"
    points: int = 65
    wave_number: float = 20.0
    source_center: list[float] = field(default_factory=lambda: [0.35, 0.4])
    source_radius: float = 0.1
    n_train: int = 1000
    n_test: int = 2000
    initial_cases: int = 20

    def __post_init__(self) -> None:
        _scattered(self)
        positive("dataset.wave_number", self.wave_number)
        within("dataset.wave_number", self.wave_number, 0, 300)
        positive("dataset.source_radius", self.source_radius)
        if len(self.source_center) != 2 or not all(map(math.isfinite, self.source_center)):
            raise ConfigError("dataset.source_center", f"must be a point [x, y], not {list(self.source_center)}")


@dataclass
class AdvectionConfig:
    """conf/dataset/advection.yaml"""

    name: str = "advection"
    points: int = 101
    end_time: float = 0.4
    c_range: list[float] = field(default_factory=lambda: [0.5, 1.5])
    pulse_center: float = 0.3
    pulse_width: float = 0.04
    n_train: int = 1000
    n_test: int = 2000
    initial_cases: int = 20

    def __post_init__(self) -> None:
        _scattered(self)
        positive("dataset.end_time", self.end_time)
        interval("dataset.c_range", self.c_range)
        if self.c_range[0] <= 0:
            problem = (
                f"must be greater than 0 at both ends, not {list(self.c_range)}: nothing comes in at x = 0 unless the "
                "flow enters there"
            )
            raise ConfigError("dataset.c_range", problem)
        positive("dataset.pulse_width", self.pulse_width)
        least = 6.5 * self.pulse_width
        if self.pulse_center < least:
            problem = (
                f"must be at least 6.5 pulse widths ({least:g}), so that the pulse is zero where the flow enters, not "
                f"{self.pulse_center}"
            )
            raise ConfigError("dataset.pulse_center", problem)


def _rod() -> list[Any]:
    return [["x", 0.0, 1.0], ["t", 0.0, 0.1], ["k", 1.0, 2.0]]


@dataclass
class EquationConfig:
    """conf/dataset/equation.yaml"""

    name: str = "equation"
    unknown: str = "u"
    variables: list[Any] = field(default_factory=_rod)
    time: str = "t"
    parameters: list[str] = field(default_factory=lambda: ["k"])
    operator: list[str] = field(default_factory=lambda: ["d(u,t)", "-k*d(u,x,x)"])
    source: list[str] = field(default_factory=list)
    initial: list[str] = field(default_factory=lambda: ["sin(pi*x)"])
    boundary: list[Any] = field(default_factory=list)
    exact: str = "exp(-pi**2*k*t)*sin(pi*x)"
    points: int = 33
    n_train: int = 500
    n_test: int = 2000
    initial_cases: int = 20

    def __post_init__(self) -> None:
        _scattered(self)
        self.variables = [_named("dataset.variables", item, "[x, 0, 1]") for item in self.variables]
        for name, *ends in self.variables:
            interval(f"dataset.variables: {name}", ends)
            if not name.isidentifier() or name in (self.unknown, "d", "e", "pi"):
                raise ConfigError("dataset.variables", f'"{name}" cannot name a coordinate; take another word')
        if not self.variables or len(self.ranges) < len(self.variables):
            raise ConfigError("dataset.variables", "must be a list of coordinates with different names")
        for key, names in (("time", [self.time] if self.time else []), ("parameters", self.parameters)):
            for name in names:
                if name not in self.ranges:
                    known = ", ".join(self.ranges)
                    raise ConfigError(f"dataset.{key}", f'"{name}" is no coordinate; there are {known}')
        if not self.operator:
            raise ConfigError("dataset.operator", 'must have a term, such as ["-d(u,x,x)"]')
        self.boundary = [_named("dataset.boundary", item, "[x, zero, free]") for item in self.boundary]
        for name, *both in self.boundary:
            if name not in self.ranges or name == self.time or name in self.parameters:
                raise ConfigError("dataset.boundary", f'"{name}" is no coordinate of space')
            for end in both:
                one_of("dataset.boundary", end, ENDS)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Low and high end of every coordinate."""
        return {name: (float(low), float(high)) for name, low, high in self.variables}

    @property
    def ends(self) -> dict[str, tuple[str, str]]:
        """What holds at the ends of coordinates of which something is said."""
        return {name: (low, high) for name, low, high in self.boundary}


def _named(key: str, item: Any, example: str) -> list[Any]:
    """A name with two values."""
    if isinstance(item, str) or not isinstance(item, Sequence) or len(item) != 3 or not isinstance(item[0], str):
        raise ConfigError(key, f"must be a list of items such as {example}, not {shown(item)}")
    return list(item)


@dataclass
class GalerkinConfig:
    """conf/model/galerkin.yaml"""

    name: str = "galerkin"
    points: int | None = None
    basis: str = "spline"
    degree: int = 6
    time_degree: int = 4
    parameter_degree: int | None = None
    method: str = "auto"
    rank_tolerance: float = 1e-11
    tolerance: float = 1e-11

    def __post_init__(self) -> None:
        if self.points is not None:
            at_least("model.points", self.points, 3)
        one_of("model.basis", self.basis, BASES)
        one_of("model.method", self.method, METHODS)
        within("model.degree", self.degree, 1, 12)
        within("model.time_degree", self.time_degree, 0, 12)
        if self.parameter_degree is not None:
            within("model.parameter_degree", self.parameter_degree, 1, 60)
        within("model.rank_tolerance", self.rank_tolerance, 1e-15, 0.1)
        within("model.tolerance", self.tolerance, 1e-14, 0.1)
