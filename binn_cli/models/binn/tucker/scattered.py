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

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.pieces import Pieces
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker.blocks import column_sums, evaluated_apart, in_blocks, products
from binn_cli.models.binn.tucker.coordinates import coordinate_functions, covariance_of
from binn_cli.models.binn.tucker.terms import Directions, Layout, Terms, leading, pairs_of, proper_subsets

BLOCK_ROWS = 64, 512
"""Fewest and most points at once."""

BLOCKS = 16
"""Blocks for which the functions of the coordinates are evaluated together."""

TABLE_ENTRIES = 2**16
"""Numbers in the largest table of a block: it stays in the second-level cache."""


def bilinear(matrix: Float[Array, "rest left"], tables: list[Float[Array, "R n"]], last: Float[Array, "Q n"]) -> Float[Array, " n"]:
    """A tensor, split as `terms_of` does, contracted with every table."""
    cut = leading(tuple(t.shape[0] for t in tables), last.shape[0])
    return column_sums((matrix @ products(tables[:cut])) * products([*tables[cut:], last]))


def quadratic(moment: Float[Array, "Q Q n"], vectors: Float[Array, "I Q n"]) -> Float[Array, "I n"]:
    """v^T S v at every point, for I vectors a point."""
    # Written out pair by pair, it compiles to one loop over the points; a sum over an index takes ten times as long.
    pairs = zip(*pairs_of(moment.shape[0]), strict=True)
    return reduce(jnp.add, (float(w) * moment[p, q] * vectors[:, p] * vectors[:, q] for p, q, w in pairs))


class Block(NamedTuple):
    """What is known of n points.

    Attributes:
        mean: for every axis of one coordinate (R, n) mean functions.
        variance: likewise (R, n) the variance along each direction.
        columns: (Q, n) mean of the columns of all other axes.
        excess: (Q, Q, n) their covariance.
        moment: (Q, Q, n) their second moment.
        contracted: (Q, n) the core contracted with all mean functions but these columns.
        spread: for every axis in this order, the last one standing for all others, second moments along the core's eigenvectors.
    """

    mean: list[Float[Array, "R n"]]
    variance: list[Float[Array, "R n"]]
    columns: Float[Array, "Q n"]
    excess: Float[Array, "Q Q n"]
    moment: Float[Array, "Q Q n"]
    contracted: Float[Array, "Q n"]
    spread: list[Float[Array, "R n"]]


def _block(
    functions: Sequence[Float[Array, "F n"]], ranks: list[int], vectors: tuple[Float[Array, "Q Q"], ...], terms: Terms, layout: Layout
) -> Block:
    """What is known of a block of points, given the functions of every dimension there (`coordinate_functions`)."""
    lone, _, begins = layout
    means, variances, spreads = [], [], []
    for a, own in zip(lone, terms.directions, strict=True):
        rank = ranks[begins[a]]
        means.append(functions[begins[a]][:rank])
        variances.append(functions[begins[a]][rank:])
        spreads.append((vectors[a].T @ means[-1]) ** 2 + (vectors[a].T @ own.vectors) ** 2 @ variances[-1])
    columns, excess, last = _several(functions, ranks, vectors, layout)
    moment = excess + outer(columns)
    return Block(means, variances, columns, excess, moment, _contracted(terms.mean, means, columns.shape[0]), [*spreads, last])


def _several(
    functions: Sequence[Float[Array, "F n"]], ranks: list[int], vectors: tuple[Float[Array, "Q Q"], ...], layout: Layout
) -> tuple[Float[Array, "Q n"], Float[Array, "Q Q n"], Float[Array, "Q n"]]:
    """Mean and covariance of the columns of the axes of several coordinates, and second moments along the core's eigenvectors."""
    n = functions[0].shape[1]
    columns: Array
    excess: Array
    spread: Array
    columns, excess, spread = jnp.ones((1, n)), jnp.zeros((1, 1, n)), jnp.ones((1, n))
    for a in layout.several:
        mean: Array = jnp.ones((1, n))
        covariance: Array = jnp.zeros((1, 1, n))
        for d in range(layout.begins[a], layout.begins[a + 1]):
            own = functions[d][: ranks[d]], covariance_of(functions[d], ranks[d])
            covariance = kronecker(covariance, own[1] + outer(own[0])) + kronecker(outer(mean), own[1])
            mean = products([mean, own[0]])
        first, second, weight = pairs_of(mean.shape[0])
        forms = (weight[:, None] * vectors[a][first] * vectors[a][second]).T @ covariance[first, second]
        spread = products([spread, (vectors[a].T @ mean) ** 2 + jnp.maximum(forms, 0.0)])
        excess = kronecker(excess, covariance + outer(mean)) + kronecker(outer(columns), covariance)
        columns = products([columns, mean])
    return columns, excess, spread


