"""Alternating updates whose every block is a pass over all rows; the loop is `binn_cli.models.binn.inference`'s, run from the host."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn import inference
from binn_cli.models.binn.block import BlockPosterior, dense_block
from binn_cli.models.binn.extrapolation import Pace
from binn_cli.models.binn.inference import Posterior, Settings, State
from binn_cli.models.binn.streamed.sums import Sums
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.compilation import CompiledFunction, Stopwatch


def _opened(state: State, unit: tuple, *, settings: Settings) -> tuple[tuple, tuple, Pace]:
    return inference.opened(state, unit, settings)


def _closed(state: State, blocks: list[BlockPosterior], used: Prior, pace: Pace, unit: tuple, data: tuple, *, settings: Settings) -> State:
    return inference.closed(state, blocks, used, pace, unit, data, settings)


opened, closed, solved = CompiledFunction(_opened), CompiledFunction(_closed), CompiledFunction(dense_block)


def alternate(
    sums: Sums, output: int, prior: Prior, start: tuple[Float[Array, "M J"], ...], noise: float, settings: Settings, watch: Stopwatch
) -> Posterior:
    """As `binn_cli.models.binn.inference.alternate`, with D passes over the rows a sweep."""
    count = jnp.asarray(float(sums.rows.n_points))
    blank = tuple(jnp.zeros((*w.shape, *w.shape)) for w in start)
    state = inference.beginning(
        tuple(map(jnp.asarray, start)), blank, tuple(map(jnp.asarray, prior.variance)), jnp.asarray(noise), settings
    )
    energies = np.zeros(start[0].shape[0])
    while bool(inference.unfinished(state, count, settings)):
        means, variance, pace = opened(watch, state, prior.variance, settings=settings)
        used, blocks = Prior(prior.mean, variance), []
        for d in range(len(means)):
            gram, rhs, energy = sums.block(means, d, output, watch)
            blocks.append(solved(watch, gram, rhs, prior.mean[d], variance[d], state.noise))
            means = (*means[:d], blocks[-1].mean, *means[d + 1 :])
        energies = np.einsum("mk,mkml,ml->m", *(np.asarray(a) for a in (means[-1], gram, means[-1])), optimize=True)
        state = closed(watch, state, blocks, used, pace, prior.variance, (energy, count), settings=settings)
    return jax.tree.map(np.asarray, inference.ended(state, energies))
