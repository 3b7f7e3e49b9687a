"""Alternating Bayesian updates of the core and of every axis's factor, the others at their latest mean (section
3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.tucker.axes import GridAxis, complement
from binn_cli.models.binn.tucker.blocks import (
    Columns,
    CorePosterior,
    FactorPosterior,
    gamma_of,
    moment_of,
    update_core,
    update_factor,
)
from binn_cli.models.binn.tucker.gauge import orthonormalise, rotate
from binn_cli.models.binn.tucker.relevance import bounded, core_relevance, factor_relevance

ROUND_OFF = 16.0 * np.finfo(np.float64).eps
"""Of sums of products over all data, relative to their size."""

NOISE_FLOOR = 1e-14
"""Smallest noise variance relative to that of the data: the squared residual is known no better than round-off."""

MANY = 100_000
"""Points from which on a noise variance hardly depends on the number of effective parameters."""

SMALLEST_ENERGY = 1e-60
"""Mean square below which data count as zero."""

CORE_UPDATES = 3
"""Updates of the core and the noise alone before the first sweep: a first sweep at a noise far above the data's would
shrink away the very functions that a start from the data has found."""


@dataclass(frozen=True)
class TuckerPrior:
    """Prior of every block.

    Attributes:
        mean: for each axis (Q, K) prior mean of the whitened weights.
        variance: for each axis (Q,) prior variance of every function's weights, as stated.
        core_mean: (Q_1, …, Q_A).
        core_variance: for each axis (Q,): the prior variance of an entry of the core is the product over its functions.
    """

    mean: tuple[Float[np.ndarray, "Q K"], ...]
    variance: tuple[Float[np.ndarray, " Q"], ...]
    core_mean: Float[np.ndarray, "*Q"]
    core_variance: tuple[Float[np.ndarray, " Q"], ...]


@dataclass(frozen=True)
class TuckerSettings:
    """How the alternation goes.

    Attributes:
        sweeps: most sweeps over core and factors.
        tolerance: relative change of the residual that ends them; 0 makes every sweep.
        learn_noise, learn_relevance: whether the noise and the prior variances are estimated.
        regauge: whether functions are orthonormalised before every sweep; a prior mean other than zero forbids it.
    """

    sweeps: int
    tolerance: float
    learn_noise: bool
    learn_relevance: bool
    regauge: bool


@dataclass(frozen=True)
class TuckerState:
    """Where the alternation stands for one output.

    Attributes:
        mean: for each axis (Q, K) whitened weights.
        variance: for each axis (Q,) prior variance of the weights, as learned so far.
        core: (Q_1, …, Q_A) mean of the core.
        core_variance: for each axis (Q,) factors of the core's prior variance, as learned so far.
        noise: σ² in standardised units.
    """

    mean: tuple[Float[np.ndarray, "Q K"], ...]
    variance: tuple[Float[np.ndarray, " Q"], ...]
    core: Float[np.ndarray, "*Q"]
    core_variance: tuple[Float[np.ndarray, " Q"], ...]
    noise: float


@dataclass(frozen=True)
class TuckerFit:
    """Result of the alternation for one output, in the gauge of the higher-order SVD.

    Attributes:
        factors: posterior of every factor, all computed at the same final means.
        variance: for each axis (Q,) the prior variance that they were computed with.
        core: posterior of the core at these means.
        noise: σ² in standardised units.
        residual: root mean square residual after every sweep.
        degrees: effective number of parameters of all blocks together.
        settled: whether the residual had settled before the sweeps ran out.
    """

    factors: tuple[FactorPosterior, ...]
    variance: tuple[Float[np.ndarray, " Q"], ...]
    core: CorePosterior
    noise: float
    residual: Float[np.ndarray, " sweeps"]
    degrees: float
    settled: bool


@dataclass(frozen=True)
class Problem:
    """The data of one output.

    Attributes:
        axes: whitened and compressed.
        data: (R_1, …, R_A) the standardised output in compressed coordinates.
        energy: sum of the squared standardised output.
        count: N.
    """

    axes: tuple[GridAxis, ...]
    data: Float[np.ndarray, "*R"]
    energy: float
    count: float

    def columns(self, means: Sequence[Float[np.ndarray, "Q K"]]) -> list[Columns]:
        """The columns of every axis."""
        return [Columns.of(axis, mean) for axis, mean in zip(self.axes, means, strict=True)]

    @property
    def floor(self) -> float:
        """Smallest noise variance."""
        return NOISE_FLOOR * max(self.energy / self.count, SMALLEST_ENERGY)

    @property
    def round_off(self) -> float:
        """What the mean square of the residual, a difference of energies, is uncertain by."""
        return ROUND_OFF * self.energy / self.count

    def squared(self, misfit: float) -> float:
        """The squared residual of a block's misfit, no smaller than round-off."""
        return max(self.energy + misfit, self.floor * self.count)

    def level(self, misfit: float, degrees: float) -> float:
        """The learned noise variance: the squared residual over N less the effective number of parameters."""
        return max(self.squared(misfit) / max(self.count - degrees, 0.1 * self.count), self.floor)


