"""Whether what an equation says at the start fits what it says at the boundary: where it does not, the solution jumps,
and no smooth function comes near it there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import ONE, SPACE, VALUE, ZERO, Load, Problem, random_points

POINTS = 256
"""Random points of every side."""

WORTH_SAYING = 1e-6
"""Difference over the largest initial value that is worth a word."""


def misfits(problem: Problem) -> tuple[str, ...]:
    """A sentence if the initial value differs from that of a boundary."""
    if problem.time is None:
        return ()
    points = random_points(problem, np.random.default_rng(0).random((POINTS, len(problem.variables))))
    points[:, problem.inputs.index(problem.time.name)] = problem.time.low
    largest = float(np.abs(_summed(problem, problem.initial, points)).max())
    found: list[tuple[float, str]] = []
    for number, variable in enumerate(problem.variables):
        for end, kind in enumerate(variable.ends):
            if kind not in (ZERO, VALUE) or variable.kind != SPACE:
                continue
            there = points.copy()
            there[:, number] = (variable.low, variable.high)[end]
            own = [load for face in problem.faces if (face.variable, face.end) == (variable.name, end)
                   for load in face.loads]  # fmt: skip
            wanted = _summed(problem, own, there)
            away = np.abs(_summed(problem, problem.initial, there) - wanted).max()
            size = max(largest, float(np.abs(wanted).max()))
            if away > WORTH_SAYING * size:
                found.append((float(away), f"{variable.name} = {there[0, number]:g}"))
    if not found:
        return ()
    where = ", ".join(place for _, place in found)
    return (
        f"the initial value differs from that of the boundary at {where}, by up to {max(found)[0]:.2g}: the solution "
        "jumps there at the start, and its error there falls slowly with more points",
    )


def _summed(problem: Problem, loads: Sequence[Load], points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
    """A sum of products at points."""
    total = np.zeros(len(points))
    for load in loads:
        product = np.full(len(points), load.coefficient)
        for name, column in zip(problem.inputs, points.T, strict=True):
            product = product * load.factors.get(name, ONE)(column)
        total += product
    return total
