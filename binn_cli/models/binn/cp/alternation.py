"""The paper's alternation (section 3.3): the posterior of every dimension's block in turn, the others frozen.

`als` passes posterior means between blocks, as in the paper. `vb` is mean-field variational Bayes: blocks see second
moments, E[f fᵀ] = μ μᵀ + φᵀ C φ, and the evidence lower bound rises with every sweep. Gauss-Newton on all blocks
(`gauss_newton.py`) is the default; this is what the presets of the paper ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.linalg
from jaxtyping import Float

from binn_cli.models.binn.cp.design import AxisDesign, contract_others, face_splitting
from binn_cli.models.binn.cp.normal_equations import CHUNK_ENTRIES, Design, columns_of, over_chunks

NOISE_FLOOR = 1e-14
"""Smallest noise variance relative to the variance of the data: the squared residual is known no better than
round-off."""

RELEVANCE_FLOOR = 1e-12
"""Learned prior variances stay within this factor of the prior that the configuration states."""

VANISHED = 1e-30
"""Modes smaller than this in a dimension, in units of the prior, have vanished: their size is not evened out
further."""


@dataclass(frozen=True)
class BlockPrior:
    """Prior of every dimension's weights: mean (K, M) and variance (M,)."""

    mean: tuple[Float[np.ndarray, "K M"], ...]
    variance: tuple[Float[np.ndarray, " M"], ...]


@dataclass(frozen=True)
class AlternationSettings:
    """How the alternation goes.

    Attributes:
        sweeps: most sweeps over all dimensions.
        tolerance: stop when a sweep changes the residual by less than this, relatively, or raises the bound by less
            than this per data point; 0 makes every sweep.
        learn_noise, learn_relevance: whether the noise and every mode's prior variance in every dimension are
            estimated.
        balance: whether every mode's size is spread evenly over the dimensions before a sweep.
        extrapolate: whether a balanced alternation starts each sweep farther along the last one's step.
        variational: whether blocks see the others' second moments (vb) or their means alone (als).
    """

    sweeps: int
    tolerance: float
    learn_noise: bool
    learn_relevance: bool
    balance: bool
    extrapolate: bool
    variational: bool


@dataclass(frozen=True)
class Block:
    """Posterior of one dimension's weights, (K, M).

    Attributes:
        mean: (K, M).
        covariance: (K, M, K, M).
        degrees: effective number of parameters.
        misfit: the squared residual less the energy of the data.
        log_determinant: of the posterior precision in units of the prior's.
        trace: of the Gram matrix times the covariance.
    """

    mean: Float[np.ndarray, "K M"]
    covariance: Float[np.ndarray, "K M K M"]
    degrees: float
    misfit: float
    log_determinant: float
    trace: float


@dataclass(frozen=True)
class BlockFit:
    """Result of the alternation for one output.

    Attributes:
        blocks: posterior of every dimension.
        variance: for each dimension (M,) the prior variance that it was computed with.
        noise: σ² in standardised units.
        residual: root mean square residual after every sweep.
        bound: evidence lower bound after every sweep in nats; empty for als.
        degrees: effective number of parameters of all blocks together.
        settled: whether the sweeps ended before they ran out.
    """

    blocks: tuple[Block, ...]
    variance: tuple[Float[np.ndarray, " M"], ...]
    noise: float
    residual: Float[np.ndarray, " sweeps"]
    bound: Float[np.ndarray, " sweeps"]
    degrees: float
    settled: bool


