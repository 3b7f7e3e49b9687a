"""The heat equation with Gaussian sources on the unit square or cube, conductivity and strength being coordinates:
statement and solution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import (
    DERIVATIVE,
    MASS,
    PARAMETER,
    SPACE,
    STIFFNESS,
    TIME,
    ZERO,
    Factor,
    Load,
    Problem,
    Term,
    Variable,
    coordinate,
)
from binn_cli.datasets.sine_series import gaussian, heat_solution, products_of_gaussians

CROWDED = 3.0
"""How much finer time is resolved near the sudden start."""


def heat_problem(
    names: Sequence[str],
    centers: Float[np.ndarray, "s d"],
    radius: float,
    end_time: float,
    k_range: Sequence[float],
    strength_range: Sequence[float],
    points: int,
) -> Problem:
    """u_t - kΔu = P Σ_s exp(-2 |x - x_s|² / r0²), zero on the boundary and at t = 0."""
    zero = (ZERO, ZERO)
    space = tuple(Variable(name, 0.0, 1.0, SPACE, zero) for name in names)
    conductivity = MASS.weighted(coordinate("k"))
    sources = []
    for factors in products_of_gaussians(centers, radius):
        own = {name: _sum_of_gaussians(line, radius) for name, line in zip(names, factors, strict=True)}
        sources.append(Load({**own, "P": coordinate("P")}))
    return Problem(
        variables=(
            *space,
            Variable("t", 0.0, end_time, TIME, fine_at_low=CROWDED),
            Variable("k", float(k_range[0]), float(k_range[1]), PARAMETER),
            Variable("P", float(strength_range[0]), float(strength_range[1]), PARAMETER),
        ),
        operator=(Term({"t": DERIVATIVE}), *(Term({name: STIFFNESS, "k": conductivity}) for name in names)),
        source=tuple(sources),
        points=points,
    )


def heat_truth(
    points: Float[np.ndarray, "n d+3"], centers: Float[np.ndarray, "s d"], radius: float
) -> Float[np.ndarray, " n"]:
    """The series solution at scattered (x, …, t, k, P)."""
    *space, t, k, strength = points.T
    sources = [
        [_sum_of_gaussians(line, radius) for line in factors] for factors in products_of_gaussians(centers, radius)
    ]
    return strength / k * heat_solution(np.stack(space, axis=1), k * t, sources)


def _sum_of_gaussians(line: Sequence[float], radius: float) -> Factor:
    text = " + ".join(f"exp(-2 (x - {center:.17g})^2 / {radius:.17g}^2)" for center in line)
    return Factor(text, lambda x: np.sum([gaussian(center, radius)(x) for center in line], axis=0))
