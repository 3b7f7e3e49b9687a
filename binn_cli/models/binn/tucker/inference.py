"""Alternating Bayesian updates of the core and of every dimension's factor, the others at their latest mean."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior
from binn_cli.models.binn.inference import NOISE_FLOOR, SMALLEST_ENERGY, Settings
from binn_cli.models.binn.statistics import GridAxis, Statistics
from binn_cli.models.binn.sweep import Prior, dimensions_of
from binn_cli.models.binn.tucker.axes import AxisColumns, axis_columns, compressed_table
from binn_cli.models.binn.tucker.core import CorePosterior, core_block
from binn_cli.models.binn.tucker.factor import factor_block, gram_of_axis, moment_of_axis
from binn_cli.models.binn.tucker.gauge import orthonormal, rotated
from binn_cli.models.binn.tucker.relevance import by_axis, core_relevance, factor_relevance


class TuckerPrior(NamedTuple):
    """Prior of every block.

    Attributes:
        factors: mean (R, K) and variance (R,) of each dimension's weights.
        core_mean: (Q_1, …, Q_A), one index an axis.
        core_variance: for each dimension (R,): the prior variance of an entry of the core is the product over its functions.
    """

    factors: Prior
    core_mean: Float[Array, "*Q"]
    core_variance: tuple[Float[Array, " R"], ...]


class TuckerState(NamedTuple):
    """Where the alternation stands for one output.

    Attributes:
        mean: for each dimension (R, K) whitened weights.
        variance: for each dimension (R,) prior variance of the weights, as learned so far.
        core_variance: for each dimension (R,) factors of the core's prior variance, as learned so far.
        core: (Q_1, …, Q_A) mean of the core, in the functions that it was computed with.
        noise: noise variance in standardised units.
    """

    mean: tuple[Float[Array, "R K"], ...]
    variance: tuple[Float[Array, " R"], ...]
    core: Float[Array, "*Q"]
    core_variance: tuple[Float[Array, " R"], ...]
    noise: Float[Array, ""]


class TuckerPosterior(NamedTuple):
    """Result of the alternation for one output.

    Attributes:
        mean: for each dimension (R, K) whitened weights.
        covariance: for each dimension, as in `BlockPosterior`.
        variance: for each dimension (R,) the prior variance that the covariance was computed with.
        core: posterior of the core.
        noise: noise variance in standardised units.
        residual: (sweeps,) root mean square residual after every sweep, NaN for sweeps that were not needed.
        sweeps: how many sweeps were made.
        degrees: effective number of parameters of all blocks together.
    """

    mean: tuple[Float[Array, "R K"], ...]
    covariance: tuple[Float[Array, "..."], ...]
    variance: tuple[Float[Array, " R"], ...]
    core: CorePosterior
    noise: Float[Array, ""]
    residual: Float[Array, " sweeps"]
    sweeps: Array
    degrees: Float[Array, ""]


CORE_UPDATES = 3
"""Updates of the core and the noise alone before the first sweep."""


def _columns(statistics: Statistics, means: tuple[Float[Array, "R K"], ...]) -> tuple[list[AxisColumns], list[int]]:
    """The columns of every axis and its number of coordinates."""
    found, widths, begin = [], [], 0
    for axis in statistics.axes:
        width = 1 if isinstance(axis, GridAxis) else len(axis.designs)
        found.append(axis_columns(axis, list(means[begin : begin + width])))
        widths.append(width)
        begin += width
    return found, widths


def _level(energy: Float[Array, ""], misfit: Float[Array, ""], degrees: Float[Array, ""], count: Float[Array, ""]) -> Float[Array, ""]:
    """The learned noise variance: the squared residual over N less the effective number of parameters, no smaller than round-off."""
    floor = NOISE_FLOOR * jnp.maximum(energy / count, SMALLEST_ENERGY)
    squared = jnp.maximum(energy + misfit, floor * count)
    return jnp.maximum(squared / jnp.maximum(count - degrees, 0.1 * count), floor)


def tucker_sweep(
    data: Float[Array, "*R"], statistics: Statistics, prior: TuckerPrior, means: tuple[Float[Array, "R K"], ...], noise: Float[Array, ""]
) -> tuple[CorePosterior, list[BlockPosterior]]:
    """Update the core, then every dimension in order."""
    axes = statistics.axes
    dimensions = dimensions_of(axes)
    current = list(means)
    blocks: list[BlockPosterior] = []

    def of_axis(a: int) -> list[Array]:
        return [current[d] for d, (axis, _) in enumerate(dimensions) if axis == a]

    columns, widths = _columns(statistics, means)
    core = core_block(columns, data, prior.core_mean, by_axis(prior.core_variance, widths), noise)
    alone = core.mean if len(axes) == 1 else None
    for d, (a, coordinate) in enumerate(dimensions):
        if coordinate == 0:
            gamma, moment = gram_of_axis(core.mean, columns, a), moment_of_axis(data, core.mean, columns, a)
        own = (prior.factors.mean[d], prior.factors.variance[d])
        block = factor_block(axes[a], coordinate, of_axis(a), gamma, moment, own, noise, alone=alone)
        current[d] = block.mean
        blocks.append(block)
        if d + 1 == len(dimensions) or dimensions[d + 1][1] == 0:
            columns[a] = axis_columns(axes[a], of_axis(a))
    return core, blocks


def _gauged(statistics: Statistics, state: TuckerState, prior: TuckerPrior, learn: bool) -> TuckerState:
    """The same functions in the gauge of the higher-order SVD; the core is computed anew in it."""
    units, core_units = prior.factors.variance, prior.core_variance
    changes = [
        orthonormal(statistics.axes[a], c, mean, unit)
        for (a, c), mean, unit in zip(dimensions_of(statistics.axes), state.mean, units, strict=True)
    ]
    changes = rotated(state.core.reshape([mean.shape[0] for mean in state.mean]), changes)
    state = state._replace(mean=tuple(change.forward @ mean for change, mean in zip(changes, state.mean, strict=True)))
    if not learn:
        return state
    variance = tuple(change.of_weights(v, u) for change, v, u in zip(changes, state.variance, units, strict=True))
    core_variance = tuple(change.of_core(v, u) for change, v, u in zip(changes, state.core_variance, core_units, strict=True))
    return state._replace(variance=variance, core_variance=core_variance)


def _with_core(
    statistics: Statistics, data: Float[Array, "*R"], energy: Float[Array, ""], prior: TuckerPrior, state: TuckerState, settings: Settings
) -> TuckerState:
    """The core and the noise that go with the functions of the start.

    A first sweep at a noise far above the data's would shrink away the very functions that a start from the data has found.
    """
    columns, widths = _columns(statistics, state.mean)

    def once(_: int, carry: tuple) -> tuple:
        core_variance, level, _ = carry
        core = core_block(columns, data, prior.core_mean, by_axis(core_variance, widths), level)
        if settings.learn_relevance:
            core_variance = core_relevance(core, core_variance, prior.core_variance)
        return core_variance, _level(energy, core.misfit, core.degrees, statistics.points), core.mean

    begin = (state.core_variance, state.noise, state.core)
    core_variance, level, core = jax.lax.fori_loop(0, CORE_UPDATES, once, begin)
    return state._replace(core=core, core_variance=core_variance, noise=level)


def alternate(
    statistics: Statistics, output: int | Array, prior: TuckerPrior, start: tuple, noise: Float[Array, ""], settings: Settings
) -> TuckerPosterior:
    """Sweep until the residual settles or the sweeps are used up, for one output.

    The learned noise variance is the squared residual over N less the effective number of parameters; the sum of R_d^2 transformations
    that factors and core can exchange are not counted twice.
    """
    data, energy, count = statistics.core[output], statistics.energy[output], statistics.points
    floor = NOISE_FLOOR * jnp.maximum(energy / count, SMALLEST_ENERGY)
    exchanged = sum(mean.shape[0] ** 2 for mean in start)

    def once(carry: tuple) -> tuple:
        made, state, history, _ = carry
        if settings.balance:
            state = _gauged(statistics, state, prior, settings.learn_relevance)
        used = TuckerPrior(Prior(prior.factors.mean, state.variance), prior.core_mean, state.core_variance)
        core, blocks = tucker_sweep(data, statistics, used, state.mean, state.noise)
        squared = jnp.maximum(energy + blocks[-1].misfit, floor * count)
        degrees = jnp.maximum(core.degrees + sum(b.degrees for b in blocks) - exchanged, 0.0)
        variance, core_variance, level = state.variance, state.core_variance, state.noise
        if settings.learn_relevance:
            variance = tuple(factor_relevance(b, v, u) for b, v, u in zip(blocks, variance, prior.factors.variance, strict=True))
            core_variance = core_relevance(core, core_variance, prior.core_variance)
        if settings.learn_noise:
            level = _level(energy, blocks[-1].misfit, degrees, count)
        history = history.at[made].set(jnp.sqrt(squared / count))
        state = TuckerState(tuple(b.mean for b in blocks), variance, core.mean, core_variance, level)
        return made + 1, state, history, (tuple(b.covariance for b in blocks), used.factors.variance, core, degrees)

    def unfinished(carry: tuple) -> Array:
        made, history = carry[0], carry[2]
        change = jnp.abs(history[made - 1] - history[made - 2]) / history[made - 1]
        return (made < settings.sweeps) & ((made < 2) | (change > settings.tolerance) | (settings.tolerance == 0.0))

    # A sweep reads nothing of the last one's covariances; blanks of their shape keep the loop's body from compiling twice.
    first = TuckerState(start, prior.factors.variance, jnp.zeros_like(prior.core_mean), prior.core_variance, noise)
    if settings.learn_noise:
        first = _with_core(statistics, data, energy, prior, first, settings)
    begin = (jnp.asarray(0), first, jnp.full(settings.sweeps, jnp.nan))
    blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(once, (*begin, None))[3])
    made, state, history, (covariances, variance, core, degrees) = jax.lax.while_loop(unfinished, once, (*begin, blank))
    return TuckerPosterior(state.mean, covariances, variance, core, state.noise, history, made, degrees)


def infer(statistics: Statistics, prior: TuckerPrior, start: tuple, noise: Float[Array, " L"], *, settings: Settings) -> TuckerPosterior:
    """`alternate` for every output; prior, start and result carry a leading axis of outputs."""
    statistics = compressed_table(statistics)
    outputs = jnp.arange(statistics.core.shape[0])

    def one(arguments: tuple) -> TuckerPosterior:
        output, own_prior, own_start, own_noise = arguments
        return alternate(statistics, output, own_prior, own_start, own_noise, settings)

    return jax.lax.map(one, (outputs, prior, start, noise))
