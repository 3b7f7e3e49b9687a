"""The Gauss-Newton system of all blocks of a sum of products at once, from whatever structure the data have.

With J the Jacobian of the model in all P weights (`design.jacobian`), the system needs JᵀJ, Jᵀ(u - f) and |u - f|². On
a product of axes neither J nor any other array of N rows is formed: with J_a, C_a those of axis a and m(p) the mode of
weight p,

    (JᵀJ)_pq = (J_aᵀ J_a)_pq ∏_{b≠a} (Γ_b)_{m(p) m(q)}                          p, q of the same axis a,
    (JᵀJ)_pq = (J_aᵀ C_a)_{p m(q)} (J_bᵀ C_b)_{q m(p)} ∏_{c≠a,b} (Γ_c)_{m(p) m(q)}   p of axis a, q of axis b,

so that the cost is that of the axes, not of their product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from binn_cli.cores import available_cores
from binn_cli.models.binn.cp.design import AxisDesign, contract_others, jacobian
from binn_cli.models.binn.cp.moments import MANY_ROWS, Moments, inside, of_moments, polynomials
from binn_cli.models.binn.laplace import Linearised
from binn_cli.models.cores import mapped_ahead, one_blas_thread

CHUNK_ENTRIES = 2**18
"""Numbers of one chunk's arrays when the rows of a table are many (2 MB): they stay in the second-level cache."""

Weights = Sequence[Float[np.ndarray, "K M"]]

MOST_ROWS_KEPT = 3000
"""Rows of a table up to which its Jacobian is kept, if the weights are more than the rows."""


@dataclass(frozen=True)
class Design:
    """All axes, and the data of one output.

    Attributes:
        axes: one entry per axis.
        data: (R_1, …, R_A) the standardised output in compressed coordinates.
        energy: sum of the squared standardised output, what compression cut off included.
        count: N, the number of data points.
        weights: (n,) relative precision of every row of a table, or None where all rows are alike.
    """

    axes: tuple[AxisDesign, ...]
    data: Float[np.ndarray, "*R"]
    energy: float
    count: int
    weights: Float[np.ndarray, " n"] | None = None

    @classmethod
    def table(cls, axis: AxisDesign, target: Float[np.ndarray, " n"], weights: np.ndarray | None = None) -> Design:
        """The rows of a table."""
        return cls((axis,), target, float(target @ target), len(target), weights)

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_d of every dimension."""
        return tuple(size for axis in self.axes for size in axis.sizes)

    @property
    def single(self) -> bool:
        """Whether the data are a table: rows of a single axis that nothing compresses."""
        return len(self.axes) == 1 and self.axes[0].projection is None

    def taken(self, rows: np.ndarray) -> Design:
        """Some of the rows of a table."""
        return Design.table(
            self.axes[0].taken(rows), self.data[rows], None if self.weights is None else self.weights[rows]
        )

    def linearised(self, weights: Float[np.ndarray, " P"]) -> Linearised:
        """The Gauss-Newton system at weights in the order of `pack`, with J instead of JᵀJ where that is the
        smaller."""
        keep = self.single and self.axes[0].points < min(len(weights), MOST_ROWS_KEPT)
        return linearise(self, *unpack(weights, self.sizes), keep_rows=keep)


def pack(weights: Weights, intercept: float | None = None) -> Float[np.ndarray, " P"]:
    """All weights in one vector, after the intercept if there is one."""
    return np.concatenate([[] if intercept is None else [intercept], *(np.ravel(w) for w in weights)])


def unpack(
    weights: Float[np.ndarray, " P"], sizes: Sequence[int]
) -> tuple[list[Float[np.ndarray, "K M"]], float | None]:
    """The weights (K_d, M) of every dimension, and the intercept if there is one."""
    modes, rest = divmod(len(weights), sum(sizes))
    ends = np.cumsum([0, *sizes]) * modes + rest
    split = [weights[a:b].reshape(-1, modes) for a, b in pairwise(ends)]
    return split, weights[0] if rest else None


Chunked = TypeVar("Chunked")


def over_chunks(part: Callable[[slice], Chunked], chunks: Sequence[slice]) -> Iterator[Chunked]:
    """What a function makes of every chunk of rows, in their order, on all cores."""
    if len(chunks) == 1:
        yield part(chunks[0])
        return
    with one_blas_thread():
        yield from mapped_ahead(part, chunks, available_cores())


def functions_of(axis: AxisDesign, weights: Weights) -> list[Float[np.ndarray, "n M"]]:
    """The functions of every dimension of an axis at its points."""
    return [axis.design(c) @ w for c, w in enumerate(weights)]


def columns_of(functions: Sequence[Float[np.ndarray, "n M"]]) -> Float[np.ndarray, "n M"]:
    """C_a: the product of an axis's functions."""
    return reduce(np.multiply, functions)


def by_axis(design: Design, weights: Weights) -> list[Weights]:
    """The weights of every dimension, axis by axis."""
    found, begin = [], 0
    for axis in design.axes:
        found.append(weights[begin : begin + axis.count])
        begin += axis.count
    return found


