"""Weights of several predictive distributions by the density that they give to left-out values.

Stacking (Yao, Vehtari, Simpson and Gelman, Bayesian Analysis 13 (2018)) maximises the sum over left-out values of the
log of the mixture's density. A mild Dirichlet prior keeps weights off the edge where values are few.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

ITERATIONS, PRIOR = 300, 1.05

NEGLIGIBLE = 0.05
"""Weights below this share are dropped: a distribution that is wrong would still widen all intervals."""


def log_density(
    values: Float[np.ndarray, " n"], mean: Float[np.ndarray, " n"], variance: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Log density of values under independent normal distributions."""
    return -0.5 * (np.log(2.0 * np.pi * variance) + (values - mean) ** 2 / variance)


def stacking_weights(densities: Float[np.ndarray, "n C"]) -> Float[np.ndarray, " C"]:
    """The weights, zero for what is negligible.

    Args:
        densities: log density of every left-out value under each of C candidates.
    """
    count = densities.shape[1]
    weights = np.full(count, 1.0 / count)
    relative = np.exp(densities - densities.max(axis=1, keepdims=True))
    for _ in range(ITERATIONS):
        share = weights * relative
        share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        weights = share.sum(axis=0) + PRIOR - 1.0
        weights /= weights.sum()
    kept = np.where(weights >= min(NEGLIGIBLE, weights.max()), weights, 0.0)
    return kept / kept.sum()
