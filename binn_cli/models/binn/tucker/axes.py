"""What one axis contributes: the products of its functions at its points, reduced to a Gram matrix and to the core's coordinates.

An axis of D_a coordinates has Q_a = R_1 … R_Da columns, one for every combination of its functions (a row-wise Khatri-Rao product).
Sums over its points run in chunks of rows, so that the n_a x Q_a matrix never exists as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics

CHUNK_ENTRIES = 2**20
"""Numbers of the largest intermediate array of one chunk of rows (8 MB)."""


class AxisColumns(NamedTuple):
    """The columns H of one axis.

    Attributes:
        compressed: (R, Q) the columns in the data core's coordinates.
        gram: (Q, Q) H^T H over all points.
    """

    compressed: Float[Array, "R Q"]
    gram: Float[Array, "Q Q"]


def compressed_table(statistics: Statistics) -> Statistics:
    """Statistics in which a single axis of scattered points has the data of every output as its projection.

    Such data have no core: what the engine reads of them is H^T y, which is a projection on one column, and a core of 1.
    """
    (axis, *more) = statistics.axes
    if more or isinstance(axis, GridAxis) or axis.projection is not None:
        return statistics
    outputs = statistics.core.shape[0]
    axis = axis._replace(projection=jnp.asarray(statistics.core).T)
    return statistics._replace(core=jnp.eye(outputs), axes=(axis,))


def row_products(factors: list[Float[Array, "n R"]]) -> Float[Array, "n Q"]:
    """Row by row, the product of every combination of the factors' columns; the last factor's column varies fastest."""
    total = factors[0]
    for factor in factors[1:]:
        total = (total[:, :, None] * factor[:, None, :]).reshape(total.shape[0], -1)
    return total


def sum_over_rows(part: Callable[..., Any], arrays: tuple[Array, ...], entries: int) -> Any:
    """The sum of `part` over chunks of rows of the arrays, `entries` numbers a row; rows of zeros must contribute nothing."""
    n = arrays[0].shape[0]
    rows = min(n, max(1, CHUNK_ENTRIES // entries))
    if rows == n:
        return part(*arrays)
    pad = -n % rows
    chunks = tuple(jnp.pad(a, [(0, pad)] + [(0, 0)] * (a.ndim - 1)).reshape(-1, rows, *a.shape[1:]) for a in arrays)

    def add(total: Any, chunk: tuple) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, part(*chunk)), None

    shapes = jax.eval_shape(part, *(chunk[0] for chunk in chunks))
    zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return jax.lax.scan(add, zero, chunks)[0]


def functions_at_points(axis: PointAxis, means: list[Float[Array, "R K"]]) -> list[Float[Array, "n R"]]:
    """The functions of every coordinate at the axis's points."""
    return [axis.expand(c, axis.designs[c] @ mean.T) for c, mean in enumerate(means)]


def axis_columns(axis: GridAxis | PointAxis, means: list[Float[Array, "R K"]]) -> AxisColumns:
    """The columns of one axis, given the whitened weights of its dimensions."""
    if isinstance(axis, GridAxis):
        (mean,) = means
        return AxisColumns(axis.projection @ mean.T, (mean * axis.squared) @ mean.T)
    assert axis.projection is not None

    def part(projection: Array, *functions: Array) -> AxisColumns:
        h = row_products(list(functions))
        return AxisColumns(projection.T @ h, h.T @ h)

    width = 1
    for mean in means:
        width *= mean.shape[0]
    return sum_over_rows(part, (axis.projection, *functions_at_points(axis, means)), width + axis.projection.shape[1])
