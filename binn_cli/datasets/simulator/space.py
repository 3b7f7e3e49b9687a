"""The parameters of a solver: their ranges, scales and choices, and cases as rows of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.config.schema.parameters import Specification
from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.cases import Value
from binn_cli.errors import DataError

TOLERANCE = 1e-9
"""Share of a range by which a value may miss it or another value and still count as inside, or as the same."""


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name, of any letters.
        low, high: the ends of its range; of choices that are texts, 0 and their number less 1.
        log: whether its logarithm is what varies evenly.
        integer: whether it is a whole number.
        choices: all its values, where there are only these.
        unit: its unit, empty where it has none.
    """

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False
    choices: tuple[Value, ...] = ()
    unit: str = ""

    @classmethod
    def of(cls, name: str, given: Specification) -> Parameter:
        """The parameter of a canonical specification."""
        if "choice" in given:
            choices = tuple(given["choice"])
            numbers = not any(isinstance(choice, str) for choice in choices)
            values = [float(choice) for choice in choices] if numbers else [0.0, len(choices) - 1.0]
            return cls(name, min(values), max(values), choices=choices, unit=given["unit"])
        low, high = given["range"]
        return cls(name, low, high, given["log"], given["integer"], unit=given["unit"])

    @property
    def has_texts(self) -> bool:
        """Whether its values are texts, which stand in tables of numbers as their places among the choices."""
        return any(isinstance(choice, str) for choice in self.choices)

    @cached_property
    def levels(self) -> Float[np.ndarray, " n"] | None:
        """Its values as numbers, where there are only some; None for a range of real numbers."""
        if self.has_texts:
            return np.arange(len(self.choices), dtype=float)
        if self.choices:
            return np.array(self.choices, dtype=float)
        return np.arange(self.low, self.high + 1) if self.integer and self.high - self.low < 1e6 else None

    def at(self, unit: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Values for numbers from 0 to 1, equally spread over the range or over the choices."""
        if self.choices:
            levels = self.levels
            assert levels is not None
            return levels[np.minimum((unit * len(levels)).astype(int), len(levels) - 1)]
        low, high = (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)
        if self.log:
            low = max(low, self.low * 0.5)
            values = np.exp(math.log(low) + (math.log(high) - math.log(low)) * unit)
        else:
            values = low + (high - low) * unit
        return np.clip(np.rint(values) if self.integer else values, self.low, self.high)

    def unit_of(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Values as numbers from 0 to 1 along the scale of the parameter."""
        if self.log:
            return (np.log(values) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (values - self.low) / (self.high - self.low)

    def told(self, value: float) -> Value:
        """What the solver is told for a number of a table."""
        if self.has_texts:
            return self.choices[round(value)]
        if self.choices:
            return min(self.choices, key=lambda choice: abs(float(choice) - value))
        return round(value) if self.integer else float(value) + 0.0  # -0.0 and 0.0 are one case

    def read(self, value: object) -> float:
        """The number for what a user or a file says.

        Raises:
            DataError: if it is none of the choices, no number, not whole where it must be, or outside the range.
        """
        if self.has_texts:
            for place, choice in enumerate(self.choices):
                if str(choice) == str(value).strip():
                    return float(place)
            raise DataError(f"{self.name!r} is {value!r}, which is not one of {', '.join(map(str, self.choices))}")
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(f"{self.name!r} is {value!r}, which is not a number")
        slack = TOLERANCE * (self.high - self.low)
        if not self.low - slack <= number <= self.high + slack:
            raise DataError(f"{self.name!r} is {number:.12g}, outside its range [{self.low:g}, {self.high:g}]")
        if self.levels is None:
            return min(max(number, self.low), self.high)
        nearest = float(self.levels[np.argmin(np.abs(self.levels - number))])
        if abs(nearest - number) > slack:
            allowed = "a whole number" if self.integer else f"one of {', '.join(map(str, self.choices))}"
            raise DataError(f"{self.name!r} is {number:.12g}, which is not {allowed}")
        return nearest


@dataclass(frozen=True)
class Space:
    """All parameters of a solver, in the order in which the user names them."""

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, given: Mapping[str, Specification]) -> Space:
        """The parameters of canonical specifications."""
        return cls(tuple(Parameter.of(name, spec) for name, spec in given.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names."""
        return tuple(parameter.name for parameter in self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def bounds(self) -> Float[np.ndarray, "D 2"]:
        """The ends of every range."""
        return np.array([[parameter.low, parameter.high] for parameter in self.parameters])

    def axis(self, points: Float[np.ndarray, "n D"]) -> Axis:
        """Cases as the axis of a data set; the unit of a parameter with texts says what its numbers stand for."""
        units = [
            ", ".join(f"{i} = {text}" for i, text in enumerate(p.choices)) if p.has_texts else p.unit
            for p in self.parameters
        ]
        return Axis("case", points, self.names, tuple(units))

    def at(self, unit: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
        """Cases for points of the unit cube."""
        return np.column_stack(
            [parameter.at(column) for parameter, column in zip(self.parameters, unit.T, strict=True)]
        )

    def unit_of(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
        """Cases as points of the unit cube."""
        return np.column_stack(
            [parameter.unit_of(column) for parameter, column in zip(self.parameters, points.T, strict=True)]
        )

    def told(self, point: Float[np.ndarray, " D"]) -> dict[str, Value]:
        """What the solver is told of one case."""
        return {
            parameter.name: parameter.told(float(value))
            for parameter, value in zip(self.parameters, point, strict=True)
        }

    def read(self, row: Mapping[str, Any]) -> Float[np.ndarray, " D"]:
        """The case that a row of a file describes; other columns are passed over.

        Raises:
            DataError: if a parameter is missing or its value cannot be used.
        """
        missing = [name for name in self.names if name not in row]
        if missing:
            raise DataError(f"there is no column {missing[0]!r}; every parameter needs one: {', '.join(self.names)}")
        return np.array([parameter.read(row[parameter.name]) for parameter in self.parameters])

    def same(self, points: Float[np.ndarray, "n D"], point: Float[np.ndarray, " D"]) -> Bool[np.ndarray, " n"]:
        """Which cases are the given one, but for what is lost when numbers are printed."""
        spans = self.bounds[:, 1] - self.bounds[:, 0]
        return np.asarray(np.all(np.abs(points - point) <= TOLERANCE * spans, axis=1))


def columns_of(space: Space, points: Sequence[Float[np.ndarray, " D"]]) -> dict[str, list[Value]]:
    """What the solver is told of several cases, parameter by parameter."""
    rows = [space.told(np.asarray(point)) for point in points]
    return {name: [row[name] for row in rows] for name in space.names}