def solve_block(
    gram: Float[np.ndarray, "P P"], rhs: Float[np.ndarray, " P"], mean: np.ndarray, variance: np.ndarray, noise: float
) -> Block:
    """The Bayesian linear regression posterior of a block (Eqs. 7 and 19), weights in the order (K, M).

    It is solved in coordinates scaled by the prior standard deviation, where the precision is the identity plus a
    positive semi-definite matrix: its factorisation cannot break down for want of a prior.
    """
    width, modes = mean.shape
    scale = np.tile(np.sqrt(variance), width)
    precision = scale[:, None] * gram * (scale / noise)
    precision[np.diag_indices(len(scale))] += 1.0
    try:
        factor = scipy.linalg.cholesky(precision, lower=True, check_finite=False)
        inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        log_determinant = 2.0 * float(np.sum(np.log(np.diag(factor))))
    except np.linalg.LinAlgError:  # a noise variance near round-off: no eigenvalue is below one in exact arithmetic
        values, vectors = np.linalg.eigh(precision)
        values = np.maximum(values, 1.0)
        inverse, log_determinant = (vectors / values) @ vectors.T, float(np.sum(np.log(values)))
    begin = mean.ravel()
    found = begin + scale * (inverse @ (scale * (rhs - gram @ begin) / noise))
    covariance = scale[:, None] * inverse * scale
    degrees = len(scale) - float(np.trace(inverse))
    misfit = float(found @ (gram @ found - 2.0 * rhs))
    shape = (width, modes, width, modes)
    return Block(
        found.reshape(width, modes), covariance.reshape(shape), degrees, misfit, log_determinant, noise * degrees
    )