def _begin(problem: Problem, prior: TuckerPrior, state: TuckerState, settings: TuckerSettings) -> TuckerState:
    """The core and the noise that go with the functions of the start."""
    columns, core_variance, noise = problem.columns(state.mean), list(state.core_variance), state.noise
    core = state.core
    for update in range(CORE_UPDATES):
        found = update_core(columns, problem.data, prior.core_mean, core_variance, noise)
        # Not before the noise is that of the data, or the relevance of what lies below the stated one would be none.
        if settings.learn_relevance and update > 0:
            core_variance = core_relevance(found, core_variance, prior.core_variance)
        noise, core = problem.level(found.misfit, found.degrees), found.mean
    variance = state.variance
    if settings.learn_relevance:
        # Rough functions have large weights: under the stated prior the first sweep would shrink them away.
        weights = (np.mean(mean**2, axis=1) for mean in state.mean)
        pairs = zip(variance, weights, prior.variance, strict=True)
        variance = tuple(bounded(np.maximum(own, found), unit) for own, found, unit in pairs)
    return replace(state, core=core, core_variance=tuple(core_variance), noise=noise, variance=variance)


def effective_parameters(
    problem: Problem, core: CorePosterior, blocks: Sequence[FactorPosterior], *, exact: bool
) -> float:
    """Of core and factors together. Where all functions are determined, core and factor both count Q² parameters of
    each factor; what else a factor can do takes longer to say."""
    if exact:
        return core.degrees + sum(own_degrees(axis, own) for axis, own in zip(problem.axes, blocks, strict=True))
    return max(core.degrees + sum(own.degrees - len(own.mean) ** 2 for own in blocks), 0.0)


def own_degrees(axis: GridAxis, block: FactorPosterior) -> float:
    """Effective parameters of a factor outside the span of its own functions, in which the core's count already."""
    added = block.ratio[:, :1] / np.maximum(axis.squared[:1], np.finfo(float).tiny)
    if axis.left is None:
        share = added / (1.0 + added)
        return float((axis.size - len(block.mean)) * np.sum(share))
    _, squared, _ = complement(block.mean, axis.squared)
    return float(np.sum(added * squared / (1.0 + added * squared)))


def regauge(problem: Problem, state: TuckerState, prior: TuckerPrior, *, learn: bool) -> TuckerState:
    """The same functions in the gauge of the higher-order SVD, with the core that goes with them."""
    changes = [
        orthonormalise(axis, mean, unit)
        for axis, mean, unit in zip(problem.axes, state.mean, prior.variance, strict=True)
    ]
    changes = rotate(state.core, changes)
    core = state.core
    for axis, change in enumerate(changes):
        core = np.moveaxis(np.tensordot(core, change.inverse, axes=(axis, 0)), -1, axis)
    mean = tuple(change.forward @ own for change, own in zip(changes, state.mean, strict=True))
    if not learn:
        return replace(state, mean=mean, core=core)
    variance = tuple(c.of_weights(v, u) for c, v, u in zip(changes, state.variance, prior.variance, strict=True))
    core_variance = tuple(
        c.of_core(v, u) for c, v, u in zip(changes, state.core_variance, prior.core_variance, strict=True)
    )
    return replace(state, mean=mean, core=core, variance=variance, core_variance=core_variance)


