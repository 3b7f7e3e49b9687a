"""How far a Galerkin solution is from the truth, by coarser and finer spaces, and where: an estimate and error bars.

The difference to the solution in intervals of half the width is the error but for the error of that solution, which the
differences of three resolutions tell (Richardson's argument): where they shrink by the factor ρ, the error is the last
difference over 1 - ρ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import Problem, random_points
from binn_cli.models.galerkin.train import Train

POINTS = 8192
"""Random points at which solutions are compared."""

SAFETY = 1.2
"""What the estimate is multiplied by, so that it seldom is below the error."""

LARGEST_RATIO = 0.75
"""Ratio of two differences that counts at most: more would say that there is no convergence, and the estimate
infinite."""

NOT_CONVERGING = 2.0
"""What the last difference is multiplied by where it is larger than the one before."""

NOISE = 1e-9
"""Differences over the solution below which they may be round-off, which does not shrink."""

SAFETY_IN_NOISE = 2.0
"""The same as `SAFETY` where round-off is what is left, which is of about the same size in all solutions."""

ROUND_OFF_RATIO = 0.3
"""Ratio of two such small differences from which they are taken for round-off."""

BINS = 16
FLOOR = 0.01
"""Share of the estimated error that may be anywhere: the solution that is compared with has an error too, which lies
elsewhere."""

INTERVAL = 1.959963984540054


EXTRA_STEPS = 3
"""Steps of refinement beyond the next, at most, where differences do not shrink yet."""


@dataclass(frozen=True)
class Estimate:
    """The estimated error of a solution.

    Attributes:
        rmse: root mean square over the domain, in units of the unknown.
        relative: the same over the root mean square of the solution.
        ratio: the factor by which the last refinement has made differences smaller.
        size: root mean square of the solution.
    """

    rmse: float
    relative: float
    ratio: float
    size: float

    @property
    def sure(self) -> bool:
        """Whether the differences shrink, or are round-off."""
        return self.ratio <= LARGEST_RATIO or self.relative < SAFETY_IN_NOISE * NOISE


@dataclass(frozen=True)
class ErrorBars:
    """The standard deviation of the discretisation error as a product of one-dimensional functions.

    Attributes:
        scale: standard deviation where all functions are one.
        floor: a further independent standard deviation, the same everywhere.
        places: (D, b) coordinate values, rising.
        shapes: (D, b) the functions there; linear in between.
    """

    scale: float
    floor: float
    places: Float[np.ndarray, "D b"]
    shapes: Float[np.ndarray, "D b"]

    def __call__(self, axes: Sequence[Float[np.ndarray, "n K"]]) -> Float[np.ndarray, "*points"]:
        """The standard deviation at every combination of the points of axes."""
        found, dimension = np.array(self.scale), 0
        for points in axes:
            own = np.ones(len(points))
            for column in points.T:
                own = own * np.interp(column, self.places[dimension], self.shapes[dimension])
                dimension += 1
            found = np.multiply.outer(found, own)
        return np.hypot(found, self.floor)

    def tree(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"scale": self.scale, "floor": self.floor, "places": self.places, "shapes": self.shapes}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> ErrorBars:
        """The error bars that `tree` described."""
        return cls(
            float(tree["scale"]), float(tree["floor"]), np.atleast_2d(tree["places"]), np.atleast_2d(tree["shapes"])
        )


def estimated(
    problem: Problem, coarser: Train | None, solution: Train, finer: Train, seed: int, between: Train | None = None
) -> tuple[Estimate, ErrorBars]:
    """The error of a solution, from those in spaces of twice and of half the width.

    Args:
        problem: the equation.
        coarser: the solution in intervals of twice the width; without one the differences are taken to shrink to a
            half.
        solution: the one that is judged.
        finer: the one in intervals of half the width.
        seed: of the random points.
        between: where `finer` is more than one step finer, the solution one step before it.
    """
    points = random_points(problem, np.random.default_rng(seed).random((POINTS, len(problem.variables))))
    values = solution([points])
    difference = finer([points]) - values
    size, last = _rms(values), _rms(difference)
    before = None if coarser is None else _rms(values - coarser([points]))
    ratio = 0.5 if before is None else last / before if before > 0 else 0.0
    if between is not None:
        # The solution is too coarse to say how fast its error shrinks; those that are finer say it of theirs.
        ratio = _rms(finer([points]) - between([points])) / last if last > 0 else 0.0
        rmse = SAFETY * last * (1 + ratio) if ratio <= LARGEST_RATIO else NOT_CONVERGING * last
    elif before is not None and min(last, before) < NOISE * size and ratio > ROUND_OFF_RATIO:
        rmse = SAFETY_IN_NOISE * min(last, before)
    else:
        # Differences that shrink faster than the degree allows do so by accident.
        shrinking = min(max(ratio, _fastest(solution)), LARGEST_RATIO)
        rmse = SAFETY * last * (1 / (1 - shrinking) if ratio <= 1 else NOT_CONVERGING)
    rmse = max(rmse, np.finfo(float).eps * size)
    return Estimate(rmse, rmse / size if size > 0 else 0.0, ratio, size), _bars(problem, points, difference, rmse)


def _fastest(solution: Train) -> float:
    """The ratio of differences at half the width that the lowest degree of the solution's spaces gives in the end."""
    degrees = [space.degree for space in solution.spaces if len(space.breakpoints) > 2]
    return 2.0 ** -(min(degrees) + 1) if degrees else 0.0


def _rms(values: Float[np.ndarray, " n"]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _bars(
    problem: Problem, points: Float[np.ndarray, "n D"], difference: Float[np.ndarray, " n"], rmse: float
) -> ErrorBars:
    """Marginal root mean squares of the differences along each coordinate, scaled so that 95 % of them are within the
    95 % interval."""
    low, high = problem.domain.T
    edges = np.linspace(low, high, BINS + 1, axis=1)
    places = (edges[:, :-1] + edges[:, 1:]) / 2
    squares, shapes = difference**2, np.ones((len(low), BINS))
    total = float(squares.mean())
    for dimension, column in enumerate(points.T):
        bins = np.clip(np.searchsorted(edges[dimension], column) - 1, 0, BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        means = np.bincount(bins, weights=squares, minlength=BINS) / np.maximum(counts, 1)
        if total > 0:
            # A hundredth at least: nowhere is the error known to be zero, but on the boundary, where it does no harm.
            shapes[dimension] = np.sqrt(np.maximum(means / total, 1e-4))
    bars = ErrorBars(rmse, FLOOR * rmse, places, shapes)
    if total == 0:
        return bars
    over = np.abs(difference) * (rmse / np.sqrt(total)) / bars([points])
    return ErrorBars(rmse * max(float(np.quantile(over, 0.95)) / INTERVAL, 0.25), FLOOR * rmse, places, shapes)
