"""What a fit begins with: the prior of every block, and a start from the data, from the prior, or from an earlier fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.preparation import Prepared
from binn_cli.models.binn.prior import prior_levels
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.binn.tucker.inference import TuckerPrior
from binn_cli.models.binn.tucker.posterior import CoreDistribution
from binn_cli.models.binn.tucker.ranks import Shapes
from binn_cli.models.binn.tucker.start import build_start, fitted_core
from binn_cli.models.compilation import Stopwatch


class Beginning(NamedTuple):
    """What inference starts from.

    Attributes:
        prior: the prior of every block.
        start: for each dimension (L, R, K) whitened weights.
        offset: for each dimension the part of the prior mean, in weights, that the data do not see.
    """

    prior: TuckerPrior
    start: tuple[Float[np.ndarray, "L R K"], ...]
    offset: tuple[Float[np.ndarray, "L R J"], ...]


def zero_prior(
    config: BinnConfig, bases: tuple[Basis, ...], prepared: Prepared, axes: tuple[Axis, ...], functions: Sequence[int], watch: Stopwatch
) -> TuckerPrior:
    """A prior of mean zero.

    `weight` is the stated variance of every weight and of every entry of the core. `function` gives every function a prior variance of
    one, averaged over the domain, and the core's entries equal shares of the prior variance of y.
    """
    outputs = len(prepared.statistics.core)
    entry = config.prior_variance
    levels = [config.prior_variance] * len(bases)
    if config.prior == "function":
        entry /= math.prod(functions)
        levels = prior_levels(replace(config, prior_variance=1.0), bases, 1, watch)
    ends = np.cumsum([0] + [len(axis.coordinates) for axis in axes])
    shape = tuple(math.prod(functions[a:b]) for a, b in pairwise(ends))
    zero = tuple(np.zeros((outputs, r, v.shape[1])) for r, v in zip(functions, prepared.directions, strict=True))
    variance = tuple(np.full((outputs, r), level) for r, level in zip(functions, levels, strict=True))
    core_variance = tuple(np.full((outputs, r), entry ** (1.0 / len(functions))) for r in functions)
    return TuckerPrior(Prior(zero, variance), np.zeros((outputs, *shape)), core_variance)


def beginning(
    config: BinnConfig,
    bases: tuple[Basis, ...],
    prepared: Prepared,
    axes: tuple[Axis, ...],
    functions: Sequence[int],
    shapes: list[Shapes],
    watch: Stopwatch,
) -> Beginning:
    """Prior and start of a first fit, with that many functions a dimension."""
    prior = zero_prior(config, bases, prepared, axes, functions, watch)
    start, core = build_start(prepared, prior, None if config.start == "random" else shapes, config.seed)
    if config.prior_mean == "start":
        if config.start == "svd":
            core = np.asarray(fitted_core(watch, prepared.statistics, prior, start, np.asarray(config.noise_variance)))
        prior = prior._replace(factors=Prior(start, prior.factors.variance), core_mean=core)
    return Beginning(prior, start, tuple(np.zeros((1, 1, 1)) for _ in bases))


def continued(
    config: BinnConfig,
    bases: tuple[Basis, ...],
    prepared: Prepared,
    axes: tuple[Axis, ...],
    before: tuple[tuple[DimensionPosterior, ...], CoreDistribution],
    watch: Stopwatch,
) -> Beginning:
    """Prior and start after an earlier fit, whose factors and core are given."""
    dimensions, core = before
    weights = [np.asarray(dimension.weights) for dimension in dimensions]
    prior = zero_prior(config, bases, prepared, axes, [w.shape[1] for w in weights], watch)
    start = tuple(np.einsum("jk,lrj->lrk", v, w) for v, w in zip(prepared.directions, weights, strict=True))
    if config.prior_mean == "zero":
        return Beginning(prior, start, tuple(np.zeros((1, 1, 1)) for _ in weights))
    # Algorithm 1, line 16: the posterior mean becomes the prior mean, also in directions that the data do not see.
    rest = tuple(w - np.einsum("jk,lrk->lrj", v, z) for v, w, z in zip(prepared.directions, weights, start, strict=True))
    return Beginning(prior._replace(factors=Prior(start, prior.factors.variance), core_mean=np.asarray(core.mean)), start, rest)