def linearise(design: Design, weights: Weights, intercept: float | None, *, keep_rows: bool) -> Linearised:
    """The Gauss-Newton system at these weights.

    Args:
        design: the data of one output.
        weights: (K, M) of every dimension.
        intercept: a constant beside the products, whose derivative is then the first column of J; for tables alone.
        keep_rows: whether J is returned in place of JᵀJ; for tables alone.
    """
    return _of_table(design, weights, intercept, keep_rows) if design.single else _of_product(design, weights)


def _of_table(design: Design, weights: Weights, intercept: float | None, keep_rows: bool) -> Linearised:
    axis, target = design.axes[0], design.data
    if axis.count == 1 and axis.points >= MANY_ROWS and design.weights is None and axis.x is not None:
        x = axis.x[:, 0]
        cells = polynomials(axis.features[0]) if inside(x).all() else None
        if cells is not None:
            return of_moments(_moments(x, target), cells, weights, intercept)
    root = None if design.weights is None else np.sqrt(design.weights)
    size = sum(w.size for w in weights) + (intercept is not None)

    def part(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        designs = [axis.design(c, rows) for c in range(axis.count)]
        functions = [phi @ w for phi, w in zip(designs, weights, strict=True)]
        slopes, residual = jacobian(designs, functions), target[rows] - columns_of(functions).sum(axis=1)
        if intercept is not None:
            slopes, residual = np.concatenate([np.ones((len(slopes), 1)), slopes], axis=1), residual - intercept
        if root is not None:
            slopes, residual = slopes * root[rows, None], residual * root[rows]
        return slopes, residual

    if keep_rows:
        slopes, residual = part(slice(None))
        return Linearised(None, slopes, residual @ slopes, float(residual @ residual))

    def summed(rows: slice) -> tuple[np.ndarray, np.ndarray, float]:
        slopes, residual = part(rows)
        return slopes.T @ slopes, residual @ slopes, float(residual @ residual)

    step = max(1, CHUNK_ENTRIES // (size + 2 * sum(axis.sizes)))
    chunks = [slice(begin, begin + step) for begin in range(0, axis.points, step)]
    gram, gradient, squared = np.zeros((size, size)), np.zeros(size), 0.0
    for one in over_chunks(summed, chunks):
        gram, gradient, squared = gram + one[0], gradient + one[1], squared + one[2]
    return Linearised(gram, None, gradient, squared)


def _moments(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> Moments:
    """The moments of all rows, on all cores."""

    def part(rows: slice) -> Moments:
        found = Moments()
        found.add(x[rows], y[rows])
        return found

    step = -(-len(x) // available_cores())
    return reduce(Moments.__add__, over_chunks(part, [slice(a, a + step) for a in range(0, len(x), step)]))


def _of_product(design: Design, weights: Weights) -> Linearised:
    modes = weights[0].shape[1]
    own = by_axis(design, weights)
    functions = [functions_of(axis, w) for axis, w in zip(design.axes, own, strict=True)]
    columns = [columns_of(f) for f in functions]
    slopes = [
        jacobian([axis.design(c) for c in range(axis.count)], f) for axis, f in zip(design.axes, functions, strict=True)
    ]
    grams = [c.T @ c for c in columns]
    compressed = [c if a.projection is None else a.projection.T @ c for a, c in zip(design.axes, columns, strict=True)]
    mixed = [j.T @ c for j, c in zip(slopes, columns, strict=True)]  # (P_a, M)
    mode = [np.tile(np.arange(modes), j.shape[1] // modes) for j in slopes]
    begins = np.cumsum([0, *(j.shape[1] for j in slopes)])
    gram, gradient = np.empty((begins[-1], begins[-1])), np.empty(begins[-1])
    count, fitted = len(columns), 0.0
    for a in range(count):
        rows = slice(begins[a], begins[a + 1])
        others = _product(grams, {a}, modes)
        gram[rows, rows] = (slopes[a].T @ slopes[a]) * others[np.ix_(mode[a], mode[a])]
        for b in range(a + 1, count):
            rest = _product(grams, {a, b}, modes)[np.ix_(mode[a], mode[b])]
            block = mixed[a][:, mode[b]] * mixed[b][:, mode[a]].T * rest
            gram[rows, begins[b] : begins[b + 1]] = block
            gram[begins[b] : begins[b + 1], rows] = block.T
        moment = contract_others(design.data, compressed, a)
        projection = design.axes[a].projection
        moment = moment if projection is None else projection @ moment
        moment = np.broadcast_to(moment, columns[a].shape)
        along = np.einsum("np,np->p", slopes[a], moment[:, mode[a]])
        gradient[rows] = along - np.einsum("pm,pm->p", mixed[a], others[mode[a]])
        if a == 0:
            fitted = float(np.sum(moment * columns[0]))
    total = float(np.sum(reduce(np.multiply, grams)))
    return Linearised(gram, None, gradient, max(design.energy - 2.0 * fitted + total, 0.0))


def _product(grams: Sequence[np.ndarray], without: set[int], modes: int) -> Float[np.ndarray, "M M"]:
    kept = [g for a, g in enumerate(grams) if a not in without]
    return reduce(np.multiply, kept, np.ones((modes, modes)))
