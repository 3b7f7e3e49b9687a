"""How well a prediction did: errors of the mean, proper scores and calibration of the Gaussian predictive
distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

CELLS = 4096
"""In so many cells points are counted that intervals may contain."""


@dataclass(frozen=True)
class Tally:
    """What the metrics of any number of points need: sums over the points, which add up over parts of them.

    Attributes:
        points: how many points N.
        truth: (L,) mean of the truth, and `truth_norm` the root of the sum of squares about it.
        largest: (L,) largest size of the truth.
        sums: (L,) sums over the points by name.
        norms: (L,) roots of sums of squares over the points by name: squares alone may be smaller than any number.
        max_error: (L,) largest absolute error.
        within: (L, P) points inside the central interval of each level of `LEVELS` and of the grid of the
            miscalibration area.
    """

    points: int
    truth: Float[np.ndarray, " L"]
    truth_norm: Float[np.ndarray, " L"]
    largest: Float[np.ndarray, " L"]
    sums: Mapping[str, Float[np.ndarray, " L"]]
    norms: Mapping[str, Float[np.ndarray, " L"]]
    max_error: Float[np.ndarray, " L"]
    within: Float[np.ndarray, "L P"]

    @classmethod
    def of(cls, truth: Float[np.ndarray, "*points L"], prediction: Prediction) -> Tally:
        """The sums over some points; see `score`, which raises the same errors."""
        mean, std = np.asarray(prediction.mean), np.asarray(prediction.total_std)
        if truth.shape != mean.shape or truth.shape != std.shape:
            raise ValueError(
                f"truth of shape {truth.shape} cannot be scored against a prediction of shape {mean.shape}"
            )
        if truth.size == 0:
            raise ValueError("there is no point to score")
        outputs = truth.shape[-1]
        truth, mean, std = (np.asarray(a, dtype=np.float64).reshape(-1, outputs) for a in (truth, mean, std))
        # one output at a time keeps the working memory to a few columns, also for millions of points
        columns = [[np.ascontiguousarray(a[:, i]) for a in (truth, mean, std)] for i in range(outputs)]
        with np.errstate(invalid="ignore", over="ignore"):
            centre = truth.mean(axis=0)
            sums, norms, within = zip(*(_sums_of_output(*column) for column in columns), strict=True)
            return cls(
                points=len(truth),
                truth=centre,
                truth_norm=np.array([_norm(own - middle) for (own, _, _), middle in zip(columns, centre, strict=True)]),
                largest=np.abs(truth).max(axis=0),
                sums={name: np.array([own[name] for own in sums]) for name in sums[0]},
                norms={name: np.array([own[name] for own in norms]) for name in norms[0]},
                max_error=np.abs(mean - truth).max(axis=0),
                within=np.array(within),
            )

    def __add__(self, other: Tally) -> Tally:
        points = self.points + other.points
        apart = other.truth - self.truth
        return Tally(
            points=points,
            truth=self.truth + apart * (other.points / points),
            truth_norm=np.hypot(
                np.hypot(self.truth_norm, other.truth_norm), apart * np.sqrt(self.points * other.points / points)
            ),
            largest=np.maximum(self.largest, other.largest),
            sums={name: own + other.sums[name] for name, own in self.sums.items()},
            norms={name: np.hypot(own, other.norms[name]) for name, own in self.norms.items()},
            max_error=np.maximum(self.max_error, other.max_error),
            within=self.within + other.within,
        )

    def metrics(self) -> dict[str, Float[np.ndarray, " L"]]:
        """Every metric of `METRICS` for each output; see `score`."""
        mean = {name: total / self.points for name, total in self.sums.items()}
        root = np.sqrt(self.points)
        rmse, spread = self.norms["error"] / root, self.truth_norm / root
        # a constant computed in floating point has a spread of a few units in the last place
        varies = spread > 8 * np.finfo(float).eps * self.largest
        relative = np.where(varies, rmse / np.where(varies, spread, 1.0), np.nan)
        coverage = self.within / self.points
        return {
            "rmse": rmse,
            "rel_rmse": relative,
            "mae": mean["error"],
            "max_error": self.max_error,
            "r2": 1 - relative**2,
            "nlpd": mean["nlpd"],
            "crps": mean["crps"],
            **{f"coverage_{level}": coverage[:, i] for i, level in enumerate(LEVELS)},
            "miscalibration_area": np.mean(np.abs(coverage[:, len(LEVELS) :] - _GRID), axis=1),
            "sharpness": self.norms["std"] / root,
            "interval_score_95": mean["interval"],
        }


def score(truth: Float[np.ndarray, "*points L"], prediction: Prediction) -> dict[str, Float[np.ndarray, " L"]]:
    """Every metric of `METRICS` for each output, against observations or exact values.

    The predictive distribution is the Gaussian with the prediction's mean and total standard deviation. A standard
    deviation below the rounding error of the data counts as that rounding error, so that a certain prediction scores
    finitely.

    Args:
        truth: (…, L) the values to be predicted, in original units.
        prediction: of the same shape.

    Returns:
        (L,) values by name. `rmse`, `mae`, `max_error`, `crps`, `sharpness` (root mean predictive variance) and
        `interval_score_95` bear the unit of the output; `nlpd` is in nats. `rel_rmse` is over the standard deviation of
        this truth; it and `r2` are NaN where the truth is constant. All metrics that need a mean (a standard deviation)
        are NaN where one of the means (standard deviations) is not finite.

    Raises:
        ValueError: if the shapes differ or there is no point.
    """
    return Tally.of(truth, prediction).metrics()


def observed_coverage(
    truth: Float[np.ndarray, " N"],
    mean: Float[np.ndarray, " N"],
    std: Float[np.ndarray, " N"],
    levels: Float[np.ndarray, " P"],
) -> Float[np.ndarray, " P"]:
    """The share of the truth inside the central Gaussian interval of each level (between 0 and 1)."""
    return _within(np.abs(truth - mean) / _floored(truth, mean, std), np.asarray(levels)) / truth.size


def _sums_of_output(
    truth: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> tuple[dict[str, float], dict[str, float], np.ndarray]:
    """Sums over the points of one output, roots of sums of squares, and how many lie inside each interval."""
    import scoringrules

    error, floored = np.abs(truth - mean), _floored(truth, mean, std)
    z = error / floored
    reach = _half_width(np.array([0.95]))[0] * floored
    sums = {
        "error": np.sum(error),
        "nlpd": np.sum(0.5 * z**2 + np.log(floored)) + 0.5 * np.log(2 * np.pi) * z.size,
        "crps": np.sum(scoringrules.crps_normal(truth, mean, floored, backend="numpy")),
        "interval": np.sum(scoringrules.interval_score(truth, mean - reach, mean + reach, 0.05, backend="numpy")),
    }
    norms = {"error": _norm(error), "std": _norm(std)}
    levels = np.array([*(np.array(LEVELS) / 100), *_GRID])
    return {name: float(total) for name, total in sums.items()}, norms, _within(z, levels)


def _norm(values: np.ndarray) -> float:
    """The root of the sum of squares; by their exponent, so that no square underflows or overflows."""
    largest = float(np.max(np.abs(values)))
    if not 0.0 < largest < np.inf:
        return largest
    unit = 2.0 ** np.frexp(largest)[1]
    return float(unit * np.sqrt(np.sum((values / unit) ** 2)))


def _within(z: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How many of the standardised distances lie inside the central interval of each level.

    Counted in cells; only distances in the cells where intervals end are sorted.
    """
    reach = _half_width(levels)
    if np.isnan(z).any():
        return np.full(levels.shape, np.nan)
    longest = float(reach.max())
    if z.size < 2 * CELLS or not np.isfinite(longest):
        return np.searchsorted(np.sort(z), reach, side="right").astype(np.float64)
    cells, ends = _cells(z, longest), _cells(reach, longest)
    counts = np.bincount(cells, minlength=CELLS + 1)
    shared = np.zeros(CELLS + 1, dtype=bool)
    shared[ends] = True
    there = np.sort(z[shared[cells]])
    apart = np.cumsum(np.where(shared, 0, counts))[ends]
    return (apart + np.searchsorted(there, reach, side="right")).astype(np.float64)


def _cells(distances: np.ndarray, longest: float) -> np.ndarray:
    """Cells of equal width up to the longest interval, and one for what lies beyond; never falls with the distance."""
    return np.minimum(distances * (CELLS / longest), CELLS).astype(np.int32)


def _floored(truth: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    # relative to the data, so that a change of units changes no dimensionless score
    size = max(float(np.abs(truth).max()), float(np.abs(mean).max()))
    return np.maximum(std, max(np.finfo(float).eps * size if np.isfinite(size) else 0.0, np.finfo(float).tiny))


def _half_width(levels: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(0.5 + 0.5 * levels)
