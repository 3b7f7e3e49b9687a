"""Conformal calibration: intervals scaled by what left-out cases ask for.

Cases, not points, are exchangeable. So the factor is the smallest with which the share of a case's points outside their
intervals, averaged over the left-out cases and one more of which nothing good is assumed, stays below 1 - level
(conformal risk control, Angelopoulos, Bates, Fisch, Lei and Schuster, 2022). A row of a table is a case of one point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.errors import BinnError
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.memory import PastCases
from binn_cli.models.binn.tucker.limit_functions import LimitFunctions
from binn_cli.models.binn.tucker.posterior import TuckerPosterior

LEVEL = 0.95
"""Level at which intervals are made to hold."""

NORMAL_QUANTILE = 1.959963984540054

MOST_POINTS = 4000
"""Points of a case that are looked at."""


def conformal_factors(fitted: FittedBinn) -> Float[np.ndarray, " L"]:
    """By what the standard deviations of every output are multiplied.

    Raises:
        BinnError: if there are fewer cases than the level needs, or what left-out cases say is not known.
    """
    return np.array([_factor(scores) / NORMAL_QUANTILE for scores in left_out_scores(fitted)])


def left_out_scores(fitted: FittedBinn) -> list[list[Float[np.ndarray, " p"]]]:
    """For every output and left-out case, by how many standard deviations its points were missed.

    Raises:
        BinnError: where that is not known.
    """
    found = []
    for output, posterior in enumerate(fitted.posteriors):
        if isinstance(posterior, TuckerPosterior):
            if not (isinstance(fitted.memory, PastCases) and posterior.in_limit):
                raise BinnError("model.calibration=conformal needs cases in the limit; set model.decomposition=limit")
            found.append(_scores_of_cases(posterior, fitted, fitted.memory))
            continue
        scores = fitted.scores[output] if fitted.scores else None
        if scores is None:
            raise BinnError(
                "model.calibration=conformal is for tables of at most some thousand rows whose modes and bases are "
                "chosen by "
                "the data; set model.calibration=none"
            )
        found.append(list(scores[:, None]))
    return found


def _scores_of_cases(posterior: TuckerPosterior, fitted: FittedBinn, memory: PastCases) -> list[np.ndarray]:
    last = posterior.functions[-1]
    assert isinstance(last, LimitFunctions)
    points = fitted.units.axes(memory.cases.axes)[:-1]
    fields = posterior.fields([_strided(p, MOST_POINTS ** (1.0 / len(points))) for p in points])  # (p, Q)
    known = [process.left_out() for process in last.processes]
    away = np.stack([mean - process.targets for (mean, _), process in zip(known, last.processes, strict=True)])
    spread = np.stack([variance for _, variance in known])
    error, variance = fields @ away, fields**2 @ spread + posterior.noise
    return list(np.abs(error / np.sqrt(variance)).T)


def _strided(points: np.ndarray, most: float) -> np.ndarray:
    return points[np.unique(np.linspace(0, len(points) - 1, min(len(points), max(2, int(most)))).round().astype(int))]


def _factor(scores: Sequence[Float[np.ndarray, " p"]]) -> float:
    """The smallest number of standard deviations that keeps the risk."""
    n = len(scores)
    least = int(np.ceil(LEVEL / (1.0 - LEVEL)))
    if n < least:
        raise BinnError(
            f"model.calibration=conformal needs at least {least} cases for intervals of {LEVEL:.0%}, and there are "
            f"{n}; set "
            "model.calibration=none or give more"
        )
    candidates = np.unique(np.concatenate(scores))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        missed = sum(float(np.mean(own > candidates[middle])) for own in scores)
        if (missed + 1.0) / (n + 1.0) <= 1.0 - LEVEL + 1e-12:
            high = middle
        else:
            low = middle + 1
    return float(candidates[low])
