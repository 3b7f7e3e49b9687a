"""How well a prediction did: errors of the mean, proper scores and calibration of the Gaussian predictive distribution."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.models.surrogate import Prediction

LEVELS = (50, 68, 90, 95)
"""The central intervals, in per cent, whose coverage is reported."""

METRICS = (
    "rmse",
    "rel_rmse",
    "mae",
    "max_error",
    "r2",
    "nlpd",
    "crps",
    *(f"coverage_{level}" for level in LEVELS),
    "miscalibration_area",
    "sharpness",
    "interval_score_95",
)
"""The names of all metrics, in the order in which they are shown."""

_GRID = (np.arange(200) + 0.5) / 200


def score(truth: Float[np.ndarray, "*points L"], prediction: Prediction) -> dict[str, Float[np.ndarray, " L"]]:
    """Every metric of `METRICS` for each output, against observations or exact values.

    The predictive distribution is the Gaussian with the prediction's mean and total standard deviation. A standard deviation
    below the rounding error of the data counts as that rounding error, so that a certain prediction scores finitely.

    Args:
        truth: (…, L) the values to be predicted, in original units.
        prediction: of the same shape.

    Returns:
        (L,) values by name. `rmse`, `mae`, `max_error`, `crps`, `sharpness` (root mean predictive variance) and
        `interval_score_95` bear the unit of the output; `nlpd` is in nats. `rel_rmse` is over the standard deviation of this
        truth; it and `r2` are NaN where the truth is constant. All metrics that need a mean (a standard deviation) are NaN
        where one of the means (standard deviations) is not finite.

    Raises:
        ValueError: if the shapes differ or there is no point.
    """
    mean, std = np.asarray(prediction.mean), np.asarray(prediction.total_std)
    if truth.shape != mean.shape or truth.shape != std.shape:
        raise ValueError(f"truth of shape {truth.shape} cannot be scored against a prediction of shape {mean.shape}")
    if truth.size == 0:
        raise ValueError("there is no point to score")
    outputs = truth.shape[-1]
    truth, mean, std = (np.asarray(a, dtype=np.float64).reshape(-1, outputs) for a in (truth, mean, std))
    # one output at a time keeps the working memory to a few columns, also for millions of points
    columns = [_score_output(*(np.ascontiguousarray(a[:, i]) for a in (truth, mean, std))) for i in range(outputs)]
    return {name: np.array([column[name] for column in columns]) for name in METRICS}


def observed_coverage(
    truth: Float[np.ndarray, " N"], mean: Float[np.ndarray, " N"], std: Float[np.ndarray, " N"], levels: Float[np.ndarray, " P"]
) -> Float[np.ndarray, " P"]:
    """The share of the truth inside the central Gaussian interval of each level (between 0 and 1)."""
    return _coverage(np.sort(np.abs(truth - mean) / _floored(truth, mean, std)), np.asarray(levels))


def _score_output(truth: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, float]:
    with np.errstate(invalid="ignore", over="ignore"):
        return {**_mean_scores(truth, mean), **_gaussian_scores(truth, mean, std)}


def _mean_scores(truth: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    error = mean - truth
    rmse = float(np.sqrt(np.mean(error**2)))
    spread = float(truth.std())
    # a constant computed in floating point has a spread of a few units in the last place
    varies = spread > 8 * np.finfo(float).eps * float(np.abs(truth).max())
    return {
        "rmse": rmse,
        "rel_rmse": rmse / spread if varies else np.nan,
        "mae": float(np.mean(np.abs(error))),
        "max_error": float(np.max(np.abs(error))),
        "r2": 1 - (rmse / spread) ** 2 if varies else np.nan,
    }


def _gaussian_scores(truth: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, float]:
    import scoringrules

    floored = _floored(truth, mean, std)
    z = np.abs(truth - mean) / floored
    nlpd = float(np.mean(0.5 * z**2 + np.log(floored)) + 0.5 * np.log(2 * np.pi))
    reach = _half_width(np.array([0.95]))[0] * floored
    crps = scoringrules.crps_normal(truth, mean, floored, backend="numpy")
    interval = scoringrules.interval_score(truth, mean - reach, mean + reach, 0.05, backend="numpy")
    z.sort()
    coverage = _coverage(z, np.array(LEVELS) / 100)
    return {
        "nlpd": nlpd,
        "crps": float(np.mean(crps)),
        **{f"coverage_{level}": float(share) for level, share in zip(LEVELS, coverage, strict=True)},
        "miscalibration_area": float(np.mean(np.abs(_coverage(z, _GRID) - _GRID))),
        "sharpness": float(np.sqrt(np.mean(std**2))),
        "interval_score_95": float(np.mean(interval)),
    }


def _floored(truth: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    # relative to the data, so that a change of units changes no dimensionless score
    size = max(float(np.abs(truth).max()), float(np.abs(mean).max()))
    return np.maximum(std, max(np.finfo(float).eps * size if np.isfinite(size) else 0.0, np.finfo(float).tiny))


def _half_width(levels: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(0.5 + 0.5 * levels)


def _coverage(sorted_z: np.ndarray, levels: np.ndarray) -> np.ndarray:
    if np.isnan(sorted_z[-1]):  # NaN sorts last
        return np.full(levels.shape, np.nan)
    return np.searchsorted(sorted_z, _half_width(levels), side="right") / sorted_z.size
