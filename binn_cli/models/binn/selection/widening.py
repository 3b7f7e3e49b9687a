"""By how much the variances of a mixture are too small or too large, told by rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.mixture import Member, mix

PSEUDO_ROWS = 5.0
"""Rows that count as having been predicted just as well as was said."""

MANY_ROWS, MARGIN = 50, 3.0
"""Rows that may say that variances are too large, and by how much less than they say these become smaller."""


def widening_of(
    y: Float[np.ndarray, " n"],
    mean: Float[np.ndarray, " n"],
    spread: Float[np.ndarray, " n"],
    members: Sequence[tuple[Member, float]],
    plain: Sequence[tuple[Member, float]],
    seed: int,
) -> float:
    """The factor that variances need: the mean square of left-out rows in units of what was said of them.

    Left-out rows were judged with the most probable hyperparameters. Where these are marginalised, variances are larger
    than there already, on average over the domain by the square of what they are at a row left out, whose neighbours
    are nearer: so the root of it is not widened again. A few rows that are far off count as much as ones at four
    standard deviations.

    Args:
        y: the rows' values.
        mean, spread: what was said of each without it, noise included.
        members: of the mixture, with their weights.
        plain: the same with the most probable hyperparameters.
        seed: of the points at which both are compared.
    """
    narrowing = narrowing_of(y, mean, spread)
    if narrowing < 1.0:
        return narrowing
    factor = (float(np.sum(_squares(y, mean, spread))) + PSEUDO_ROWS) / (len(y) + PSEUDO_ROWS)
    member = members[0][0]
    dimensions = member.points.shape[1] if isinstance(member, Process) else len(member.features)
    anywhere = np.random.default_rng([seed, 67]).random((200, dimensions))
    already = np.mean(np.log(mix(members, anywhere)[1] + 1e-300) - np.log(mix(plain, anywhere)[1] + 1e-300))
    return max(1.0, factor / float(np.exp(0.5 * max(already, 0.0))))


def narrowing_of(y: Float[np.ndarray, " n"], mean: Float[np.ndarray, " n"], spread: Float[np.ndarray, " n"]) -> float:
    """The factor by which variances may become smaller: below 1 only where many rows were missed by less than six
    tenths of what was said of them; arguments as of `widening_of`.

    The noise of simulations without any cannot be learned below the round-off of large covariance matrices, and takes
    part in the variance. More rows than these have taught a surrogate that is no worse.
    """
    found = MARGIN * float(np.mean(_squares(y, mean, spread)))
    return max(found, MARGIN * np.finfo(float).eps) if len(y) >= MANY_ROWS and found < 1.0 else 1.0


def _squares(y: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.minimum((y - mean) ** 2 / spread, 16.0)