def sweep(problem: Problem, prior: TuckerPrior, state: TuckerState) -> tuple[CorePosterior, list[FactorPosterior]]:
    """Update the core, then every factor in order."""
    columns = problem.columns(state.mean)
    core = update_core(columns, problem.data, prior.core_mean, state.core_variance, state.noise)
    blocks = []
    for a, axis in enumerate(problem.axes):
        gamma, moment = gamma_of(core.mean, columns, a), moment_of(problem.data, core.mean, columns, a)
        blocks.append(update_factor(axis, gamma, moment, prior.mean[a], state.variance[a], state.noise))
        columns[a] = Columns.of(axis, blocks[a].mean)
    return core, blocks


def alternate(
    problem: Problem, prior: TuckerPrior, start: TuckerState, settings: TuckerSettings, *, known: bool = False
) -> TuckerFit:
    """Sweep until the residual settles or the sweeps are used up.

    Args:
        problem: the data of one output.
        prior: as stated.
        start: where the alternation begins.
        settings: how it goes.
        known: whether the start has a core and a noise of its own, from an earlier fit.
    """
    state = _begin(problem, prior, start, settings) if settings.learn_noise and not known else start
    residual: list[float] = []
    settled = False
    while len(residual) < settings.sweeps and not settled:
        if settings.regauge:
            state = regauge(problem, state, prior, learn=settings.learn_relevance)
        core, blocks = sweep(problem, prior, state)
        degrees = effective_parameters(problem, core, blocks, exact=problem.count < MANY)
        misfit = blocks[-1].misfit
        residual.append(float(np.sqrt(problem.squared(misfit) / problem.count)))
        variance, core_variance, noise = state.variance, state.core_variance, state.noise
        if settings.learn_relevance:
            variance = tuple(factor_relevance(b, u) for b, u in zip(blocks, prior.variance, strict=True))
            core_variance = tuple(core_relevance(core, core_variance, prior.core_variance))
        if settings.learn_noise:
            noise = problem.level(misfit, degrees)
        state = TuckerState(tuple(b.mean for b in blocks), variance, core.mean, core_variance, noise)
        if len(residual) > 1 and settings.tolerance > 0.0:
            last, before = residual[-1], residual[-2]
            settled = abs(last - before) <= settings.tolerance * last or abs(last**2 - before**2) <= problem.round_off
    degrees = effective_parameters(problem, core, blocks, exact=True)
    return _finish(problem, prior, state, settings, np.array(residual), degrees, settled or settings.tolerance == 0.0)


def _finish(
    problem: Problem,
    prior: TuckerPrior,
    state: TuckerState,
    settings: TuckerSettings,
    residual: np.ndarray,
    degrees: float,
    settled: bool,
) -> TuckerFit:
    """Every block's covariance at the final means, which move no more: a covariance belongs to the means around it."""
    if settings.regauge:
        state = regauge(problem, state, prior, learn=settings.learn_relevance)
    columns = problem.columns(state.mean)
    core = update_core(columns, problem.data, prior.core_mean, state.core_variance, state.noise)
    factors = []
    for a, axis in enumerate(problem.axes):
        gamma, moment = gamma_of(core.mean, columns, a), moment_of(problem.data, core.mean, columns, a)
        found = update_factor(axis, gamma, moment, prior.mean[a], state.variance[a], state.noise)
        factors.append(found._replace(mean=state.mean[a]))
    return TuckerFit(tuple(factors), state.variance, core, state.noise, residual, degrees, settled)
