"""Whether chains have converged: rank-normalised split R-hat and bulk effective sample size of what the network says,
not of its weights.

Weights have no meaning of their own: swapping two hidden units, or changing the signs on both sides of one, gives the
same function, so chains that agree on every prediction may disagree on every weight. What is compared is therefore the
function at fixed points, the log density and the noise. Formulas: Vehtari, Gelman, Simpson, Carpenter and Bürkner,
"Rank-normalization, folding, and localization: an improved R-hat", 2021.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import rankdata

QUANTITIES = ("function", "log_density", "log_noise")


def split(draws: Float[np.ndarray, "chain draw *rest"]) -> Float[np.ndarray, "halves half *rest"]:
    """Every chain as two, its first and its second half; the middle draw of an odd number is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def rank_normalised(draws: Float[np.ndarray, "chain draw *rest"]) -> Float[np.ndarray, "chain draw *rest"]:
    """Normal scores of the ranks among all chains' draws, each quantity for itself."""
    flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
    ranks = rankdata(flat, axis=0)
    return ndtri((ranks - 0.375) / (len(flat) + 0.25)).reshape(draws.shape)


def r_hat(draws: Float[np.ndarray, "chain draw *rest"]) -> Float[np.ndarray, "*rest"]:
    """Rank-normalised split R-hat: the larger of that of the values and that of their distances from the median.

    NaN where the draws hold a value that is not finite; 1 where nothing varies at all.
    """
    halves = split(draws)
    if halves.shape[1] < 2:
        return np.full(draws.shape[2:], np.nan)
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.maximum(*(_variance_ratio(rank_normalised(part)) for part in (halves, folded)))
    constant = np.ptp(draws, axis=(0, 1)) == 0
    return np.where(np.isfinite(draws).all(axis=(0, 1)), np.where(constant, 1.0, found), np.nan)


def _variance_ratio(draws: Float[np.ndarray, "chain draw *rest"]) -> Float[np.ndarray, "*rest"]:
    """R-hat of Gelman and Rubin: the root of the variance of all chains together over that within them."""
    count, within = draws.shape[1], draws.var(axis=1, ddof=1).mean(axis=0)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    return np.asarray(np.sqrt((count - 1) / count + between / within))


def bulk_ess(draws: Float[np.ndarray, "chain draw *rest"]) -> Float[np.ndarray, "*rest"]:
    """Bulk effective sample size: how many independent draws would estimate the middle of the distribution as well."""
    from numpyro.diagnostics import effective_sample_size  # loads JAX, which questions without chains do not need

    halves = split(draws)
    if halves.shape[1] < 2:
        return np.full(draws.shape[2:], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.asarray(effective_sample_size(rank_normalised(halves)))
    return np.where(np.ptp(draws, axis=(0, 1)) == 0, np.nan, found)


def convergence(traces: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The worst R-hat and the smallest bulk ESS of each of `QUANTITIES`, for `/diagnostics`."""
    found: dict[str, np.ndarray] = {}
    for name in QUANTITIES:
        draws = np.asarray(traces[name], dtype=np.float64)
        if np.ptp(draws) > 0 or not np.isfinite(draws).all():
            found[f"r_hat_{name}"] = np.max(r_hat(draws))
            found[f"ess_{name}"] = np.min(bulk_ess(draws))
    return found
