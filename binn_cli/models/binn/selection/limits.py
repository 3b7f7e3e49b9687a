"""The limits of several kinds of smoothness: which are worth considering, and how they share the weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.table import FAR_BEHIND, LimitChoice
from binn_cli.models.binn.selection.stacking import NEGLIGIBLE, log_density, stacking_weights


class Limit(NamedTuple):
    """The limit at one choice of hyperparameters: its process, which is factorised once, what that says of every row
    without it, and how well, in nats per row."""

    choice: LimitChoice
    process: Process
    left_out: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
    density: float


def promising_limits(
    choices: Sequence[LimitChoice], x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"]
) -> list[Limit]:
    """The choices that are not far behind the best, judged by left-out rows in closed form."""
    found: list[Limit] = []
    for choice in choices:
        process = choice.process(x, y)
        left_out = process.left_out()
        found.append(Limit(choice, process, left_out, float(np.mean(log_density(y, *left_out)))))
        # At once, since each holds a matrix of all pairs of rows.
        best = max(limit.density for limit in found)
        found = [limit for limit in found if limit.density > best - FAR_BEHIND]
    return found


def weigh(densities: Float[np.ndarray, "n C"], limits: Sequence[LimitChoice], *, few: bool) -> Float[np.ndarray, " C"]:
    """Weights of all candidates, the limits first, by the density of left-out rows.

    A few left-out rows do not tell one smoothness from another, and the one that seems the best of three is too sure of
    itself: there the limits stand together, each with its share of the evidence.

    Args:
        densities: log density of every left-out row under each of C candidates.
        limits: those that come first.
        few: whether the rows are so few.
    """
    count = len(limits)
    if not few or count < 2:
        return stacking_weights(densities)
    evidence = np.array([choice.evidence for choice in limits])
    shares = np.exp(evidence - evidence.max())
    shares = np.where(shares < NEGLIGIBLE * shares.sum(), 0.0, shares)
    shares /= shares.sum()
    together = logsumexp(densities[:, :count], axis=1, b=shares)
    weights = stacking_weights(np.column_stack([together, densities[:, count:]]))
    return np.concatenate([weights[0] * shares, weights[1:]])
