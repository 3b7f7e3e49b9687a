"""Mean and variance of a Tucker decomposition at scattered points, as matrix products over blocks of points.

On an axis of one coordinate the covariance of the functions has the same directions everywhere, C_d(x) = W_d diag(c_d(x)) W_d^T, since
the blocks' precision is Gamma (x) S^2 plus the prior's (`binn_cli.models.binn.block.grid_block`). With D the dimensions of such axes, and
m and m m^T + E = S the mean and second moment of the columns of all other axes,

    Var y = <E, A A^T> + sum over the non-empty T in D, sum_i prod_{d in T} c_{d,i_d} <S, A_{T,i} A_{T,i}^T> + the core's own variance,

where A_T is the core contracted with W_d for d in T and with the mean functions of the rest of D. All terms are positive: nothing is
lost in round-off. A_T is a constant matrix times a table of products of functions, for T = D a constant alone; so a point costs 2^D
times the multiplications of its mean, where contracting the core with the roots of all covariances takes the product of R_d + 1.
Points are the last index throughout, so that every loop runs over them.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker.posterior import function_moments, group_moments
from binn_cli.models.binn.tucker.terms import Directions, Layout, Terms, leading, pairs_of, proper_subsets

BLOCK_ROWS = 64, 512
"""Fewest and most points at once."""

TABLE_ENTRIES = 2**16
"""Numbers in the largest table of a block: it stays in the second-level cache."""


def products(tables: list[Float[Array, "R n"]]) -> Float[Array, "Q n"]:
    """All products of one row of each table at every point."""
    return reduce(lambda a, b: (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[-1]), tables)


def bilinear(matrix: Float[Array, "rest left"], tables: list[Float[Array, "R n"]], last: Float[Array, "Q n"]) -> Float[Array, " n"]:
    """A tensor, split as `terms_of` does, contracted with every table."""
    cut = leading(tuple(t.shape[0] for t in tables), last.shape[0])
    return jnp.sum((matrix @ products(tables[:cut])) * products([*tables[cut:], last]), axis=0)


def quadratic(moment: Float[Array, "Q Q n"], vectors: Float[Array, "I Q n"]) -> Float[Array, "I n"]:
    """v^T S v at every point, for I vectors a point."""
    # Written out pair by pair, it compiles to one loop over the points; a sum over an index takes ten times as long.
    pairs = zip(*pairs_of(moment.shape[0]), strict=True)
    return reduce(jnp.add, (float(w) * moment[p, q] * vectors[:, p] * vectors[:, q] for p, q, w in pairs))


class Block(NamedTuple):
    """What is known of a block of n points.

    Attributes:
        mean: for every axis of one coordinate (R, n) mean functions.
        variance: likewise (R, n) the variance along each direction.
        columns: (Q, n) mean of the columns of all other axes.
        excess: (Q, Q, n) their covariance.
        spread: for every axis in this order, the last one standing for all others, second moments along the core's eigenvectors.
    """

    mean: list[Float[Array, "R n"]]
    variance: list[Float[Array, "R n"]]
    columns: Float[Array, "Q n"]
    excess: Float[Array, "Q Q n"]
    spread: list[Float[Array, "R n"]]


def _block(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    vectors: tuple[Float[Array, "Q Q"], ...],
    directions: tuple[Directions, ...],
    x: Float[Array, "n D"],
    layout: Layout,
    *,
    joint: bool,
) -> Block:
    lone, several, begins = layout
    means, variances, spreads = [], [], []
    for a, own in zip(lone, directions, strict=True):
        d = begins[a]
        values = bases[d](x[:, d]).T
        seen = dimensions[d].directions.T @ values
        unseen = jnp.sum((values - dimensions[d].directions @ seen) ** 2, axis=0)
        means.append(dimensions[d].weights @ values)
        variances.append(own.variance.T @ seen**2 + unseen)
        spreads.append((vectors[a].T @ means[-1]) ** 2 + (vectors[a].T @ own.vectors) ** 2 @ variances[-1])
    if not several:
        one = jnp.ones((1, x.shape[0]))
        return Block(means, variances, one, jnp.zeros((1, 1, x.shape[0])), [*spreads, one])
    functions = [
        [function_moments(bases[d](x[:, d]), dimensions[d], joint=joint) for d in range(begins[a], begins[a + 1])] for a in several
    ]
    rest = group_moments([vectors[a] for a in several], functions, first=False)
    assert rest.excess is not None
    return Block(means, variances, rest.mean.T, jnp.transpose(rest.excess, (1, 2, 0)), [*spreads, rest.spread.T])


def _summed(terms: Terms, block: Block) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Mean and variance of a block of points."""
    count, (columns, n) = len(block.mean), block.columns.shape
    moment = block.excess + block.columns[:, None] * block.columns[None, :]
    cut = leading(tuple(m.shape[0] for m in block.mean), columns)
    mean = (terms.mean @ products(block.mean[:cut])).reshape(-1, columns, n)
    if cut < count:
        mean = jnp.sum(mean * products(block.mean[cut:])[:, None], axis=0, keepdims=True)
    variance = quadratic(block.excess, mean)[0]
    for chosen, matrix in zip(proper_subsets(count), terms.subsets, strict=True):
        rest = products([m for d, m in enumerate(block.mean) if d not in chosen])
        own = quadratic(moment, (matrix @ rest).reshape(-1, columns, n))
        variance = variance + jnp.sum(own * products([block.variance[d] for d in chosen]), axis=0)
    first, second, _ = pairs_of(columns)
    variance = variance + bilinear(terms.full, block.variance, moment[first, second])
    return jnp.sum(mean[0] * block.columns, axis=0), variance + bilinear(terms.spread, block.spread[:-1], block.spread[-1])


