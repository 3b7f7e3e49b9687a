"""Which richer solutions judge a solution: of half as many, as many and half as many points again, and more where these
say nothing."""

from __future__ import annotations

from collections.abc import Callable

from binn_cli.datasets.problem import Problem
from binn_cli.errors import TooLarge
from binn_cli.models.galerkin.error import Check, ErrorBars, Estimate, difference, estimated
from binn_cli.models.galerkin.system import PARAMETER_STEP
from binn_cli.models.galerkin.train import Train

Richer = Callable[[int, int, float], Train]
"""From points along every coordinate, a degree to add along parameters, and what compression may change, over the norm,
to the solution there. Raises TooLarge."""

EXTRA_STEPS = 3
"""Steps to yet richer spaces, at most, where the first ones say nothing of the error."""

UNSEEN = 1e-3
"""Share of the error that the compression of a richer solution may change."""


def judged_by(problem: Problem, solution: Train, count: int, richer: Richer, seed: int) -> tuple[Estimate, ErrorBars]:
    """The error of a solution with `count` points along every coordinate.

    Raises:
        TooLarge: if fewer than three richer solutions can be computed.
    """
    half = max((count + 1) // 2, 2)
    checks = [Check(half, richer(half, 0, 0.0))]
    # What compression may change in a richer solution must not be seen in the difference to it.
    unseen = 0.1 * UNSEEN * difference(problem, solution, checks[0], seed)
    middle = max(count, half + 1)
    checks.append(Check(middle, richer(middle, PARAMETER_STEP, unseen)))
    unseen = UNSEEN * difference(problem, solution, checks[1], seed)
    most = max((3 * count - 1) // 2, middle + 1)
    try:
        checks.append(Check(most, richer(most, 2 * PARAMETER_STEP, unseen)))
    except TooLarge:
        # What is left says less, and says so; what is richer still would be too large as well.
        fewer = _another(half, middle)
        if fewer is None:
            raise
        checks = sorted([*checks, Check(fewer, richer(fewer, 0, unseen))], key=lambda check: check.points)
        return estimated(problem, solution, checks, seed)
    estimate, bars = estimated(problem, solution, checks, seed)
    for step in range(EXTRA_STEPS):
        if not estimate.needs_more:
            break
        more = 2 * checks[-1].points - 1
        try:
            checks.append(Check(more, richer(more, (3 + step) * PARAMETER_STEP, unseen)))
        except TooLarge:
            break
        estimate, bars = estimated(problem, solution, checks, seed)
    return estimate, bars


def _another(half: int, count: int) -> int | None:
    """Points that neither of two richer solutions has, and not more than they have; None where there are none."""
    quarter = max((half + 1) // 2, 2)
    other = quarter if quarter < half else (half + count) // 2
    return other if other not in (half, count) else None
