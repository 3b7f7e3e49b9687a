"""Length scales and coordinates chosen by the evidence, one dimension at a time, before any sweep.

A function of several inputs with a low-rank structure is, along each axis, a handful of one-dimensional functions: the singular vectors
of the unfolding, each with its singular value for a size. Gaussian bases of length l with closely spaced, padded centres are a Gaussian
process with kernel exp(-(s - s')^2 / (4 l^2)) (section 3.4), so the marginal likelihood of those columns is in closed form: for each
candidate of length and coordinate one eigendecomposition of the size of the axis. Each column has an amplitude of its own and all share
one noise level; both are maximised over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import stretch
from binn_cli.models.compilation import CompiledFunction, Stopwatch

SHORTEST, LONGEST = 0.01, 4.0
"""Range of the candidate length scales in units of the domain."""

COARSE = np.geomspace(SHORTEST, LONGEST, 8)
"""Lengths that are tried with every rate."""

REFINEMENTS = 17
"""Lengths that are then tried between the coarse neighbours of the best, at the best rate."""

RATES = np.array([0.0, 3.0, 10.0, 30.0, 100.0, -3.0, -10.0, -30.0, -100.0])
"""Candidate rates of the logarithmic coordinate (see `stretch`); 0 leaves the coordinate as it is."""

RATE_STEP = np.sqrt(10.0 / 3.0)
"""Half the distance, as a ratio, of neighbouring candidates of the rate; such rates are then tried on either side of the best."""

NOISE = np.geomspace(1e-20, 10.0, 22)
AMPLITUDE = np.geomspace(1e-16, 1e4, 41)
WORTH_STRETCHING = 3.0
"""Gain in log evidence (a factor of twenty in odds) below which a coordinate is left as it is."""

MOST_POINTS = 100
"""Axes are thinned to at most this many points: one eigendecomposition a candidate must stay a matter of a millisecond."""

ROWS_PADDED, COLUMNS_PADDED = 16, 4
"""Points and functions are padded to multiples of these."""

SMALLEST_COLUMN = 1e-13
"""Share of the energy below which a singular vector is round-off."""


def _kernel(s: Float[Array, " n"], length: Float[Array, ""] | float) -> Float[jax.Array, "n n"]:
    return jnp.exp(-(((s[:, None] - s) / (2.0 * length)) ** 2))


class Problem(NamedTuple):
    """Functions on an axis, padded so that axes of similar size share what is compiled.

    Attributes:
        others: (N, N) kernel of the axis's other coordinates, zero where padded.
        x: (N,) the coordinate, zero where padded.
        columns: (N, C) the functions, zero where padded.
        rows: how many points there are.
        functions: how many functions.
    """

    others: Float[Array, "N N"]
    x: Float[Array, " N"]
    columns: Float[Array, "N C"]
    rows: int
    functions: int

    @classmethod
    def of(cls, others: Float[np.ndarray, "n n"], x: Float[np.ndarray, " n"], columns: Float[np.ndarray, "n R"]) -> Problem:
        """The padded problem."""
        n, r = columns.shape
        more, wider = -n % ROWS_PADDED, -r % COLUMNS_PADDED
        return cls(np.pad(others, (0, more)), np.pad(x, (0, more)), np.pad(columns, ((0, more), (0, wider))), n, r)


def log_evidence(kernel: Float[jax.Array, "N N"], problem: Problem) -> jax.Array:
    """Log marginal likelihood of the columns, maximised over the noise level and each column's amplitude."""
    inside = jnp.arange(kernel.shape[0]) < problem.rows
    # Padded rows become eigenvectors of their own, with an eigenvalue that no kernel has.
    values, vectors = jnp.linalg.eigh(jnp.where(inside[:, None] & inside, kernel, 0.0) - jnp.diag(jnp.where(inside, 0.0, 1.0)))
    real = values > -0.5
    # Eigenvalues are known to round-off of the largest; what they say below that must not count as knowledge.
    values = jnp.maximum(values, 0.0) + kernel.shape[0] * jnp.finfo(jnp.float64).eps * values[-1]
    squares = (vectors.T @ problem.columns) ** 2

    def at_noise(noise: jax.Array) -> jax.Array:
        variance = AMPLITUDE[:, None] * values + noise  # (amplitudes, N)
        fit = jnp.where(real, 1.0 / variance, 0.0) @ squares + jnp.sum(jnp.where(real, jnp.log(variance), 0.0), axis=1)[:, None]
        return jnp.sum(jnp.where(jnp.arange(squares.shape[1]) < problem.functions, jnp.max(-0.5 * fit, axis=0), 0.0))

    return jnp.max(jax.lax.map(at_noise, jnp.asarray(NOISE)))


def _candidates(problem: Problem, rates: Float[Array, " C"], lengths: Float[Array, " C"]) -> Float[Array, " C"]:
    """Log evidence of one dimension for each pair of rate and length, the kernel of the axis's other dimensions given."""

    def at(candidate: tuple[jax.Array, jax.Array]) -> jax.Array:
        rate, length = candidate
        return log_evidence(jnp.asarray(problem.others) * _kernel(stretch(problem.x, rate), length), problem)

    return jax.lax.map(at, (jnp.asarray(rates), jnp.asarray(lengths)))


