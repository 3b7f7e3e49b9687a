"""What may be an input: coordinates and normals of a point, flight condition and planform of a case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.blendednet.cache import POINT_COORDINATES
from binn_cli.datasets.blendednet.selection import Case
from binn_cli.datasets.blendednet.tables import FLIGHT_CONDITIONS, GEOMETRY_PARAMETERS
from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError, DataError

LOG_REYNOLDS = "log10_Re"
"""The Reynolds numbers of the cases span a decade, and friction goes with a power of them."""

CASE_COORDINATES = {LOG_REYNOLDS: "", **FLIGHT_CONDITIONS, "beta_deg": "deg", **GEOMETRY_PARAMETERS}
"""Inputs that a whole case has in common, with their units."""


@dataclass(frozen=True)
class Inputs:
    """The chosen inputs.

    Attributes:
        of_points: names of those that differ from point to point.
        of_cases: names of those that differ from case to case.
    """

    of_points: tuple[str, ...]
    of_cases: tuple[str, ...]

    @classmethod
    def chosen(cls, names: Sequence[str]) -> Inputs:
        """The inputs in the order of the configuration.

        Raises:
            ConfigError: if either kind is missing, or a point's input stands behind a case's.
        """
        points = tuple(name for name in names if name in POINT_COORDINATES)
        cases = tuple(name for name in names if name in CASE_COORDINATES)
        if not points or not cases:
            kind = (
                "coordinate, such as x" if not points else "flight condition or geometry parameter, such as alpha_deg"
            )
            raise ConfigError("dataset.inputs", f"needs at least one {kind}")
        # One order for both layouts: a list with one length a coordinate must mean the same where meshes are shared and
        # where not.
        if (*points, *cases) != tuple(names):
            problem = "must name coordinates and normals first, then flight conditions and geometry parameters, as in"
            raise ConfigError("dataset.inputs", f"{problem} [{', '.join((*points, *cases))}]")
        return cls(points, cases)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, those of points first."""
        return (*self.of_points, *self.of_cases)

    @property
    def units(self) -> tuple[str, ...]:
        """The units of `names`."""
        points = tuple("m" if POINT_COORDINATES[name][0] == "points" else "" for name in self.of_points)
        return (*points, *(CASE_COORDINATES[name] for name in self.of_cases))

    def point_axis(self, coordinates: Float[np.ndarray, "n K"]) -> Axis:
        """The axis of the points of a mesh that all cases share."""
        return Axis("point", coordinates, self.of_points, self.units[: len(self.of_points)])

    def case_axis(self, cases: Sequence[Case]) -> Axis:
        """The axis of the cases."""
        return Axis(
            "case", np.array([self.of_case(case) for case in cases]), self.of_cases, self.units[len(self.of_points) :]
        )

    def scattered_axis(self, table: Float[np.ndarray, "N D"]) -> Axis:
        """The axis of scattered points, each with the inputs of its case behind its own."""
        return Axis("point", table, self.names, self.units)

    def of_case(self, case: Case) -> list[float]:
        """The inputs that the points of a case share.

        Raises:
            DataError: if the table lacks `beta_deg`, which not every archive has.
        """
        known = {**case.row.conditions, **case.geometry, LOG_REYNOLDS: math.log10(case.row.conditions["Re"])}
        if missing := [name for name in self.of_cases if name not in known]:
            raise DataError(
                f"{case.where}: the table has no column {missing[0]} for it; leave {missing[0]} out of dataset.inputs"
            )
        return [known[name] for name in self.of_cases]
