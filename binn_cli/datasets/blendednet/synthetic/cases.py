"""Which aircraft and flight conditions a synthetic archive has: the published ones of geom_13, others drawn at
random."""

from __future__ import annotations

import numpy as np

from binn_cli.datasets.blendednet.synthetic.aerodynamics import FlightCondition

GEOM_13 = {
    **{"B1": 151.0, "B2": 190.4, "B3": 530.5},
    **{"C1": 1000.0, "C2": 849.2, "C3": 201.7, "C4": 79.73},
    **{"S1": 48.59, "S2": 47.31, "S3": 35.08},
}
"""Planform parameters of test/geom_13 in mm and degrees, as published."""

CONDITIONS_13 = tuple(
    FlightCondition(*row)
    for row in (
        (25.3, 8.015e6, 0.1366, -8.569),
        (20.32, 4.892e6, 0.2689, 18.99),
        (37.68, 6.369e6, 0.3365, 0.9863),
        (28.11, 3.585e7, 0.4652, 10.62),
        (6.404, 1.972e7, 0.2878, 16.13),
        (10.92, 3.191e7, 0.4039, 11.61),
        (3.604, 9.390e6, 0.4303, 6.183),
        (32.42, 1.243e7, 0.161, -6.531),
        (12.89, 3.317e7, 0.2268, -2.766),
        (19.74, 4.683e6, 0.0584, 2.022),
    )
)
"""Flight conditions of test/case_130 to case_139, as published."""

_RANGES = {
    "B1": (100, 200),
    "B2": (100, 250),
    "B3": (350, 650),
    "C1": (1000, 1000),
    "C2": (700, 900),
    "C3": (180, 350),
    "C4": (60, 120),
    "S1": (40, 60),
    "S2": (35, 55),
    "S3": (20, 40),
}


def random_geometry(draw: np.random.Generator) -> dict[str, float]:
    """Planform parameters about those of geom_13, in mm and degrees, with four digits as in geom_params.ini."""
    return {name: float(f"{draw.uniform(low, high):.4g}") for name, (low, high) in _RANGES.items()}


def random_condition(draw: np.random.Generator) -> FlightCondition:
    """A flight condition over the ranges of BlendedNet, the Reynolds number evenly in its logarithm; four digits
    each."""
    drawn = (draw.uniform(0, 40), 10 ** draw.uniform(6.5, 7.6), draw.uniform(0.05, 0.5), draw.uniform(-10, 20))
    return FlightCondition(*(float(f"{value:.4g}") for value in drawn))
