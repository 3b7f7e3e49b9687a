"""How far a Galerkin solution is from the truth, by its residual in richer spaces, and where: an estimate and error
bars.

The error is u - u_h = A⁻¹ R with the residual R = f - A u_h. In the norm ‖A* v‖ of test functions, in which the
stability constant of every well-posed linear equation is one, the dual norm of R is ‖u - u_h‖ in the mean square: no
constant is lost, as would be with that of a coarser norm (Dahmen, Huang, Schwab and Welper, "Adaptive Petrov-Galerkin
methods for first order transport equations", 2012). A space of finite dimension in the place of all test functions
gives ‖u_r - u_h‖ with the solution u_r in a richer space, of splines of a higher degree in narrower intervals. What is
left is the error of u_r, which the differences of three such solutions tell (Richardson's argument): an error of C n^-s
for n points makes them C (n_0^-s - n_1^-s) and C (n_1^-s - n_2^-s).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from binn_cli.datasets.problem import Problem, random_points
from binn_cli.models.galerkin.train import Train

FEW, POINTS = 2**10, 2**14
"""Points of a scrambled Sobol sequence at which solutions are compared, roughly and for the estimate."""

SAFETY = 1.2
"""What the estimate is multiplied by, so that it is not below the error."""

SURE, SURER = 0.3, 0.1
"""Error of the richest solution over the difference to it up to which the difference is the error; and where points are
so few that solutions may agree by accident."""

FEW_POINTS = 64
"""Points of the richest solution up to which they are."""

SLOWEST = 0.4
"""Rate s that is taken for convergence at least."""

NOISE = 1e-9
"""Differences over the solution below which they may be round-off, which does not shrink."""

NOISE_RATIO = 0.3
"""Ratio of two such small differences from which they are taken for round-off."""

SAFETY_IN_NOISE = 2.0
"""The same as `SAFETY` where round-off is what is left."""

BINS = 16
FLOOR = 0.01
"""Share of the estimated error that may be anywhere: the solution that is compared with has an error too, which lies
elsewhere."""

INTERVAL = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """The estimated error of a solution; NaN with an infinite rest where there is no estimate.

    Attributes:
        rmse: root mean square over the domain, in units of the unknown.
        relative: the same over the root mean square of the solution.
        rest: error of the richest solution over the difference to it.
        size: root mean square of the solution.
        points: of the richest solution.
    """

    rmse: float
    relative: float
    rest: float
    size: float
    points: int

    @property
    def sure(self) -> bool:
        """Whether the richest solution is so near to the truth that it can stand for it."""
        return self.rest <= SURE

    @property
    def needs_more(self) -> bool:
        """Whether a yet richer solution is worth while."""
        return self.rest > (SURER if self.points <= FEW_POINTS else SURE)


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


@dataclass(frozen=True)
class Check:
    """A solution in richer spaces.

    Attributes:
        points: along every coordinate.
        solution: the unknown.
    """

    points: int
    solution: Train


def estimated(problem: Problem, solution: Train, checks: Sequence[Check], seed: int) -> tuple[Estimate, ErrorBars]:
    """The error of a solution, from three or more in richer spaces.

    Args:
        problem: the equation.
        solution: the one that is judged.
        checks: those in richer spaces, of one degree and more and more points.
        seed: of the points at which they are compared.
    """
    points = _spread(problem, POINTS, seed)
    values, richer = solution([points]), [check.solution([points]) for check in checks]
    size = _rms(values)
    before, step = _rms(richer[-2] - richer[-3]), _rms(richer[-1] - richer[-2])
    away = richer[-1] - values
    last, rest = _rms(away), 0.0
    if max(step, last) < NOISE * size and step > NOISE_RATIO * before:
        # Round-off grows with the number of points, so that the solution with the fewest is nearest to the truth as
        # long as it has no other error.
        away = (richer[-3] if step > before else richer[-2]) - values
        rmse = SAFETY_IN_NOISE * _rms(away)
    else:
        rest = step * _rest([check.points for check in checks[-3:]], before, step, _fastest(checks[-1].solution))
        # Both may have one direction: their sum is what the error is at most.
        rmse = SAFETY * (last + rest)
    rmse = max(rmse, 4 * float(np.finfo(float).eps) * size)
    share = rest / last if last > 0 else (np.inf if rest > 0 else 0.0)
    estimate = Estimate(rmse, rmse / size if size > 0 else 0.0, share, size, checks[-1].points)
    return estimate, _bars(problem, points, away, rmse)


def unknown(problem: Problem, solution: Train, count: int, seed: int) -> tuple[Estimate, ErrorBars]:
    """What is said of a solution with so many points where nothing could be compared with it: NaN, with the solution's
    own size as the standard deviation."""
    size = _rms(solution([_spread(problem, POINTS, seed)]))
    low, high = problem.domain.T
    bars = ErrorBars(size, FLOOR * size, np.stack([low, high], axis=1), np.ones((len(low), 2)))
    return Estimate(np.nan, np.nan, np.inf, size, count), bars


def difference(problem: Problem, solution: Train, check: Check, seed: int) -> float:
    """About how far two solutions are from each other, over the size of the second."""
    points = _spread(problem, FEW, seed)
    richer = check.solution([points])
    size = _rms(richer)
    return _rms(solution([points]) - richer) / size if size > 0 else 0.0


def _spread(problem: Problem, count: int, seed: int) -> Float[np.ndarray, "n D"]:
    """Points of a scrambled Sobol sequence in the domain."""
    return random_points(problem, qmc.Sobol(len(problem.variables), rng=np.random.default_rng(seed)).random(count))


def _rest(points: Sequence[int], before: float, step: float, fastest: float) -> float:
    """The error of the last of three solutions over the last difference."""
    rates = np.linspace(SLOWEST, max(fastest, SLOWEST + 0.1), 200)
    errors = np.array(points)[:, None] ** -rates
    ratios = (errors[1] - errors[2]) / (errors[0] - errors[1])  # falls with the rate
    if step >= before * ratios[0] or before == 0:
        # They do not come nearer to each other: as far as anybody knows nothing has converged.
        return float(errors[2, 0] / (errors[1, 0] - errors[2, 0])) * (max(1.0, step / before) if before > 0 else 1.0)
    rate = float(np.interp(-step / before, -ratios, rates))
    own = np.array(points, dtype=float) ** -rate
    return float(own[2] / (own[1] - own[2]))


def _fastest(solution: Train) -> float:
    """The rate that the lowest degree of the solution's spaces gives in the end."""
    degrees = [space.degree for space in solution.spaces if len(space.breakpoints) > 2]
    return min(degrees, default=60) + 1.0


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
