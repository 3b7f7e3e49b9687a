"""A Tucker core contracted with the functions of all axes at the same points, point by point.

Arrays have the points last, so that products of functions are products of long rows, and all sums over the core are
matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Contraction:
    """What turns functions at points into moments of the field there.

    Attributes:
        core: (Q_1, …, Q_A) mean of the core.
        vectors: for each axis (Q, Q) the directions in whose products the core's entries are independent.
        variance: (Q_1, …, Q_A) variance along every product of directions.
        directions: for each axis (Q, E) the directions along which its functions vary independently.
    """

    core: Float[np.ndarray, "*Q"]
    vectors: tuple[Float[np.ndarray, "Q Q"], ...]
    variance: Float[np.ndarray, "*Q"]
    directions: tuple[Float[np.ndarray, "Q E"], ...]

    def mean(self, values: Sequence[Float[np.ndarray, "Q n"]]) -> Float[np.ndarray, " n"]:
        """The core contracted with the functions of every axis."""
        return _contract(self.core, values)

    def moments(
        self, values: Sequence[Float[np.ndarray, "Q n"]], spreads: Sequence[Float[np.ndarray, "E n"]]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Mean and variance: that of the core, and that of every axis's functions.

        Args:
            values: of the functions of every axis.
            spreads: their variance along the directions.
        """
        mean, slopes = _slopes(self.core, values)
        squares = [(own.T @ value) ** 2 for value, own in zip(values, self.vectors, strict=True)]
        total = _contract(self.variance, squares)
        for directions, slope, spread in zip(self.directions, slopes, spreads, strict=True):
            along = directions.T @ slope
            np.multiply(along, along, out=along)
            total += np.einsum("en,en->n", along, spread)
        return mean, total


def _contract(core: Float[np.ndarray, "*Q"], values: Sequence[Float[np.ndarray, "Q n"]]) -> Float[np.ndarray, " n"]:
    left, right = _halves(core.shape)
    first = _products([values[a] for a in left])
    return _along(core.reshape(len(first), -1).T @ first, [values[a] for a in right])


def _along(tensor: Float[np.ndarray, "P n"], tables: Sequence[Float[np.ndarray, "Q n"]]) -> Float[np.ndarray, " n"]:
    """A tensor per point, with an index per table, contracted with all tables, the last one first."""
    for table in reversed(tables):
        tensor = np.einsum("pqn,qn->pn", tensor.reshape(-1, *table.shape), table)
    return tensor[0]


def _halves(shape: tuple[int, ...]) -> tuple[range, range]:
    """Leading and other axes such that the two tables of products are together as small as can be."""
    cut = min(range(1, len(shape) + 1), key=lambda c: np.prod(shape[:c]) + np.prod(shape[c:]))
    return range(cut), range(cut, len(shape))


def _products(tables: Sequence[Float[np.ndarray, "Q n"]]) -> Float[np.ndarray, "P n"]:
    """All products of one function per table, point by point (the Khatri-Rao product)."""
    if not tables:
        return np.ones((1, 1))
    return reduce(lambda a, b: (a[:, None] * b[None]).reshape(-1, a.shape[1]), tables)


def _slopes(
    core: Float[np.ndarray, "*Q"], values: Sequence[Float[np.ndarray, "Q n"]]
) -> tuple[Float[np.ndarray, " n"], list[Float[np.ndarray, "Q n"]]]:
    """The core contracted with all functions, and with all but those of each axis: the gradient of the first."""
    left, right = _halves(core.shape)
    first, second = (_products([values[a] for a in half]) for half in (left, right))
    matrix = core.reshape(len(first), -1)
    down = matrix.T @ first  # (products of the right half, n)
    up = matrix @ np.broadcast_to(second, (len(second), first.shape[1]))
    within = [*_within(up, [values[a] for a in left]), *_within(down, [values[a] for a in right])]
    return np.einsum("qn,qn->n", within[0], values[0]), within


def _within(
    tensor: Float[np.ndarray, "P n"], tables: Sequence[Float[np.ndarray, "Q n"]]
) -> list[Float[np.ndarray, "Q n"]]:
    """A tensor per point, with an index per table, contracted with all tables but each in turn."""
    if not tables:
        return []
    if len(tables) == 1:
        return [tensor]
    shaped = tensor.reshape(len(tables[0]), -1, tensor.shape[1])
    first = np.einsum("ipn,pn->in", shaped, _products(tables[1:]))
    inner = np.einsum("in,ipn->pn", tables[0], shaped)
    return [first, *_within(inner, tables[1:])]
