"""Alternating Bayesian updates (section 3.3): every dimension's block posterior in turn, the others at their latest mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.binn.arrays import Array
from binn_cli.models.binn.block import BlockPosterior, grid_block, point_block
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics

NOISE_FLOOR = 1e-14
"""Smallest noise variance relative to the variance of the data: the squared residual is known no better than round-off."""


RELEVANCE_FLOOR = 1e-12
"""Learned prior variances stay within this factor of the prior that the configuration states."""

SMALLEST_ENERGY = 1e-60
"""Mean square below which data count as zero: far above the smallest numbers, whose reciprocals overflow."""

VANISHED = 1e-30
"""Modes smaller than this in a dimension, in units of the prior, have vanished: their size is not evened out any further."""


class Prior(NamedTuple):
    """Prior of every block: mean (M, K) and variance (M,) of each dimension."""

    mean: tuple[Float[Array, "M K"], ...]
    variance: tuple[Float[Array, " M"], ...]


class Posterior(NamedTuple):
    """State of the alternation for one output.

    Attributes:
        mean: for each dimension (M, K) whitened weights.
        covariance: for each dimension, as in `BlockPosterior`.
        variance: for each dimension (M,) prior variance of every mode, the one that the covariance was computed with.
        noise: noise variance in standardised units.
        residual: (sweeps,) root mean square residual after every sweep, NaN for sweeps that were not needed.
        sweeps: how many sweeps were made.
        degrees: effective number of parameters of all blocks together.
    """

    mean: tuple[Float[Array, "M K"], ...]
    covariance: tuple[Float[Array, "..."], ...]
    variance: tuple[Float[Array, " M"], ...]
    noise: Float[Array, ""]
    residual: Float[Array, " sweeps"]
    sweeps: Array
    degrees: Float[Array, ""]


@dataclass(frozen=True)
class Settings:
    """What is fixed when inference is compiled.

    Attributes:
        sweeps: largest number of sweeps over all dimensions.
        tolerance: stop when a sweep changes the residual by less than this, relatively; 0 makes every sweep.
        learn_noise: whether the noise variance is estimated from the residual.
        balance: whether every mode's size is spread evenly over the dimensions before a sweep (a zero-mean prior prefers that).
        learn_relevance: whether each mode's prior variance in each dimension is estimated (automatic relevance determination).
    """

    sweeps: int
    tolerance: float
    learn_noise: bool
    balance: bool
    learn_relevance: bool


def dimensions_of(axes: tuple[GridAxis | PointAxis, ...]) -> list[tuple[int, int]]:
    """(axis, coordinate within the axis) of every dimension, in the order of the inputs."""
    return [(a, c) for a, axis in enumerate(axes) for c in range(1 if isinstance(axis, GridAxis) else len(axis.designs))]


def factor(axis: GridAxis | PointAxis, means: list[Float[Array, "M K"]]) -> tuple[Float[Array, "R M"], Float[Array, "M M"]]:
    """An axis's factor matrix in the core's coordinates, and its Gram matrix of the modes over all points."""
    if isinstance(axis, GridAxis):
        (mean,) = means
        return axis.projection @ mean.T, (mean * axis.squared) @ mean.T
    values = jnp.ones((1, 1))
    for coordinate, mean in enumerate(means):
        values = values * axis.expand(coordinate, axis.designs[coordinate] @ mean.T)
    compressed = values if axis.projection is None else axis.projection.T @ values
    return compressed, values.T @ values


def contract(core: Float[Array, "*R"], factors: list[Float[Array, "R M"]], keep: int) -> Float[Array, "R M"]:
    """The core contracted with every factor matrix but one, mode by mode (the MTTKRP)."""
    letters = "abcdefghijkl"[: core.ndim]
    operands = [(letters[i] + "z", f) for i, f in enumerate(factors) if i != keep]
    if not operands:
        return jnp.broadcast_to(core[:, None], (core.shape[0], factors[keep].shape[1]))
    spec = ",".join([letters] + [name for name, _ in operands]) + f"->{letters[keep]}z"
    return jnp.einsum(spec, core, *[f for _, f in operands], optimize="optimal")


def _balanced(
    mean: tuple[Float[Array, "M K"], ...], variance: tuple[Float[Array, " M"], ...], unit: tuple[Float[Array, " M"], ...]
) -> tuple[tuple, tuple]:
    """The same functions and priors with every mode's size, in units of the original prior, spread evenly over the dimensions."""
    sizes = [jnp.maximum(jnp.sqrt(jnp.sum(m**2, axis=1) / u), VANISHED) for m, u in zip(mean, unit, strict=True)]
    even = jnp.exp(sum(jnp.log(size) for size in sizes) / len(sizes))
    factors = [even / size for size in sizes]
    means = tuple(m * f[:, None] for m, f in zip(mean, factors, strict=True))
    return means, tuple(_bounded(v * f**2, u) for v, f, u in zip(variance, factors, unit, strict=True))


def _bounded(variance: Float[Array, " M"], unit: Float[Array, " M"]) -> Float[Array, " M"]:
    return jnp.clip(variance, RELEVANCE_FLOOR * unit, unit / RELEVANCE_FLOOR)


