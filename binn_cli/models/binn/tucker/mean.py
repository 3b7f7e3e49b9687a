"""The predictive mean alone of a Tucker decomposition: the core contracted with tables of functions, as matrix products throughout."""

from __future__ import annotations

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.pieces import Pieces
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker.axes import row_products
from binn_cli.models.binn.tucker.blocks import column_sums, evaluated_apart, in_blocks, products
from binn_cli.models.binn.tucker.layout import Group

LOOKUP_ROWS, BLOCKS = 1024, 2
"""Scattered points whose functions are evaluated at once, and how many times that many are contracted with the core at once: all tables
stay in the second-level cache."""

POINTS_PER_CALL = 2**16
"""Scattered points of one call of the compiled function."""

VALUES_PER_CALL = 2**22
"""Values of one call on a product of groups (32 MB)."""


def rows_for_mean(groups: list[Group]) -> int:
    """Points of the first group that one call evaluates."""
    others = int(np.prod([len(group.points) for group in groups[1:]]))
    return max(1, min(len(groups[0].points), POINTS_PER_CALL, VALUES_PER_CALL // others))


def cheapest_split(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of the left table when a core is contracted as left @ core @ right: fewest multiplications."""
    every = range(len(ranks))
    total = int(np.prod(ranks))
    choices = [chosen for count in range(1, len(ranks)) for chosen in combinations(every, count)]

    def cost(chosen: tuple[int, ...]) -> int:
        left = int(np.prod([ranks[d] for d in chosen]))
        return left + 3 * (total // left)  # the product itself costs the same for each: what is left is forming tables and reading them

    return min(choices, key=cost, default=(0,))


def scattered_mean(core: Float[Array, "*R"], functions: list[Float[Array, "R n"]]) -> Float[Array, " n"]:
    """The core, one index a dimension, contracted with every dimension's functions at the same n points."""
    ranks = core.shape
    left = cheapest_split(ranks)
    right = tuple(d for d in range(len(ranks)) if d not in left)
    if not right:
        return core @ functions[0]
    matrix = jnp.transpose(core, right + left).reshape(-1, int(np.prod([ranks[d] for d in left])))
    table, other = (products([functions[d] for d in chosen]) for chosen in (left, right))
    return column_sums((matrix @ table) * other)


def grid_mean(core: Float[Array, "*Q"], tables: list[Float[Array, "n Q"]]) -> Float[Array, "*n"]:
    """The core, one index a group, contracted with every group's table: the product of groups as matrix products."""
    total = core
    growth = [table.shape[0] / table.shape[1] for table in tables]
    for place in map(int, np.argsort(growth)):  # what shrinks the tensor most goes first
        total = jnp.moveaxis(jnp.tensordot(total, tables[place], axes=(place, 1)), -1, place)
    return total


def evaluate_mean(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    core: Float[Array, "L *Q"],
    tables: tuple[Pieces, ...],
    points: tuple[Float[Array, "n D"], ...],
    *,
    places: tuple[tuple[int, ...], ...],
    widths: tuple[int, ...],
) -> tuple[Float[Array, "L *n"]]:
    """Mean of every output on the product of groups, in standardised units; see `binn_cli.models.binn.tucker.prediction`.

    `tables` holds for every dimension its mean functions, or nothing.
    """
    begins = np.cumsum([0, *widths])
    owned = [[d for a in place for d in range(begins[a], begins[a + 1])] for place in places]
    order = [d for own in owned for d in own]

    def points_last(x: Array, output: Array) -> list[Array]:
        if tables:
            return [table.of_output(output)(x[:, d]) for d, table in enumerate(tables)]
        return [dimension.weights[output] @ bases[d](x[:, d]).T for d, dimension in enumerate(dimensions)]

    def at(own: list[int], x: Array, output: Array) -> list[Array]:
        return [bases[d](x[:, column]) @ dimensions[d].weights[output].T for column, d in enumerate(own)]

    def one(output: Array) -> Array:
        ranks = [dimension.weights.shape[1] for dimension in dimensions]
        apart = jnp.transpose(core[output].reshape(ranks), order)
        if len(points) > 1:
            shape = [int(np.prod([ranks[d] for d in own])) for own in owned]
            return grid_mean(apart.reshape(shape), [row_products(at(own, x, output)) for own, x in zip(owned, points, strict=True)])
        (x,) = points
        rows = min(LOOKUP_ROWS, x.shape[0])
        together = in_blocks(x, rows * min(BLOCKS, -(-x.shape[0] // rows)))

        def block(own: Array) -> Array:
            return scattered_mean(apart, evaluated_apart(lambda part: points_last(part, output), own, rows))

        return jax.lax.map(block, together).reshape(-1)[: x.shape[0]]

    return (jax.lax.map(one, jnp.arange(core.shape[0])),)
