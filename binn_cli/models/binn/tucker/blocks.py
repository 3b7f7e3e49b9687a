"""Scattered points in blocks that fit into the cache, points as the last index, so that every loop runs over them."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array


def products(tables: list[Float[Array, "R n"]]) -> Float[Array, "Q n"]:
    """All products of one row of each table at every point."""
    return reduce(lambda a, b: (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[-1]), tables)


def column_sums(table: Float[Array, "R n"]) -> Float[Array, " n"]:
    """Sums over the first index as a matrix product, which is twice as fast as the sum that the compiler makes."""
    return (jnp.ones((1, table.shape[0])) @ table)[0]


def in_blocks(x: Float[Array, "n D"], rows: int) -> Float[Array, "blocks rows D"]:
    """Points in blocks, the last one filled up with zeros."""
    blocks = -(-x.shape[0] // rows)
    return jnp.pad(x, ((0, blocks * rows - x.shape[0]), (0, 0))).reshape(blocks, rows, -1)


def evaluated_apart(
    functions: Callable[[Float[Array, "r D"]], list[Float[Array, "F r"]]], x: Float[Array, "n D"], rows: int
) -> list[Float[Array, "F n"]]:
    """Functions of so many points at a time, in a loop of its own.

    What a loop returns is there before it is used. The compiler would else fuse the functions with what is made of them, and evaluate
    them again for each of many uses.
    """
    values = jax.lax.map(functions, x.reshape(-1, rows, x.shape[1]))
    return [jnp.moveaxis(v, 0, 1).reshape(v.shape[1], -1) for v in values]