evaluated = CompiledFunction(_candidates)


@dataclass(frozen=True)
class Choice:
    """What the evidence chose for one dimension.

    Attributes:
        rate: rate of the logarithmic coordinate.
        length: length scale in units of the (stretched) domain.
        trace: (C, 3) rate, length and log evidence of every candidate that was tried.
    """

    rate: float
    length: float
    trace: Float[np.ndarray, "C 3"]


def thinned(n: int) -> np.ndarray:
    """Rows of an axis that take part."""
    return np.arange(n) if n <= MOST_POINTS else np.unique(np.linspace(0, n - 1, MOST_POINTS).round().astype(int))


def choose_scales(points: Float[np.ndarray, "n D"], columns: Float[np.ndarray, "n R"], watch: Stopwatch) -> list[Choice]:
    """Rate and length of every dimension of one axis, by coordinate ascent on the evidence of a product kernel.

    Args:
        points: the axis's points in units of the domain, `thinned`.
        columns: functions on the axis, scaled by their size; the mean square of all of them together should be about one.
        watch: charged with compilation.
    """
    dimensions = points.shape[1]
    if columns.size == 0:  # an output that is zero everywhere says nothing
        return [Choice(0.0, 0.5, np.zeros((0, 3)))] * dimensions
    best = [Choice(0.0, 0.5, np.zeros((0, 3)))] * dimensions
    for _ in range(1 if dimensions == 1 else 2):
        for d in range(dimensions):
            best[d] = _best(kernel_of_others(points, best, d), points[:, d], columns, watch)
    return best


def kernel_of_others(points: Float[np.ndarray, "n D"], choices: Sequence[Choice], dimension: int) -> Float[np.ndarray, "n n"]:
    """Product of the kernels of an axis's other coordinates."""
    product = np.ones((len(points), len(points)))
    for e, choice in enumerate(choices):
        if e != dimension:
            s = np.asarray(stretch(points[:, e], choice.rate))
            product = product * np.exp(-(((s[:, None] - s) / (2 * choice.length)) ** 2))
    return product


def _best(others: Float[np.ndarray, "n n"], x: Float[np.ndarray, " n"], columns: Float[np.ndarray, "n R"], watch: Stopwatch) -> Choice:
    """The rate and length of highest evidence: every rate with coarse lengths, then finer lengths and, where it is stretched, rates."""
    problem = Problem.of(others, x, columns)
    rates, lengths = (grid.ravel() for grid in np.meshgrid(RATES, COARSE, indexing="ij"))
    coarse = np.asarray(evaluated(watch, problem, rates, lengths))
    top = int(np.argmax(coarse - np.where(rates == 0.0, 0.0, WORTH_STRETCHING)))
    rate, step = float(rates[top]), COARSE[1] / COARSE[0]
    around = np.clip(lengths[top] * step ** np.linspace(-1, 1, REFINEMENTS), SHORTEST, LONGEST)
    tried = [(rates, lengths, coarse)]

    def refined(at: float) -> Float[np.ndarray, " n"]:
        found = np.asarray(evaluated(watch, problem, np.full(REFINEMENTS, at), around))
        tried.append((np.full(REFINEMENTS, at), around, found))
        return found

    fine = refined(rate)
    for nearby in (rate * RATE_STEP, rate / RATE_STEP) if rate else ():
        other = refined(nearby)
        if other.max() > fine.max():
            rate, fine = nearby, other
    trace = np.concatenate([np.stack(columns, axis=1) for columns in tried])
    return Choice(rate, _vertex(around, fine), trace)


def _vertex(lengths: Float[np.ndarray, " n"], evidence: Float[np.ndarray, " n"]) -> float:
    """The length at the top of the parabola in log length through the best candidate and its two neighbours."""
    best = int(np.argmax(evidence))
    if best in (0, len(lengths) - 1) or lengths[best - 1] == lengths[best] or lengths[best] == lengths[best + 1]:
        return float(lengths[best])
    below, top, above = evidence[best - 1 : best + 2]
    curvature = below - 2.0 * top + above
    shift = 0.5 * (below - above) / curvature if curvature < 0.0 else 0.0
    return float(lengths[best] * (lengths[best + 1] / lengths[best]) ** shift)


def axis_columns(eigenvalues: Float[np.ndarray, " K"], vectors: Float[np.ndarray, "n K"], points: int) -> Float[np.ndarray, "n R"]:
    """Singular vectors of an unfolding scaled by their share of a data tensor of unit mean square."""
    total = eigenvalues.sum()
    if total == 0.0:
        return np.zeros((len(vectors), 0))
    share = eigenvalues / total
    kept = share > SMALLEST_COLUMN
    return vectors[:, kept] * np.sqrt(share[kept] * points)
