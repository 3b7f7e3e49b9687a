"""Which of the data's points become inducing points."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.models.gp.kernels import PROFILES

NOTHING_LEFT = 1e-9
"""Share of the prior variance below which a further inducing point would only repeat what the others say."""


def by_conditional_variance(
    x: Float[np.ndarray, "n D"], count: int, kind: str, lengths: Float[np.ndarray, " D"]
) -> Float[np.ndarray, "m D"]:
    """At most `count` of the points, each the one whose value those before it leave most uncertain.

    This is pivoted Cholesky factorisation (Burt, Rasmussen and van der Wilk, Convergence of sparse variational
    inference, JMLR 2020), in O(n · count²) time and O(n · count) memory. It ends early where nothing is left to know.
    Ties go to the point that comes first by its coordinates, so that the order of the rows does not matter.
    """
    x = x[np.lexsort(x.T[::-1])]
    scaled = x / lengths
    left = np.ones(len(x))
    rows: list[int] = []
    factor = np.zeros((min(count, len(x)), len(x)))
    for m in range(len(factor)):
        # A tie but for round-off is a tie, or the units of the inputs would decide.
        pivot = int(np.argmax(left > left.max() - NOTHING_LEFT))
        if left[pivot] < NOTHING_LEFT:
            break
        cross = np.asarray(PROFILES[kind](np.sum((scaled - scaled[pivot]) ** 2, axis=1), np)[0])
        factor[m] = (cross - factor[:m, pivot] @ factor[:m]) / np.sqrt(left[pivot])
        left = np.maximum(left - factor[m] ** 2, 0.0)
        left[pivot] = 0.0
        rows.append(pivot)
    return x[rows]
