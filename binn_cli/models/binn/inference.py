"""Inference by alternating Bayesian updates: every dimension's block posterior in turn, until nothing changes.

`als` is the paper's alternation (section 3.3): blocks see one another's posterior means. `vb` is mean-field variational Bayes: they see
second moments, and the evidence lower bound rises with every sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.models.arrays import Array
from binn_cli.models.binn import relevance
from binn_cli.models.binn.block import BlockPosterior
from binn_cli.models.binn.bound import lower_bound
from binn_cli.models.binn.extrapolation import Pace, at_rest, extrapolated
from binn_cli.models.binn.statistics import PointAxis, Statistics
from binn_cli.models.binn.sweep import Prior, axis_functions, sweep

NOISE_FLOOR = 1e-14
"""Smallest noise variance relative to the variance of the data: the squared residual is known no better than round-off."""

SMALLEST_ENERGY = 1e-60
"""Mean square below which data count as zero: far above the smallest numbers, whose reciprocals overflow."""


class Posterior(NamedTuple):
    """State of the alternation for one output.

    Attributes:
        mean: for each dimension (M, K) whitened weights.
        covariance: for each dimension, as in `BlockPosterior`.
        variance: for each dimension (M,) prior variance of every mode, the one that the covariance was computed with.
        noise: noise variance in standardised units.
        residual: (sweeps,) root mean square residual after every sweep, NaN for sweeps that were not needed.
        bound: (sweeps,) evidence lower bound after every sweep in nats, NaN where there is none (`als`).
        sweeps: how many sweeps were made.
        degrees: effective number of parameters of all blocks together.
        mode_energy: (M,) sum over the data points of the square of each mode.
    """

    mean: tuple[Float[Array, "M K"], ...]
    covariance: tuple[Float[Array, "..."], ...]
    variance: tuple[Float[Array, " M"], ...]
    noise: Float[Array, ""]
    residual: Float[Array, " sweeps"]
    bound: Float[Array, " sweeps"]
    sweeps: Array
    degrees: Float[Array, ""]
    mode_energy: Float[Array, " M"]


@dataclass(frozen=True)
class Settings:
    """What is fixed when inference is compiled.

    Attributes:
        sweeps: largest number of sweeps over all dimensions.
        tolerance: stop when a sweep changes the residual by less than this, relatively, or raises the bound by less than this a data
            point; 0 makes every sweep.
        learn_noise: whether the noise variance is estimated from the residual.
        balance: whether every mode's size is spread evenly over the dimensions before a sweep (a zero-mean prior prefers that).
        learn_relevance: whether each mode's prior variance in each dimension is estimated (automatic relevance determination).
        extrapolate: whether a balanced alternation starts each sweep farther along the last one's step.
        variational: whether blocks see the others' second moments (vb) or their means alone (als).
    """

    sweeps: int
    tolerance: float
    learn_noise: bool
    balance: bool
    learn_relevance: bool
    extrapolate: bool = False
    variational: bool = False

    @classmethod
    def of(cls, config: BinnConfig) -> Settings:
        """What the configuration says."""
        return cls(
            config.sweeps,
            config.tolerance,
            learn_noise=config.noise == "learned",
            balance=config.prior_mean == "zero",
            learn_relevance=config.relevance == "modes",
            extrapolate=config.acceleration == "extrapolation",
            variational=config.inference == "vb",
        )


class State(NamedTuple):
    """What passes from sweep to sweep; `used` is the prior variance of the sweep just made, `variance` that of the next."""

    made: Array
    means: tuple
    covariances: tuple
    variance: tuple
    noise: Array
    residual: jax.Array
    bound: jax.Array
    degrees: Array
    used: tuple
    pace: Pace


def opened(state: State, unit: tuple, settings: Settings) -> tuple[tuple, tuple, Pace]:
    """Weights and prior variances that the next sweep starts from, and its pace; `unit` holds the prior variances that were stated."""
    means, variance, pace = state.means, state.variance, state.pace
    if settings.balance and not settings.variational:
        means, rescaled = relevance.balanced(means, variance, unit)
        variance = rescaled if settings.learn_relevance else variance
        if settings.extrapolate:
            means, pace = extrapolated(means, pace, state.residual, state.made)
    return means, variance, pace


def closed(
    state: State, blocks: list[BlockPosterior], used: Prior, pace: Pace, unit: tuple, data: tuple[Array, Array], settings: Settings
) -> State:
    """The state after a sweep that began with the prior `used`; `data` holds the energy and the number of points."""
    energy, count = data
    modes = blocks[0].mean.shape[0]
    floor = NOISE_FLOOR * jnp.maximum(energy / count, SMALLEST_ENERGY)
    squared = jnp.maximum(energy + blocks[-1].misfit, floor * count)
    degrees = jnp.maximum(sum(b.degrees for b in blocks) - modes * (len(blocks) - 1), 0.0)
    bound: Array = jnp.asarray(jnp.nan)
    level = squared / jnp.maximum(count - degrees, 0.1 * count)
    if settings.variational:
        squared = squared + state.noise * blocks[-1].degrees  # the trace of the last block's Gram matrix times its covariance
        bound, level = lower_bound(blocks, used, squared, count, state.noise), squared / count
    return State(
        state.made + 1,
        tuple(b.mean for b in blocks),
        tuple(b.covariance for b in blocks),
        _learned(blocks, used, unit, settings) if settings.learn_relevance else used.variance,
        jnp.maximum(level, floor) if settings.learn_noise else state.noise,
        state.residual.at[state.made].set(jnp.sqrt(squared / count)),
        state.bound.at[state.made].set(bound),
        degrees,
        used.variance,
        pace,
    )


def unfinished(state: State, count: Array, settings: Settings) -> Array:
    """Whether another sweep is due."""
    made, residual, bound = state.made, state.residual, state.bound
    change = jnp.abs(residual[made - 1] - residual[made - 2]) / residual[made - 1]
    if settings.variational:
        change = (bound[made - 1] - bound[made - 2]) / count
    return (made < settings.sweeps) & ((made < 2) | (change > settings.tolerance) | (settings.tolerance == 0.0))


def beginning(start: tuple, covariances: tuple, variance: tuple, noise: Array, settings: Settings) -> State:
    """The state before the first sweep; `covariances` are blanks of the shapes that a sweep returns, so that nothing compiles twice."""
    history = jnp.full(settings.sweeps, jnp.nan)
    return State(jnp.asarray(0), start, covariances, variance, noise, history, history, jnp.asarray(0.0), variance, at_rest(start))


def ended(state: State, mode_energy: Float[Array, " M"]) -> Posterior:
    """What is left when no other sweep is due."""
    return Posterior(
        state.means, state.covariances, state.used, state.noise, state.residual, state.bound, state.made, state.degrees, mode_energy
    )


def alternate(statistics: Statistics, prior: Prior, start: tuple, noise: Float[Array, " L"], settings: Settings) -> Posterior:
    """Sweep until every output's residual or bound has settled or the sweeps are used up; each output stays as it is once it has.

    The noise variance that `als` learns is the squared residual over N less the effective number of parameters, the M (D - 1) scales that
    modes can exchange between dimensions not counted twice. That of `vb` is the expected squared residual over N, which raises the bound.

    Args:
        statistics: what is known of the data.
        prior, start, noise: with a leading axis of outputs, as the result.
        settings: what is fixed.
    """
    core, energy, count = statistics.core, statistics.energy, statistics.points
    due = jax.vmap(lambda state: unfinished(state, count, settings))

    def once(state: State) -> State:
        means, variance, pace = jax.vmap(lambda own, unit: opened(own, unit, settings))(state, prior.variance)
        current = Prior(prior.mean, variance)
        blocks = sweep(core, statistics, current, means, state.covariances if settings.variational else None, state.noise)

        def close(own: State, made: list[BlockPosterior], used: Prior, after: Pace, unit: tuple, size: Array) -> State:
            return closed(own, made, used, after, unit, (size, count), settings)

        following, going = jax.vmap(close)(state, blocks, current, pace, prior.variance, energy), due(state)
        return jax.tree.map(lambda new, old: jnp.where(going.reshape(-1, *(1,) * (new.ndim - 1)), new, old), following, state)

    shapes = jax.eval_shape(lambda: sweep(core, statistics, prior, start, None, noise))
    blank = tuple(jnp.zeros(b.covariance.shape) for b in shapes)
    begin = jax.vmap(partial(beginning, settings=settings))(start, blank, prior.variance, noise)
    end = jax.lax.while_loop(lambda state: jnp.any(due(state)), once, begin)
    return ended(end, _mode_energy(statistics, end.means))


def _learned(blocks: list[BlockPosterior], used: Prior, unit: tuple, settings: Settings) -> tuple:
    """Prior variances for the next sweep."""
    if settings.variational:
        return tuple(relevance.expected(b, m, u) for b, m, u in zip(blocks, used.mean, unit, strict=True))
    return tuple(relevance.fixed_point(b, v, u) for b, v, u in zip(blocks, used.variance, unit, strict=True))


def _mode_energy(statistics: Statistics, means: tuple[Float[Array, "L M K"], ...]) -> Float[Array, "L M"]:
    """Sum over the data points of the square of each mode's mean."""
    energy: Array = jnp.ones(means[0].shape[:2])
    for functions in axis_functions(statistics.axes, means, None):
        energy = energy * jnp.diagonal(functions.factor()[1], axis1=1, axis2=2)
    return energy


