"""The block posterior of one dimension's factor weights, the core and every other dimension frozen."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior, dense_block, grid_block
from binn_cli.models.binn.statistics import GridAxis, PointAxis
from binn_cli.models.binn.tucker.axes import AxisColumns, functions_at_points, row_products, sum_over_rows
from binn_cli.models.binn.tucker.core import LETTERS


def gram_of_axis(core: Float[Array, "*Q"], columns: list[AxisColumns], a: int) -> Float[Array, "Q Q"]:
    """Gamma of one axis: the core contracted with itself through the Gram matrices of the other axes."""
    names = LETTERS[: core.ndim]
    weighted = core
    for b, column in enumerate(columns):
        if b != a:
            weighted = jnp.moveaxis(jnp.tensordot(weighted, column.gram, axes=(b, 0)), -1, b)
    other = names.replace(names[a], names[a].upper())
    return jnp.einsum(f"{names},{other}->{names[a]}{names[a].upper()}", core, weighted)


def moment_of_axis(data: Float[Array, "*R"], core: Float[Array, "*Q"], columns: list[AxisColumns], a: int) -> Float[Array, "R Q"]:
    """The data contracted with the columns of every other axis and with the core, in the core's coordinates of this axis."""
    names = LETTERS[: core.ndim]
    operands = [names[b] + names[b].upper() for b in range(core.ndim) if b != a]
    spec = ",".join([names, names.upper(), *operands]) + f"->{names[a]}{names[a].upper()}"
    matrices = [column.compressed for b, column in enumerate(columns) if b != a]
    return jnp.einsum(spec, data, core, *matrices, optimize="optimal")


def point_statistics(
    axis: PointAxis,
    coordinate: int,
    means: list[Float[Array, "R K"]],
    root: Float[Array, "Q P"],
    moment: Float[Array, "r Q"],
) -> tuple[Float[Array, "R K R K"], Float[Array, "R K"]]:
    """Gram matrix and right-hand side of one coordinate's weights on an axis of several coordinates.

    At point i the design is the sum over the other coordinates' functions h_i of root[(r, q)] h_i,q, times phi_i: P rows a point,
    where root root^T = Gamma.
    """
    ranks = [mean.shape[0] for mean in means]
    rank = ranks[coordinate]
    # (…, Q) with this coordinate's index first and all others merged behind it
    roots = jnp.moveaxis(root.reshape(*ranks, -1), coordinate, 0).reshape(rank, -1, root.shape[1])
    moments = jnp.moveaxis(moment.reshape(-1, *ranks), coordinate + 1, 1).reshape(moment.shape[0], rank, -1)
    design, owner = axis.designs[coordinate], axis.owner[coordinate]
    values, width = design.shape

    def frozen(projection: Array, functions: tuple[Array, ...]) -> tuple[Array, Array]:
        h = row_products(list(functions))
        g = jnp.einsum("nq,rqp->nrp", h, roots)
        return jnp.einsum("nrp,nsp->nrs", g, g), jnp.einsum("nz,zrq,nq->nr", projection, moments, h, optimize="optimal")

    def by_value(projection: Array, own: Array, *functions: Array) -> tuple[Array, Array]:
        squares, targets = frozen(projection, functions)
        return jax.ops.segment_sum(squares, own, values), jax.ops.segment_sum(targets, own, values)

    def by_point(projection: Array, phi: Array, *functions: Array) -> tuple[Array, Array]:
        squares, targets = frozen(projection, functions)
        left = (squares[:, :, :, None] * phi[:, None, None, :]).reshape(phi.shape[0], -1)
        return (left.T @ phi).reshape(rank, rank, width, width), targets.T @ phi

    others = [f for c, f in enumerate(functions_at_points(axis, means)) if c != coordinate]
    assert axis.projection is not None
    size = moments.shape[2] + rank * root.shape[1] + rank * rank
    if owner is None:
        gram, rhs = sum_over_rows(by_point, (axis.projection, design, *others), size + rank * rank * width)
        return jnp.transpose(gram, (0, 2, 1, 3)), rhs
    squares, targets = sum_over_rows(by_value, (axis.projection, owner, *others), size)
    weighted = jnp.einsum("vrs,vk->rksv", squares, design)
    return weighted @ design, targets.T @ design


def factor_block(
    axis: GridAxis | PointAxis,
    coordinate: int,
    means: list[Float[Array, "R K"]],
    gamma: Float[Array, "Q Q"],
    moment: Float[Array, "r Q"],
    prior: tuple[Float[Array, "R K"], Float[Array, " R"]],
    noise: Float[Array, ""],
    *,
    alone: Float[Array, " Q"] | None,
) -> BlockPosterior:
    """The posterior of one dimension's weights.

    Args:
        axis: the dimension's axis.
        coordinate: which of the axis's coordinates it is.
        means: latest weights of all the axis's dimensions.
        gamma: Gamma of the axis.
        moment: the data contracted with everything but this axis.
        prior: mean and variance of the weights.
        noise: noise variance.
        alone: the core where this is the only axis; it is then the root of Gamma, which has rank one.
    """
    if isinstance(axis, GridAxis):
        return grid_block(axis, gamma, moment, *prior, noise)
    if alone is not None:
        root = alone[:, None]
    else:
        values, vectors = jnp.linalg.eigh(gamma)
        root = vectors * jnp.sqrt(jnp.maximum(values, 0.0))
    gram, rhs = point_statistics(axis, coordinate, means, root, moment)
    return dense_block(gram, rhs, *prior, noise)
