"""The last stretch to the maxima of an acquisition: along its gradient, from the best points that are known.

The score of a case rests on variances and on covariances with other cases, of which no surrogate gives derivatives.
Differences take their place: a point and its neighbours are scored together, which costs little more than scoring one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

STEP = 1e-4
"""Half the distance of two neighbours in the unit cube."""
TURNS = 30
"""Most steps from one start."""

Points = Float[np.ndarray, "_ D"]


def climbed(
    worth: Callable[[Points], Float[np.ndarray, " n"]],
    allowed: Callable[[Points], Bool[np.ndarray, " n"]],
    start: Float[np.ndarray, " D"],
    free: Bool[np.ndarray, " D"],
) -> tuple[Float[np.ndarray, " D"], float]:
    """The best allowed point that a search for a maximum meets, and what it is worth (L-BFGS-B; Byrd, Lu, Nocedal and
    Zhu 1995).

    Args:
        worth: scores of points of the unit cube, whether they are allowed or not.
        allowed: which of them may be chosen.
        start: an allowed point.
        free: which coordinates may move; those that have only some values stay.
    """
    best, top = start.copy(), float(worth(start[None])[0])
    columns, size = np.flatnonzero(free), abs(top) if top else 1.0
    if len(columns) == 0:
        return best, top

    def lost(moving: Float[np.ndarray, " d"]) -> tuple[float, Float[np.ndarray, " d"]]:
        """The negative score and its gradient; remembers the best allowed point."""
        nonlocal best, top
        points = np.repeat(start[None], 1 + 2 * len(columns), axis=0)
        points[:, columns] = moving
        sides = points[1:].reshape(len(columns), 2, -1)
        for side, column in zip(sides, columns, strict=True):
            side[:, column] = np.clip(side[:, column] + [-STEP, STEP], 0.0, 1.0)
        scores = worth(points)
        if scores[0] > top and allowed(points[:1])[0]:
            best, top = points[0].copy(), float(scores[0])
        apart = np.array([side[1, column] - side[0, column] for side, column in zip(sides, columns, strict=True)])
        return -float(scores[0]) / size, -np.diff(scores[1:].reshape(-1, 2), axis=1)[:, 0] / apart / size

    ends = [(0.0, 1.0)] * len(columns)
    minimize(lost, start[columns], jac=True, method="L-BFGS-B", bounds=ends, options={"maxiter": TURNS})
    return best, top