def side_by_side(statistics: Statistics, modes: int, settings: Settings) -> int:
    """How many of the L outputs sweep together, a divisor of L.

    Together they share the tables of basis values at scattered points, which is what a sweep there costs. As many as possible do, as long
    as their functions' values at the points take no more memory than the tables: with more modes an output has enough work for one
    reading of the tables. Grids have nothing to share: there each output stops when it is done.
    """
    points = [axis for axis in statistics.axes if isinstance(axis, PointAxis)]
    if not points:
        return 1
    outputs = statistics.core.shape[0]
    widths = [d.shape[1] for axis in points for d, owner in zip(axis.designs, axis.owner, strict=True) if owner is None]
    rows = modes + (modes * (modes + 1) // 2 if settings.variational else 0)
    most = max(1, sum(widths) // (len(widths) * rows)) if widths else outputs
    return max(size for size in range(1, outputs + 1) if outputs % size == 0 and size <= most)


def infer(statistics: Statistics, prior: Prior, start: tuple, noise: Float[Array, " L"], *, settings: Settings) -> Posterior:
    """`alternate` for all outputs, `side_by_side`; prior, start and result carry a leading axis of outputs."""
    size = side_by_side(statistics, start[0].shape[1], settings)

    def group(arguments: tuple) -> Posterior:
        core, energy, own_prior, own_start, own_noise = arguments
        return alternate(statistics._replace(core=core, energy=energy), own_prior, own_start, own_noise, settings)

    stacked = (statistics.core, statistics.energy, prior, start, noise)
    if size == statistics.core.shape[0]:
        return group(stacked)
    split = jax.tree.map(lambda array: array.reshape(-1, size, *array.shape[1:]), stacked)
    return jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), jax.lax.map(group, split))