def block_rows(ranks: tuple[int, ...], columns: int, points: int) -> int:
    """Points of one block."""
    largest = int(np.prod(ranks)) // min(ranks) * columns if len(ranks) > 1 else columns
    fitting = int(np.clip(TABLE_ENTRIES // largest, *BLOCK_ROWS))
    return min(fitting // BLOCK_ROWS[0] * BLOCK_ROWS[0], points)


def evaluate_scattered(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    vectors: tuple[Float[Array, "L Q Q"], ...],
    terms: Terms,
    x: Float[Array, "n D"],
    *,
    widths: tuple[int, ...],
    joint: bool,
) -> tuple[Float[Array, "L n"], Float[Array, "L n"]]:
    """Mean and variance of every output at n points, in standardised units.

    Args:
        bases: the basis of each of the D dimensions.
        dimensions: their posteriors, with a leading axis of L outputs.
        vectors: for each axis of the training data, the eigenvectors of the core's covariance.
        terms: the constants of this posterior.
        x: the points in the unit box.
        widths: number of coordinates of every axis of the training data.
        joint: whether the covariance between the functions of a dimension counts.
    """
    layout = Layout.of(widths)
    columns = int(np.prod([vectors[a].shape[-1] for a in layout.several]))
    rows = block_rows(tuple(vectors[a].shape[-1] for a in layout.lone), columns, x.shape[0])
    blocks = -(-x.shape[0] // rows)
    padded = jnp.pad(x, ((0, blocks * rows - x.shape[0]), (0, 0))).reshape(blocks, rows, -1)

    def one(output: Array) -> tuple[Array, Array]:
        own = [dimension.of_output(output) for dimension in dimensions]
        constants: Terms = jax.tree.map(lambda array: array[output], terms)

        def at(points: Array) -> tuple[Array, Array]:
            chosen = tuple(v[output] for v in vectors)
            return _summed(constants, _block(bases, tuple(own), chosen, constants.directions, points, layout, joint=joint))

        return jax.lax.map(at, padded)

    mean, variance = jax.lax.map(one, jnp.arange(len(terms.mean)))
    return tuple(values.reshape(len(terms.mean), -1)[:, : x.shape[0]] for values in (mean, variance))
