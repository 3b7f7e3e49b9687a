"""Where the alternation starts: the data's higher-order SVD, exact on grids, or a draw from the prior."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.inference import SMALLEST_ENERGY
from binn_cli.models.binn.preparation import Prepared
from binn_cli.models.binn.start import from_prior
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics
from binn_cli.models.binn.sweep import dimensions_of
from binn_cli.models.binn.tucker.axes import axis_columns, compressed_table
from binn_cli.models.binn.tucker.core import core_block
from binn_cli.models.binn.tucker.inference import TuckerPrior
from binn_cli.models.binn.tucker.ranks import Shapes
from binn_cli.models.binn.tucker.relevance import by_axis
from binn_cli.models.compilation import CompiledFunction


def _fitted_core(statistics: Statistics, prior: TuckerPrior, factors: tuple, noise: Array) -> Float[np.ndarray, "L *Q"]:
    """The posterior mean of every output's core, given factors that all outputs share."""
    statistics = compressed_table(statistics)
    columns, widths, begin = [], [], 0
    for axis in statistics.axes:
        width = 1 if isinstance(axis, GridAxis) else len(axis.designs)
        columns.append(axis_columns(axis, [f[0] for f in factors[begin : begin + width]]))
        widths.append(width)
        begin += width

    def one(arguments: tuple) -> Array:
        data, mean, variance = arguments
        return core_block(columns, data, mean, by_axis(variance, widths), noise).mean

    return jax.lax.map(one, (statistics.core, prior.core_mean, prior.core_variance))


fitted_core = CompiledFunction(_fitted_core)


def build_start(
    prepared: Prepared, prior: TuckerPrior, shapes: list[Shapes] | None, seed: int
) -> tuple[tuple[Float[np.ndarray, "L R K"], ...], Float[np.ndarray, "L *Q"]]:
    """Starting weights of every output and dimension, and a starting core; without shapes, a draw from the prior.

    The core of a start from the data is left at zero: the first block that is updated is the core.
    """
    draws = from_prior(seed, prior.factors, prepared.directions)
    rng = np.random.default_rng([seed, 1])
    core = np.asarray(prior.core_mean)
    if shapes is None:
        level = np.prod([np.asarray(variance).flat[0] for variance in prior.core_variance])
        return draws, core + np.sqrt(level) * rng.standard_normal(core.shape)
    started = []
    places = dimensions_of(prepared.statistics.axes)
    for (a, c), shape, draw, level in zip(places, shapes, draws, prior.factors.variance, strict=True):
        found = shape.weights[: draw.shape[1]]
        found = found * _unit_scale(prepared.statistics.axes[a], c, found, float(np.asarray(level).flat[0]))
        # Functions beyond those that the data show are drawn from the prior.
        started.append(np.concatenate([np.broadcast_to(found, (len(draw), *found.shape)), draw[:, len(found) :]], axis=1))
    return tuple(started), core


def _unit_scale(axis: GridAxis | PointAxis, coordinate: int, weights: Float[np.ndarray, "g K"], level: float) -> Float[np.ndarray, "g 1"]:
    """What gives every function over the data the size that the prior expects of it."""
    if isinstance(axis, GridAxis):
        squares, energy = np.sum(weights**2 * axis.squared, axis=1), float(np.sum(axis.squared))
    else:
        design = np.asarray(axis.designs[coordinate])
        owner = axis.owner[coordinate]
        design = design if owner is None else design[np.asarray(owner)]
        squares, energy = np.sum((design @ weights.T) ** 2, axis=0), float(np.sum(design**2))
    there = squares > SMALLEST_ENERGY * energy
    return np.where(there, np.sqrt(level * energy / np.where(there, squares, 1.0)), 0.0)[:, None]