def outer(mean: Float[Array, "Q n"]) -> Float[Array, "Q Q n"]:
    """m m^T at every point."""
    return mean[:, None] * mean[None, :]


def kronecker(a: Float[Array, "P P n"], b: Float[Array, "R R n"]) -> Float[Array, "Q Q n"]:
    """The Kronecker product of two matrices at every point."""
    size = a.shape[0] * b.shape[0]
    return (a[:, None, :, None] * b[None, :, None, :]).reshape(size, size, -1)


def _contracted(core: Float[Array, "_ left"], means: list[Float[Array, "R n"]], columns: int) -> Float[Array, "Q n"]:
    cut = leading(tuple(m.shape[0] for m in means), columns)
    left = (core @ products(means[:cut])).reshape(-1, columns, means[0].shape[1])
    return jnp.sum(left * products(means[cut:])[:, None], axis=0) if cut < len(means) else left[0]


def _variance(terms: Terms, block: Block) -> Float[Array, " n"]:
    """The variance at the points of a block."""
    count, (columns, n) = len(block.mean), block.columns.shape
    total = column_sums(quadratic(block.excess, block.contracted[None]))
    for chosen, matrix in zip(proper_subsets(count), terms.subsets, strict=True):
        rest = products([m for d, m in enumerate(block.mean) if d not in chosen])
        own = quadratic(block.moment, (matrix @ rest).reshape(-1, columns, n))
        total = total + column_sums(own * products([block.variance[d] for d in chosen]))
    first, second, _ = pairs_of(columns)
    total = total + bilinear(terms.full, block.variance, block.moment[first, second])
    return total + bilinear(terms.spread, block.spread[:-1], block.spread[-1])


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
    directions: tuple[Directions | None, ...],
    tables: tuple[Pieces, ...],
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
        directions: for every dimension, where its functions are independent.
        tables: for every dimension, what would else be evaluated from its basis; or none.
        x: the points in the unit box.
        widths: number of coordinates of every axis of the training data.
        joint: whether the covariance between the functions of a dimension counts.
    """
    layout = Layout.of(widths)
    ranks = [dimension.weights.shape[1] for dimension in dimensions]
    columns = int(np.prod([vectors[a].shape[-1] for a in layout.several]))
    rows = block_rows(tuple(vectors[a].shape[-1] for a in layout.lone), columns, x.shape[0])
    group = rows * min(BLOCKS, -(-x.shape[0] // rows))

    def one(output: Array) -> tuple[Array, Array]:
        own, eigenvectors, constants, looked = jax.tree.map(
            lambda array: array[output], (directions, vectors, terms, [table.coefficients for table in tables])
        )

        def functions(d: int, at: Array) -> Array:
            if tables:
                return Pieces(tables[d].rate, looked[d])(at)
            return coordinate_functions(bases[d](at), dimensions[d].of_output(output), own[d], joint=joint)

        def several_blocks(points: Array) -> tuple[Array, Array]:
            # The second loop, too, is there to have its operands evaluated once.
            together = evaluated_apart(lambda at: [functions(d, at[:, d]) for d in range(len(ranks))], points, rows)
            found = _block(together, ranks, eigenvectors, constants, layout)
            blocks = jax.tree.map(lambda array: jnp.moveaxis(array.reshape(*array.shape[:-1], -1, rows), -2, 0), found)
            variance = jax.lax.map(lambda block: _variance(constants, block), blocks)
            return jnp.sum(found.contracted * found.columns, axis=0), variance.reshape(-1)

        return jax.lax.map(several_blocks, in_blocks(x, group))

    mean, variance = jax.lax.map(one, jnp.arange(len(terms.mean)))
    return mean.reshape(len(mean), -1)[:, : x.shape[0]], variance.reshape(len(mean), -1)[:, : x.shape[0]]
