"""One pass of block updates over all dimensions, each with the others frozen (section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior, dense_block, grid_block
from binn_cli.models.binn.points import PointFunctions
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics


class Prior(NamedTuple):
    """Prior of every block: mean (M, K) and variance (M,) of each dimension."""

    mean: tuple[Float[Array, "M K"], ...]
    variance: tuple[Float[Array, " M"], ...]


def dimensions_of(axes: tuple[GridAxis | PointAxis, ...]) -> list[tuple[int, int]]:
    """(axis, coordinate within the axis) of every dimension, in the order of the inputs."""
    return [(a, c) for a, axis in enumerate(axes) for c in range(1 if isinstance(axis, GridAxis) else len(axis.designs))]


def contract(core: Float[Array, "*R"], factors: Sequence[Float[Array, "R M"]], keep: int) -> Float[Array, "R M"]:
    """The core contracted with every factor matrix but one, mode by mode (the MTTKRP)."""
    letters = "abcdefghijkl"[: core.ndim]
    operands = [(letters[i] + "z", f) for i, f in enumerate(factors) if i != keep]
    spec = ",".join([letters] + [name for name, _ in operands]) + f"->{letters[keep]}z"
    return jnp.einsum(spec, core, *[f for _, f in operands], optimize="optimal")


class GridFunctions:
    """The functions of an axis of one coordinate during a sweep, for all outputs."""

    def __init__(self, axis: GridAxis, mean: Float[Array, "L M K"], covariance: Float[Array, "L K M M"] | None) -> None:
        """With a covariance, Gram matrices are expectations under the posterior, not products of means."""
        self.axis, self.mean, self.covariance = axis, mean, covariance

    def update(self, coordinate: int, mean: Float[Array, "L M K"], covariance: Float[Array, "L K M M"] | None) -> None:
        """Put a new posterior in place."""
        assert coordinate == 0
        self.mean, self.covariance = mean, covariance

    def factor(self) -> tuple[Float[Array, "L R M"], Float[Array, "L M M"]]:
        """The factor matrix in the core's coordinates, and the (expected) Gram matrix of the modes over all points."""
        gram = (self.mean * self.axis.squared) @ self.mean.swapaxes(1, 2)
        if self.covariance is not None:
            gram = gram + jnp.einsum("akmp,k->amp", self.covariance, self.axis.squared)
        return self.axis.projection @ self.mean.swapaxes(1, 2), gram


def axis_functions(
    axes: tuple[GridAxis | PointAxis, ...], means: tuple[Float[Array, "L M K"], ...], covariances: tuple[Float[Array, "..."], ...] | None
) -> list[GridFunctions | PointFunctions]:
    """The functions of every axis."""
    found: list[GridFunctions | PointFunctions] = []
    begin = 0
    for axis in axes:
        end = begin + (1 if isinstance(axis, GridAxis) else len(axis.designs))
        own, spread = list(means[begin:end]), None if covariances is None else list(covariances[begin:end])
        if isinstance(axis, GridAxis):
            found.append(GridFunctions(axis, own[0], None if spread is None else spread[0]))
        else:
            found.append(PointFunctions(axis, own, spread))
        begin = end
    return found


def sweep(
    core: Float[Array, "L *R"],
    statistics: Statistics,
    prior: Prior,
    means: tuple[Float[Array, "L M K"], ...],
    covariances: tuple[Float[Array, "..."], ...] | None,
    noise: Float[Array, " L"],
) -> list[BlockPosterior]:
    """Update every dimension once, in order, for all outputs; what is returned has a leading axis of outputs, as the arguments have.

    Args:
        core: the compressed data.
        statistics: the axes.
        prior: of every dimension.
        means: of every dimension, from the sweep before.
        covariances: likewise, if blocks pass on second moments (variational Bayes), or None if they pass on means alone (the paper).
        noise: noise variance.
    """
    axes, single = statistics.axes, len(statistics.axes) == 1
    states = axis_functions(axes, means, covariances)
    blocks: list[BlockPosterior] = []
    pairs = [state.factor() for state in states]
    for a, (axis, state) in enumerate(zip(axes, states, strict=True)):
        others = jnp.ones((core.shape[0], *(means[0].shape[1],) * 2))
        for b, (_, gram) in enumerate(pairs):
            others = others * gram if b != a else others
        moment = core[..., None] if single else jax.vmap(partial(contract, keep=a))(core, [f for f, _ in pairs])
        if isinstance(axis, PointAxis) and axis.projection is not None:
            moment = axis.projection @ moment
        for c in range(1 if isinstance(axis, GridAxis) else len(axis.designs)):
            d = len(blocks)
            own = prior.mean[d], prior.variance[d], noise
            if isinstance(state, GridFunctions):
                block = jax.vmap(partial(grid_block, state.axis))(others, moment, *own)
            else:
                gram, rhs = state.sums(c, moment.swapaxes(1, 2))
                block = jax.lax.map(lambda one: dense_block(*one), (others[:, :, None, :, None] * gram, rhs, *own))
            blocks.append(block)
            state.update(c, block.mean, None if covariances is None else block.covariance)
        pairs[a] = state.factor()
    return blocks
