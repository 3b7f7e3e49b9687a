"""Length scales and coordinates chosen by the evidence of an axis's one-dimensional shapes, before any sweep.

A function of several inputs with a low-rank structure is, along each axis, a handful of one-dimensional functions: the
singular vectors of the unfolding, each with its singular value for a size. Gaussian bases of length l with closely
spaced, padded centres are a Gaussian process with kernel exp(-(s - s')² / (4 l²)) (section 3.4), so the marginal
likelihood of
those columns is in closed form: one eigendecomposition of the size of the axis per candidate of length and coordinate.
Each column has an amplitude of its own and all share one noise level; both are maximised over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.bases.chidenn import Patch
from binn_cli.models.binn.bases.stretched import stretch

SHORTEST, LONGEST = 0.01, 4.0
"""Range of the candidate length scales in units of the domain."""

COARSE = np.geomspace(SHORTEST, LONGEST, 8)
"""Lengths that are tried with every rate."""

REFINEMENTS = 17
"""Lengths that are then tried between the coarse neighbours of the best, at the best rate."""

RATES = np.array([0.0, 3.0, 10.0, 30.0, 100.0, -3.0, -10.0, -30.0, -100.0])
"""Candidate rates of the logarithmic coordinate (see `stretch`); 0 leaves the coordinate as it is."""

RATE_STEP = float(np.sqrt(10.0 / 3.0))
"""Half the distance, as a ratio, of neighbouring candidates of the rate; such rates are tried beside the best."""

NOISE = np.geomspace(1e-20, 10.0, 22)
AMPLITUDE = np.geomspace(1e-16, 1e4, 41)
"""Candidate noise variances, and squared amplitudes of the columns."""

WORTH_STRETCHING = 3.0
"""Gain in log evidence (a factor of twenty in odds) below which a coordinate is left as it is."""

MOST_POINTS = 100
"""Axes are thinned to at most this many points: one eigendecomposition per candidate must stay a matter of a
millisecond."""

SMALLEST_COLUMN = 1e-13
"""Share of the energy below which a singular vector is round-off."""

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Candidate numbers of centres of a basis whose only scale is the spacing of its centres."""


@dataclass(frozen=True)
class Choice:
    """What the evidence chose for one coordinate.

    Attributes:
        rate: rate of the logarithmic coordinate.
        length: length scale in units of the (stretched) domain.
        trace: (C, 3) rate, length and log evidence of every candidate that was tried.
    """

    rate: float
    length: float
    trace: Float[np.ndarray, "C 3"]


def thin(n: int) -> np.ndarray:
    """Rows of an axis that take part."""
    return np.arange(n) if n <= MOST_POINTS else np.unique(np.linspace(0, n - 1, MOST_POINTS).round().astype(int))


def log_evidence(kernel: Float[np.ndarray, "n n"], columns: Float[np.ndarray, "n R"]) -> float:
    """Log marginal likelihood of the columns, maximised over the noise level and each column's amplitude."""
    values, vectors = np.linalg.eigh(kernel)
    # Eigenvalues are known to round-off of the largest; what they say below that must not count as knowledge.
    values = np.maximum(values, 0.0) + len(values) * np.finfo(np.float64).eps * values[-1]
    squares = (vectors.T @ columns) ** 2
    variance = AMPLITUDE[:, None] * values + NOISE[:, None, None]  # (noise, amplitude, n)
    fit = (1.0 / variance) @ squares + np.log(variance).sum(axis=2)[..., None]
    return float(np.max(np.sum(np.max(-0.5 * fit, axis=1), axis=1)))


def choose_scale(x: Float[np.ndarray, " n"], columns: Float[np.ndarray, "n R"]) -> Choice:
    """The rate and length of highest evidence: every rate with coarse lengths, then finer lengths, then nearby rates.

    Args:
        x: the axis's points in units of the domain, at most `MOST_POINTS`.
        columns: functions on the axis, scaled by their size; the mean square of all of them together about one.
    """
    if columns.size == 0:  # an output that is zero everywhere says nothing
        return Choice(0.0, 0.5, np.zeros((0, 3)))
    tried: list[tuple[float, float, float]] = []

    def evidence(rate: float, lengths: Float[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
        s = stretch(x, rate)
        squares = (s[:, None] - s) ** 2
        found = [log_evidence(np.exp(-squares / (4.0 * length**2)), columns) for length in lengths]
        tried.extend(zip([rate] * len(found), lengths, found, strict=True))
        return np.array(found)

    coarse = np.stack([evidence(rate, COARSE) for rate in RATES])
    top = np.unravel_index(np.argmax(coarse - np.where(RATES == 0.0, 0.0, WORTH_STRETCHING)[:, None]), coarse.shape)
    rate, length, step = float(RATES[top[0]]), COARSE[top[1]], COARSE[1] / COARSE[0]
    around = np.clip(length * step ** np.linspace(-1, 1, REFINEMENTS), SHORTEST, LONGEST)
    fine = evidence(rate, around)
    for nearby in (rate * RATE_STEP, rate / RATE_STEP) if rate else ():
        other = evidence(nearby, around)
        if other.max() > fine.max():
            rate, fine = nearby, other
    return Choice(rate, vertex(around, fine), np.array(tried))


def vertex(lengths: Float[np.ndarray, " n"], evidence: Float[np.ndarray, " n"]) -> float:
    """The length at the top of the parabola in log length through the best candidate and its two neighbours."""
    best = int(np.argmax(evidence))
    if best in (0, len(lengths) - 1) or lengths[best - 1] == lengths[best] or lengths[best] == lengths[best + 1]:
        return float(lengths[best])
    below, top, above = evidence[best - 1 : best + 2]
    curvature = below - 2.0 * top + above
    shift = 0.5 * (below - above) / curvature if curvature < 0.0 else 0.0
    return float(lengths[best] * (lengths[best + 1] / lengths[best]) ** shift)


def choose_count(
    kind: str, patch: Patch, s: Float[np.ndarray, " n"], columns: Float[np.ndarray, "n R"]
) -> tuple[int, Float[np.ndarray, "C 2"]]:
    """The number of centres with the highest evidence, and (C, 2) number and log evidence of every candidate.

    Args:
        kind: hat, bspline or chidenn.
        patch: how chidenn interpolates.
        s: the coordinate, in units of the domain and stretched.
        columns: functions on the axis, scaled by their size.
    """

    def evidence(count: int) -> float:
        design = build_basis(kind, count, 0, np.nan, patch=patch)(s)
        kernel = design @ design.T
        return log_evidence(kernel / np.max(np.diagonal(kernel)), columns)

    most = int(np.clip(len(np.unique(s)), 2, COUNTS[-1]))  # more would leave functions between the data to their prior
    trace = np.array([(count, evidence(count)) for count in sorted({*(c for c in COUNTS if c < most), most})])
    return int(trace[int(np.argmax(trace[:, 1])), 0]), trace


def axis_columns(
    eigenvalues: Float[np.ndarray, " K"], vectors: Float[np.ndarray, "n K"], points: int
) -> Float[np.ndarray, "n R"]:
    """Singular vectors of an unfolding scaled by their share of a data tensor of unit mean square."""
    total = eigenvalues.sum()
    if total == 0.0:
        return np.zeros((len(vectors), 0))
    share = eigenvalues / total
    kept = share > SMALLEST_COLUMN
    return vectors[:, kept] * np.sqrt(share[kept] * points)