def _relevance(block: BlockPosterior, variance: Float[Array, " M"], unit: Float[Array, " M"]) -> Float[Array, " M"]:
    """Prior variance of every mode by MacKay's fixed point: the squared weights over the number of them that the data determine.

    Modes that the data do not need shrink, down to a floor that keeps them out of the way and everything finite.
    """
    diagonal = jnp.einsum("kmm->m", block.covariance) if block.covariance.ndim == 3 else jnp.einsum("mkmk->m", block.covariance)
    determined = jnp.maximum(block.mean.shape[1] - diagonal / variance, 1e-3)
    found = jnp.sum(block.mean**2, axis=1) / determined
    return _bounded(found, unit)


def sweep(
    core: Float[Array, "*R"], statistics: Statistics, prior: Prior, means: tuple[Float[Array, "M K"], ...], noise: Float[Array, ""]
) -> tuple[list[BlockPosterior], Float[Array, ""]]:
    """Update every dimension once, in order; returns the block posteriors and the misfit after the last."""
    axes = statistics.axes
    dimensions = dimensions_of(axes)
    current = list(means)
    blocks: list[BlockPosterior] = []

    def of_axis(a: int) -> list[Array]:
        return [current[d] for d, (axis, _) in enumerate(dimensions) if axis == a]

    pairs = [factor(axis, of_axis(a)) for a, axis in enumerate(axes)]
    for d, (a, coordinate) in enumerate(dimensions):
        axis = axes[a]
        others = jnp.ones((current[d].shape[0],) * 2)
        for b, (_, gram) in enumerate(pairs):
            others = others * gram if b != a else others
        if coordinate == 0:
            moment = contract(core, [f for f, _ in pairs], a)
        if isinstance(axis, GridAxis):
            block = grid_block(axis, others, moment, prior.mean[d], prior.variance[d], noise)
        else:
            frozen = jnp.ones((1, 1))
            for c, mean in enumerate(of_axis(a)):
                frozen = frozen if c == coordinate else frozen * axis.expand(c, axis.designs[c] @ mean.T)
            at_points = moment if axis.projection is None else axis.projection @ moment
            frozen = jnp.broadcast_to(frozen, at_points.shape)
            block = point_block(axis, coordinate, frozen, others, at_points, prior.mean[d], prior.variance[d], noise)
        current[d] = block.mean
        blocks.append(block)
        pairs[a] = factor(axis, of_axis(a))
    return blocks, blocks[-1].misfit


def alternate(
    statistics: Statistics, output: int | Array, prior: Prior, start: tuple, noise: Float[Array, ""], settings: Settings
) -> Posterior:
    """Sweep until the residual settles or the sweeps are used up, for one output.

    The learned noise variance is the squared residual over N less the effective number of parameters, the M (D - 1) scales that
    modes can exchange between dimensions not counted twice.
    """
    core, energy = statistics.core[output], statistics.energy[output]
    count, modes = statistics.points, start[0].shape[0]
    floor = NOISE_FLOOR * jnp.maximum(energy / count, SMALLEST_ENERGY)

    def once(state: tuple) -> tuple:
        made, means, _, variance, level, history, _, _ = state
        if settings.balance:
            means, rescaled = _balanced(means, variance, prior.variance)
            variance = rescaled if settings.learn_relevance else variance
        used = variance
        blocks, misfit = sweep(core, statistics, Prior(prior.mean, variance), means, level)
        squared = jnp.maximum(energy + misfit, floor * count)
        degrees = jnp.maximum(sum(b.degrees for b in blocks) - modes * (len(blocks) - 1), 0.0)
        if settings.learn_relevance:
            variance = tuple(_relevance(b, v, u) for b, v, u in zip(blocks, variance, prior.variance, strict=True))
        if settings.learn_noise:
            level = jnp.maximum(squared / jnp.maximum(count - degrees, 0.1 * count), floor)
        history = history.at[made].set(jnp.sqrt(squared / count))
        return made + 1, tuple(b.mean for b in blocks), tuple(b.covariance for b in blocks), variance, level, history, degrees, used

    def unfinished(state: tuple) -> Array:
        made, history = state[0], state[5]
        change = jnp.abs(history[made - 1] - history[made - 2]) / history[made - 1]
        return (made < settings.sweeps) & ((made < 2) | (change > settings.tolerance) | (settings.tolerance == 0.0))

    # A sweep needs neither the covariances nor the degrees before it; blanks of their shape keep the loop's body from compiling twice.
    blank = (jnp.asarray(0), start, None, prior.variance, noise, jnp.full(settings.sweeps, jnp.nan), None, prior.variance)
    shapes = jax.eval_shape(once, blank)
    covariance, degree = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), (shapes[2], shapes[6]))
    begin = (*blank[:2], covariance, *blank[3:6], degree, prior.variance)
    made, means, covariances, _, level, history, degrees, used = jax.lax.while_loop(unfinished, once, begin)
    return Posterior(means, covariances, used, level, history, made, degrees)


def infer(statistics: Statistics, prior: Prior, start: tuple, noise: Float[Array, " L"], *, settings: Settings) -> Posterior:
    """`alternate` for every output; prior, start and result carry a leading axis of outputs."""
    outputs = jnp.arange(statistics.core.shape[0])

    def one(arguments: tuple) -> Posterior:
        output, own_prior, own_start, own_noise = arguments
        return alternate(statistics, output, own_prior, own_start, own_noise, settings)

    return jax.lax.map(one, (outputs, prior, start, noise))
