"""The network linearised in its last weights: Jacobians, and the sums over all points that a Gaussian around the
weights is made of."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.compilation import CompiledFunction, Stopwatch

ROWS = 256
"""Points whose Jacobians are in memory at one time."""


@dataclass(frozen=True)
class Sums:
    """Sums over the training points, for each of L outputs, with J the derivatives of an output by the last K weights
    and r its residual.

    Attributes:
        gram: (L, K, K) sums of J Jᵀ.
        slope: (L, K) sums of J r.
        squares: (L,) sums of r².
        n: N, the number of points.
    """

    gram: Float[np.ndarray, "L K K"]
    slope: Float[np.ndarray, "L K"]
    squares: Float[np.ndarray, " L"]
    n: int


def jacobians(vector: Array, x: Float[Array, "n D"], density: Density, last: int) -> Float[Array, "n L K"]:
    """Derivatives of the outputs by the last K = `last` weights, in float64."""
    weights = density.network.n_weights
    head, tail = vector[: weights - last], vector[weights - last : weights]

    def outputs(tail: Array, row: Array) -> Array:
        return density.network(jnp.concatenate([head, tail]), row[None])[0]

    return jax.vmap(lambda row: jax.jacrev(outputs)(tail, row))(x).astype(jnp.float64)


def in_blocks(rows: Array) -> Array:
    """Rows as blocks (blocks, `ROWS`, …), zeros behind the last one."""
    blocks = -(-len(rows) // ROWS)
    filled = jnp.pad(rows, ((0, blocks * ROWS - len(rows)), *[(0, 0)] * (rows.ndim - 1)))
    return filled.reshape(blocks, ROWS, *rows.shape[1:])


def _sums(vector: Array, points: Points, *, density: Density, last: int) -> tuple[Array, Array, Array]:
    counts = in_blocks((jnp.arange(len(points.x)) < points.n).astype(jnp.float64))

    def add(
        sums: tuple[Array, Array, Array], block: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array, Array], None]:
        x, y, counted = block
        jacobian = jacobians(vector, x, density, last) * counted[:, None, None]
        residual = (y - density.function(vector, x)).astype(jnp.float64) * counted[:, None]
        gram = jnp.einsum("nlk,nlj->lkj", jacobian, jacobian)
        found = (gram, jnp.einsum("nlk,nl->lk", jacobian, residual), jnp.sum(residual**2, axis=0))
        return jax.tree.map(jnp.add, sums, found), None

    outputs = density.outputs
    zeros = (jnp.zeros((outputs, last, last)), jnp.zeros((outputs, last)), jnp.zeros(outputs))
    return jax.lax.scan(add, zeros, (in_blocks(points.x), in_blocks(points.y), counts))[0]


summed = CompiledFunction(_sums)


def sums_over(density: Density, points: Points, vector: Float[np.ndarray, " P"], last: int, watch: Stopwatch) -> Sums:
    """The sums at a vector, with respect to its last K = `last` weights (the noise not counted)."""
    gram, slope, squares = (np.asarray(part) for part in summed(watch, vector, points, density=density, last=last))
    return Sums(gram, slope, squares, int(points.n))
