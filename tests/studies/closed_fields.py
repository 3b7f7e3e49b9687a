"""Fields on a surface for flight conditions, and a heated plate, in closed form: few cases in four parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from binn_cli.config.schema import HeatConfig
from binn_cli.datasets.heat_problem import heat_truth
from binn_cli.datasets.product import Axis, ProductData

Points = Float[np.ndarray, "p 3"]

CONDITIONS = np.array(
    [
        (25.3, 8.015e6, 0.1366, -8.569), (20.32, 4.892e6, 0.2689, 18.99), (37.68, 6.369e6, 0.3365, 0.9863),
        (28.11, 3.585e7, 0.4652, 10.62), (6.404, 1.972e7, 0.2878, 16.13), (10.92, 3.191e7, 0.4039, 11.61),
        (3.604, 9.390e6, 0.4303, 6.183), (32.42, 1.243e7, 0.161, -6.531), (12.89, 3.317e7, 0.2268, -2.766),
        (19.74, 4.683e6, 0.0584, 2.022),
    ]
)  # fmt: skip
"""Altitude in thousands of feet, Reynolds number, Mach number, angle of attack in degrees."""

OTHER_CONDITIONS = np.column_stack(
    [
        4.0 + 34.0 * (u := qmc.LatinHypercube(4, rng=np.random.default_rng(5)).random(10))[:, 0],
        10.0 ** (6.6 + 1.0 * u[:, 1]), 0.06 + 0.4 * u[:, 2], -9.0 + 28.0 * u[:, 3],
    ]
)  # fmt: skip


def wing_points(along: int = 60, across: int = 40) -> Points:
    """Points of a tapered, swept wing of oval sections."""
    angle, span = np.meshgrid(
        np.linspace(0, 2 * np.pi, along, endpoint=False), np.linspace(-1, 1, across), indexing="ij"
    )
    chord = 0.3 + 0.7 * (1 - np.abs(span)) ** 1.4
    x = 0.2 * np.abs(span) + chord * (0.5 + 0.5 * np.cos(angle))
    return np.stack([x, 1.06 * span, 0.07 * chord * np.sin(angle)], axis=-1).reshape(-1, 3)


def body_points(along: int = 60, around: int = 40) -> Points:
    """Points of a slender body of revolution."""
    place, angle = np.meshgrid(
        np.linspace(0.01, 0.99, along), np.linspace(0, 2 * np.pi, around, endpoint=False), indexing="ij"
    )
    radius = 0.12 * np.sqrt(place * (1.0 - place)) * (1.0 + 0.4 * place)
    return np.stack([place, radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1, 3)


def wing_fields(points: Points, condition: Float[np.ndarray, " 4"]) -> dict[str, Float[np.ndarray, " p"]]:
    """Pressure and friction on the wing."""
    _, reynolds, mach, alpha = condition
    angle, swell, (x, y, z) = np.deg2rad(alpha), 1 / np.sqrt(1 - mach**2), points.T
    friction = 0.074 * reynolds**-0.2 * (0.05 + x) ** -0.2
    lift = -1.1 * np.sin(2 * angle) * np.sign(z) * np.exp(-4 * x) * (1 - 0.3 * y**2)
    return {
        "cp": swell * (lift - 0.25 * np.sin(np.pi * x) * (1 - np.abs(y)) + 0.04 * np.cos(3 * y)),
        "cf_x": friction * np.cos(angle) * (1 + 0.1 * mach**2),
        "cf_y": 0.15 * friction * y * (1 + 0.5 * np.sin(angle)),
        "cf_z": friction * np.sin(angle) * (1 - 0.2 * y**2) - 0.1 * friction * np.sign(z),
    }


def body_fields(points: Points, condition: Float[np.ndarray, " 4"]) -> dict[str, Float[np.ndarray, " p"]]:
    """Pressure and friction on the body, with a vortex on the lee side that grows with the angle of attack."""
    altitude, reynolds, mach, alpha = condition
    angle, swell, (x, y, z) = np.deg2rad(alpha), 1 / np.sqrt(1 - mach**2), points.T
    around = np.arctan2(z, y)
    lee = np.sin(angle) ** 2 * np.exp(-8.0 * (x - 0.7) ** 2) * (0.5 + 0.5 * np.sin(around)) ** 2
    friction = 0.455 / np.log10(reynolds) ** 2.58 * (0.1 + x) ** -0.15 * (1 - 0.001 * altitude)
    return {
        "cp": swell * ((1 - 4 * np.sin(angle) * np.sin(around)) * np.exp(-6 * x) - 0.3 * np.sin(np.pi * x) - 1.5 * lee),
        "cf_x": friction * np.cos(angle) / np.sqrt(1 + 0.13 * mach**2),
        "cf_y": friction * np.sin(angle) * np.cos(around) * (0.4 + x),
        "cf_z": friction * np.sin(angle) * np.sin(around) * (0.6 + x) - 0.2 * friction * np.sin(2 * angle) * x**2,
    }


@dataclass(frozen=True)
class Surface:
    """Fields on one mesh for ten flight conditions.

    Attributes:
        points: of the mesh.
        conditions: of the cases.
        fields: of a case.
    """

    points: Points
    conditions: Float[np.ndarray, "10 4"]
    fields: Callable[[Points, Float[np.ndarray, " 4"]], dict[str, Float[np.ndarray, " p"]]]

    def data(self) -> ProductData:
        """Mesh times conditions, with the logarithm of the Reynolds number."""
        found = [self.fields(self.points, condition) for condition in self.conditions]
        values = np.stack([np.stack(list(one.values()), axis=-1) for one in found], axis=1)
        cases = self.conditions.copy()
        cases[:, 1] = np.log10(cases[:, 1])
        axes = (
            Axis("point", self.points, ("x", "y", "z")), Axis("case", cases, ("altitude", "log10_re", "mach", "alpha"))
        )  # fmt: skip
        return ProductData(axes, values, tuple(found[0]))


SURFACES = {
    "wing": Surface(wing_points(), CONDITIONS, wing_fields),
    "body": Surface(body_points(), OTHER_CONDITIONS, body_fields),
}

HEAT_RANGES = np.array([(1.0, 4.0), (100.0, 200.0), (0.05, 0.12), (0.5, 1.5)])
"""Conductivity, strength of the sources, their radius, and the last time over that of `dataset=heat`."""

HEAT_NAMES = ("k", "P", "radius", "end")


def heat_cases(count: int, seed: int) -> Float[np.ndarray, "n 4"]:
    """Cases at random."""
    low, high = HEAT_RANGES.T
    return low + (high - low) * np.random.default_rng(seed).random((count, 4))


def heat_data(cases: Float[np.ndarray, "n 4"], grid: int = 21, times: int = 9) -> ProductData:
    """The series solution of `dataset=heat`, at times that are shares of each case's last one."""
    config = HeatConfig(source_centers=[[a, b] for a in CENTERS for b in CENTERS])
    x, share = np.linspace(0.0, 1.0, grid), np.linspace(0.0, 1.0, times)
    places = np.stack([g.ravel() for g in np.meshgrid(x, x, share, indexing="ij")], axis=1)
    values = np.empty((grid, grid, times, len(cases), 1))
    for i, (k, strength, radius, end) in enumerate(cases):
        points = np.column_stack([places[:, :2], places[:, 2] * end * config.end_time, np.full((len(places), 2), k)])
        points[:, 4] = strength
        values[..., i, 0] = heat_truth(points, np.array(config.source_centers), radius).reshape(grid, grid, times)
    axes = (Axis.of("x", x), Axis.of("y", x), Axis.of("t", share), Axis("case", cases, HEAT_NAMES))
    return ProductData(axes, values, ("u",))


CENTERS = (0.1, 11 / 30, 19 / 30, 0.9)
