"""One pass of block updates over all dimensions, each with the others frozen (section 3.3)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.accumulation import ROWS_PER_CHUNK
from binn_cli.models.binn.block import BlockPosterior, Frozen, grid_block, point_block
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics


class Prior(NamedTuple):
    """Prior of every block: mean (M, K) and variance (M,) of each dimension."""

    mean: tuple[Float[Array, "M K"], ...]
    variance: tuple[Float[Array, " M"], ...]


def dimensions_of(axes: tuple[GridAxis | PointAxis, ...]) -> list[tuple[int, int]]:
    """(axis, coordinate within the axis) of every dimension, in the order of the inputs."""
    return [(a, c) for a, axis in enumerate(axes) for c in range(1 if isinstance(axis, GridAxis) else len(axis.designs))]


def contract(core: Float[Array, "*R"], factors: list[Float[Array, "R M"]], keep: int) -> Float[Array, "R M"]:
    """The core contracted with every factor matrix but one, mode by mode (the MTTKRP)."""
    letters = "abcdefghijkl"[: core.ndim]
    operands = [(letters[i] + "z", f) for i, f in enumerate(factors) if i != keep]
    if not operands:
        return jnp.broadcast_to(core[:, None], (core.shape[0], factors[keep].shape[1]))
    spec = ",".join([letters] + [name for name, _ in operands]) + f"->{letters[keep]}z"
    return jnp.einsum(spec, core, *[f for _, f in operands], optimize="optimal")


def _second_moment(design: Float[Array, "V K"], mean: Float[Array, "M K"], covariance: Float[Array, "M K M K"]) -> Float[Array, "V M M"]:
    """E[f f^T] at every row of the design matrix."""

    def at(phi: Array) -> Array:
        f = jnp.asarray(mean @ phi)
        return jnp.outer(f, f) + jnp.einsum("mkpl,k,l->mp", covariance, phi, phi)

    return jax.lax.map(at, jnp.asarray(design), batch_size=min(design.shape[0], ROWS_PER_CHUNK // 32))


class AxisState:
    """The functions of one axis during a sweep: what other blocks need of them, renewed after every update.

    With `covariances`, Gram matrices and products of functions are expectations under the posterior, not products of means: that is
    what tells variational inference from the alternation of the paper.
    """

    def __init__(self, axis: GridAxis | PointAxis, means: list[Array], covariances: list[Array] | None) -> None:
        """`means` (M, K) and `covariances`, as in `BlockPosterior`, of the axis's coordinates in their order."""
        self.axis, self.means, self.covariances = axis, list(means), None if covariances is None else list(covariances)
        if isinstance(axis, PointAxis):
            self.functions = [design @ mean.T for design, mean in zip(axis.designs, self.means, strict=True)]
            self.seconds = None if covariances is None else list(map(_second_moment, axis.designs, self.means, covariances))

    def update(self, coordinate: int, block: BlockPosterior) -> None:
        """Put a coordinate's new posterior in place."""
        self.means[coordinate] = block.mean
        if isinstance(self.axis, PointAxis):
            self.functions[coordinate] = self.axis.designs[coordinate] @ block.mean.T
        if self.covariances is not None:
            self.covariances[coordinate] = block.covariance
            if isinstance(self.axis, PointAxis):
                assert self.seconds is not None
                self.seconds[coordinate] = _second_moment(self.axis.designs[coordinate], block.mean, block.covariance)

    def factor(self) -> tuple[Float[Array, "R M"], Float[Array, "M M"]]:
        """The factor matrix in the core's coordinates, and the (expected) Gram matrix of the modes over all points."""
        axis = self.axis
        if isinstance(axis, GridAxis):
            (mean,) = self.means
            gram = (mean * axis.squared) @ mean.T
            if self.covariances is not None:
                gram = gram + jnp.einsum("kmp,k->mp", self.covariances[0], axis.squared)
            return axis.projection @ mean.T, gram
        frozen = self.frozen(None)
        compressed = frozen.mean if axis.projection is None else axis.projection.T @ frozen.mean
        return compressed, frozen.gram()

    def frozen(self, coordinate: int | None) -> Frozen:
        """The product of all functions of an axis of several coordinates but one, at its points."""
        axis = self.axis
        assert isinstance(axis, PointAxis)
        others = [c for c in range(len(axis.designs)) if c != coordinate]
        value = jnp.ones((1, 1))
        for c in others:
            value = value * axis.expand(c, self.functions[c])
        second = None if self.seconds is None else tuple(self.seconds[c] for c in others)
        return Frozen(value, second, tuple(axis.owner[c] for c in others))


def sweep(
    core: Float[Array, "*R"],
    statistics: Statistics,
    prior: Prior,
    means: tuple[Float[Array, "M K"], ...],
    covariances: tuple[Float[Array, "..."], ...] | None,
    noise: Float[Array, ""],
) -> list[BlockPosterior]:
    """Update every dimension once, in order.

    Args:
        core: the compressed data of one output.
        statistics: the axes.
        prior: of every dimension.
        means: of every dimension, from the sweep before.
        covariances: likewise, if blocks pass on second moments (variational Bayes), or None if they pass on means alone (the paper).
        noise: noise variance.
    """
    axes = statistics.axes
    dimensions = dimensions_of(axes)
    own = [[d for d, (axis, _) in enumerate(dimensions) if axis == a] for a in range(len(axes))]
    states = [
        AxisState(axis, [means[d] for d in ds], None if covariances is None else [covariances[d] for d in ds])
        for axis, ds in zip(axes, own, strict=True)
    ]
    blocks: list[BlockPosterior] = []
    pairs = [state.factor() for state in states]
    for d, (a, coordinate) in enumerate(dimensions):
        axis = axes[a]
        others = jnp.ones((means[d].shape[0],) * 2)
        for b, (_, gram) in enumerate(pairs):
            others = others * gram if b != a else others
        if coordinate == 0:
            moment = contract(core, [f for f, _ in pairs], a)
        if isinstance(axis, GridAxis):
            block = grid_block(axis, others, moment, prior.mean[d], prior.variance[d], noise)
        else:
            at_points = moment if axis.projection is None else axis.projection @ moment
            frozen = states[a].frozen(coordinate)
            frozen = frozen._replace(mean=jnp.broadcast_to(frozen.mean, at_points.shape))
            block = point_block(axis, coordinate, frozen, others, at_points, prior.mean[d], prior.variance[d], noise)
        blocks.append(block)
        states[a].update(coordinate, block)
        pairs[a] = states[a].factor()
    return blocks