class AxisState:
    """The functions of one axis during a sweep, renewed after every block.

    With covariances, products of two functions are expectations under the posterior, not products of means.
    """

    def __init__(self, axis: AxisDesign, means: Sequence[np.ndarray], covariances: Sequence[np.ndarray] | None) -> None:
        """Evaluate every coordinate's functions."""
        self.axis = axis
        self.functions = [axis.design(c) @ w for c, w in enumerate(means)]
        # Blocks are visited in order: the product of the functions before one is renewed, that of those behind it
        # stays.
        self.before: np.ndarray = np.ones((1, 1))
        self.after: list[np.ndarray] = [np.ones((1, 1))] * axis.count
        for c in reversed(range(axis.count - 1)):
            self.after[c] = self.after[c + 1] * self.functions[c + 1]
        self.seconds = (
            None
            if covariances is None
            else [self._second(c, m, v) for c, (m, v) in enumerate(zip(means, covariances, strict=True))]
        )

    def _second(
        self, c: int, mean: Float[np.ndarray, "K M"], covariance: Float[np.ndarray, "K M K M"]
    ) -> Float[np.ndarray, "n M M"]:
        phi = self.axis.design(c)
        f = phi @ mean
        spread = np.einsum("nk,kmlp,nl->nmp", phi, covariance, phi, optimize=True)
        return f[:, :, None] * f[:, None, :] + spread

    def update(self, c: int, block: Block) -> None:
        """Put a coordinate's new posterior in place."""
        self.functions[c] = self.axis.design(c) @ block.mean
        self.before = self.before * self.functions[c]
        if self.seconds is not None:
            self.seconds[c] = self._second(c, block.mean, block.covariance)

    def columns(self) -> tuple[Float[np.ndarray, "n M"], Float[np.ndarray, "M M"]]:
        """The product of all functions, and its (expected) Gram matrix."""
        product = columns_of(self.functions)
        if self.seconds is None:
            return product, product.T @ product
        return product, reduce(np.multiply, self.seconds).sum(axis=0)

    def sums(
        self, c: int, moment: Float[np.ndarray, "n m"], others: Float[np.ndarray, "M M"]
    ) -> tuple[Float[np.ndarray, "P P"], Float[np.ndarray, " P"]]:
        """Gram matrix and right-hand side of a coordinate's block: Σ_i (Γ ∘ E[g gᵀ])_i ⊗ φ_i φ_iᵀ and Σ_i (T ∘ g)_i ⊗
        φ_i."""
        modes = self.functions[c].shape[1]
        g = np.broadcast_to(self.before * self.after[c], (self.axis.points, modes))
        width = self.axis.sizes[c]
        if self.seconds is None:

            def part(rows: slice) -> tuple[np.ndarray, np.ndarray]:
                phi, own = self.axis.design(c, rows), g[rows]
                # Row by row g ⊗ φ (Eq. 18): a symmetric product of one matrix with itself costs half of any other.
                block = face_splitting(own, phi)
                return block.T @ block, phi.T @ (moment[rows] * own)

        else:
            rest = [s for e, s in enumerate(self.seconds) if e != c]
            pairs = np.broadcast_to(reduce(np.multiply, rest, np.ones((1, 1, 1))), (self.axis.points, modes, modes))

            def part(rows: slice) -> tuple[np.ndarray, np.ndarray]:
                phi, own = self.axis.design(c, rows), g[rows]
                return _weighted_grams(phi, pairs[rows]), phi.T @ (moment[rows] * own)

        step = max(64, CHUNK_ENTRIES // (width * modes + 2 * width + modes))
        chunks = [slice(begin, begin + step) for begin in range(0, self.axis.points, step)]
        gram, rhs = (sum(parts) for parts in zip(*over_chunks(part, chunks), strict=True))
        full = np.reshape(gram, (width, modes, width, modes)) * others[None, :, None, :]
        return full.reshape(width * modes, -1), np.asarray(rhs).ravel()


def _weighted_grams(phi: Float[np.ndarray, "n K"], pairs: Float[np.ndarray, "n M M"]) -> Float[np.ndarray, "P P"]:
    """Σ_i pairs_i ⊗ φ_i φ_iᵀ, in the order (K, M) of weights."""
    width, modes = phi.shape[1], pairs.shape[1]
    full = np.empty((width, modes, width, modes))
    for m, q in zip(*np.triu_indices(modes), strict=True):
        full[:, m, :, q] = full[:, q, :, m] = phi.T @ (phi * pairs[:, m, q, None])
    return full.reshape(width * modes, -1)


def sweep(
    design: Design,
    prior: BlockPrior,
    means: Sequence[np.ndarray],
    covariances: Sequence[np.ndarray] | None,
    noise: float,
) -> list[Block]:
    """Update every dimension once, in order."""
    modes, states, begin = means[0].shape[1], [], 0
    for axis in design.axes:
        own = slice(begin, begin + axis.count)
        states.append(AxisState(axis, means[own], None if covariances is None else covariances[own]))
        begin += axis.count
    pairs = [state.columns() for state in states]
    blocks: list[Block] = []
    for a, (axis, state) in enumerate(zip(design.axes, states, strict=True)):
        others = reduce(np.multiply, [gram for b, (_, gram) in enumerate(pairs) if b != a], np.ones((modes, modes)))
        compressed = [
            c if x.projection is None else x.projection.T @ c for x, (c, _) in zip(design.axes, pairs, strict=True)
        ]
        moment = contract_others(design.data, compressed, a)
        moment = moment if axis.projection is None else axis.projection @ moment
        for c in range(axis.count):
            d = len(blocks)
            gram, rhs = state.sums(c, moment, others)
            blocks.append(solve_block(gram, rhs, prior.mean[d], prior.variance[d], noise))
            state.update(c, blocks[-1])
        pairs[a] = state.columns()
    return blocks


def balance(
    means: Sequence[np.ndarray], variance: Sequence[np.ndarray], unit: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same functions and priors with every mode's size, in units of the stated prior, spread evenly."""
    sizes = [np.maximum(np.sqrt(np.sum(m**2, axis=0) / u), VANISHED) for m, u in zip(means, unit, strict=True)]
    even = np.exp(sum(np.log(size) for size in sizes) / len(sizes))
    factors = [even / size for size in sizes]
    scaled = [_bounded(v * f**2, u) for v, f, u in zip(variance, factors, unit, strict=True)]
    return [m * f for m, f in zip(means, factors, strict=True)], scaled


def _bounded(variance: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return np.clip(variance, RELEVANCE_FLOOR * unit, unit / RELEVANCE_FLOOR)


def _spread(block: Block) -> Float[np.ndarray, " M"]:
    """Posterior variances of a block's weights, summed over each mode."""
    return np.einsum("kmkm->m", block.covariance)


def fixed_point(block: Block, variance: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """MacKay's fixed point: the squared weights of a mode over the number of them that the data determine."""
    determined = np.maximum(len(block.mean) - _spread(block) / variance, 1e-3)
    return _bounded(np.sum(block.mean**2, axis=0) / determined, unit)


def expected_square(block: Block, mean: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """The prior variance that maximises the lower bound; slower where a mode vanishes, but it never lowers the
    bound."""
    return _bounded((np.sum((block.mean - mean) ** 2, axis=0) + _spread(block)) / len(block.mean), unit)


def lower_bound(blocks: Sequence[Block], prior: BlockPrior, expected: float, count: int, noise: float) -> float:
    """log p(u) ≥ E_q[log p(u | w)] - Σ_d KL(q(w_d) || p(w_d)), in nats."""
    likelihood = -0.5 * (count * np.log(2.0 * np.pi * noise) + expected / noise)
    divergence = 0.0
    for block, mean, variance in zip(blocks, prior.mean, prior.variance, strict=True):
        square = np.sum((block.mean - mean) ** 2, axis=0) + _spread(block)
        divergence += 0.5 * (float(np.sum(square / variance)) - block.mean.size + block.log_determinant)
    return float(likelihood) - divergence


class Pace:
    """How far the next sweep starts along the last one's step, after Ang and Gillis, Neural Computation 31 (2019)."""

    FIRST, SHRINK, GROW, LIMIT = 0.5, 1.5, 1.05, 1.01

    def __init__(self) -> None:
        """At rest."""
        self.share, self.limit = self.FIRST, 1.0
        self.before: list[np.ndarray] = []

    def extrapolate(self, latest: list[np.ndarray], residual: Sequence[float]) -> list[np.ndarray]:
        """Where the next sweep starts; the step is taken back when the last one raised the residual."""
        start = latest
        if len(residual) >= 2:
            worse = residual[-1] > residual[-2]
            share = self.share / self.SHRINK if worse else min(self.limit, self.GROW * self.share)
            limit = self.share if worse else min(1.0, self.LIMIT * self.limit)
            if not worse:
                start = [w + share * (w - b) for w, b in zip(latest, self.before, strict=True)]
            if len(residual) >= 3:
                self.share, self.limit = share, limit
        self.before = latest
        return start


def alternate(
    design: Design, prior: BlockPrior, start: Sequence[np.ndarray], noise: float, settings: AlternationSettings
) -> BlockFit:
    """Sweep until the residual or the bound has settled or the sweeps are used up.

    The noise variance that `als` learns is the squared residual over N less the effective number of parameters, the
    M (D - 1) scales that modes can exchange between dimensions not counted twice. That of `vb` is the expected squared
    residual over N, which raises the bound.
    """
    count, modes, pace = design.count, start[0].shape[1], Pace()
    floor = NOISE_FLOOR * max(design.energy / count, 1e-60)
    means, covariances = list(start), None
    if settings.variational:
        covariances = [np.zeros((*w.shape, *w.shape)) for w in start]
    variance = list(prior.variance)
    residual: list[float] = []
    bound: list[float] = []
    settled = False
    while len(residual) < settings.sweeps and not settled:
        if settings.balance and not settings.variational:
            means, rescaled = balance(means, variance, prior.variance)
            variance = rescaled if settings.learn_relevance else variance
            if settings.extrapolate:
                means = pace.extrapolate(means, residual)
        used = BlockPrior(prior.mean, tuple(variance))
        blocks = sweep(design, used, means, covariances, noise)
        means, covariances = [b.mean for b in blocks], [b.covariance for b in blocks] if settings.variational else None
        squared = max(design.energy + blocks[-1].misfit, floor * count)
        degrees = max(sum(b.degrees for b in blocks) - modes * (len(blocks) - 1), 0.0)
        level = squared / max(count - degrees, 0.1 * count)
        if settings.variational:
            squared += blocks[-1].trace
            bound.append(lower_bound(blocks, used, squared, count, noise))
            level = squared / count
        residual.append(float(np.sqrt(squared / count)))
        if settings.learn_noise:
            noise = max(level, floor)
        if settings.learn_relevance:
            units = prior.variance
            if settings.variational:
                variance = [expected_square(b, m, u) for b, m, u in zip(blocks, prior.mean, units, strict=True)]
            else:
                variance = [fixed_point(b, v, u) for b, v, u in zip(blocks, variance, units, strict=True)]
        settled = len(residual) > 1 and _settled(residual, bound, count, settings)
    return BlockFit(
        tuple(blocks),
        used.variance,
        noise,
        np.array(residual),
        np.array(bound),
        degrees,
        settled or settings.tolerance == 0.0,
    )


def _settled(residual: list[float], bound: list[float], count: int, settings: AlternationSettings) -> bool:
    if settings.tolerance == 0.0:
        return False
    if settings.variational:
        return (bound[-1] - bound[-2]) / count <= settings.tolerance
    return abs(residual[-1] - residual[-2]) <= settings.tolerance * residual[-1]
