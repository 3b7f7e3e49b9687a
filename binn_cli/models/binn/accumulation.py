"""Sums over points: weighted Gram matrices of a basis at scattered points, in one pass over its table of values.

The block of Eq. 19 needs, for every pair of modes, sum_i g_im g_im' phi_ij phi_ik. The M (M + 1) / 2 distinct weightings share the
products phi_j phi_k, and few of these are distinct as well. For equispaced Gaussians

    phi_j phi_k = exp(-(c_j - c_k)^2 / (4 l^2)) psi_(j + k),    psi_s a Gaussian of length l / sqrt(2) around half-way centres,

so the squares and the products of neighbours give all of them: 2 J - 1 instead of J^2. Functions of compact support have products within
a band only. The sum over points is then one product of a (P, n) by an (n, S) matrix, S linear in J.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis, BSplineBasis, GaussianBasis, HatBasis, StretchedBasis
from binn_cli.models.binn.chidenn import ChidennBasis

ROWS_PER_CHUNK = 8192
"""Most rows of a design matrix held at once; 8,192 rows by a few dozen columns stay in the second-level cache."""

CHUNK_ENTRIES = 2**20
"""Most numbers of one chunk's intermediate arrays (8 MB)."""

MOST_INDICATED = 64
"""Distinct values up to which sums by value are a product with a matrix of zeros and ones; beyond, numbers are scattered one by one."""


@partial(jax.tree_util.register_dataclass, data_fields=["factors"], meta_fields=["band", "folded"])
@dataclass(frozen=True)
class Products:
    """Which products of two of a basis's J functions are formed, and how the others follow.

    Attributes:
        factors: (J,) by which the product of functions o apart differs from the formed one that has the same half-way centre.
        band: products of functions up to this many apart are formed.
        folded: whether products farther apart follow from formed ones; otherwise they are zero.
    """

    factors: Float[Array, " J"]
    band: int
    folded: bool

    @classmethod
    def of(cls, basis: Basis) -> Products:
        """The structure of a basis; centres are equispaced, as `build_basis` makes them, or every product is formed."""
        inner = basis.basis if isinstance(basis, StretchedBasis) else basis
        size = inner.centers.shape[0]
        gaps = np.diff(np.asarray(inner.centers))
        if not np.allclose(gaps, gaps.mean(), rtol=1e-9, atol=0.0):
            return cls(np.ones(size), size - 1, False)
        if isinstance(inner, GaussianBasis) and size > 2:
            apart = np.arange(size)
            spacing = float(inner.centers[-1] - inner.centers[0]) / (size - 1)
            return cls(np.exp(-(apart**2 - (apart % 2)) * (spacing / float(inner.length)) ** 2 / 4.0), 1, True)
        reach = size - 1
        if isinstance(inner, HatBasis):
            reach = 1
        elif isinstance(inner, BSplineBasis):
            reach = 3
        elif isinstance(inner, ChidennBasis):
            reach = 2 * inner.patch.size + 1
        return cls(np.ones(size), min(reach, size - 1), False)

    def formed(self, design: Float[Array, "r J"]) -> list[Float[Array, "r S"]]:
        """The products that are formed, one array for every distance between functions."""
        return [design[:, : design.shape[1] - o] * design[:, o:] for o in range(self.band + 1)]

    def gram(self, sums: Float[Array, "P S"]) -> Float[Array, "P J J"]:
        """All J^2 products' sums from those of the formed ones, in the order of `formed`."""
        size = self.factors.shape[0]
        j, k = np.indices((size, size))
        apart, first = np.abs(j - k), np.minimum(j, k)
        source = np.where(apart <= self.band, apart, apart % 2)
        begins = np.cumsum([0] + [size - o for o in range(self.band)])
        place = begins[source] + np.where(apart <= self.band, first, (j + k - source) // 2)
        if self.folded:
            return sums[:, place] * jnp.asarray(self.factors)[apart]
        return jnp.where(apart <= self.band, sums[:, np.where(apart <= self.band, place, 0)], 0.0)


def sum_in_chunks(part: Callable[..., Any], arrays: tuple[Array, ...], rows: int, along: tuple[int, ...] | None = None) -> Any:
    """The sum of `part` over chunks of so many points, the last one shorter: nothing is copied but the chunk at hand.

    `along` names the dimension of each array that runs over the points, the first of all unless given.
    """
    along = along or (0,) * len(arrays)
    n = arrays[0].shape[along[0]]
    full, total = n // rows, None
    if full == 1 and n == rows:
        return part(*arrays)
    if full:
        taken = tuple(map(jnp.asarray, arrays))

        def add(i: Any, so_far: Any) -> Any:
            chunk = (jax.lax.dynamic_slice_in_dim(a, i * rows, rows, axis) for a, axis in zip(taken, along, strict=True))
            return jax.tree.map(jnp.add, so_far, part(*chunk))

        first = [jax.lax.slice_in_dim(a, 0, rows, axis=axis) for a, axis in zip(taken, along, strict=True)]
        shapes = jax.eval_shape(part, *first)
        total = jax.lax.fori_loop(0, full, add, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes))
    if n % rows:
        rest = part(*(jax.lax.slice_in_dim(jnp.asarray(a), full * rows, n, axis=axis) for a, axis in zip(arrays, along, strict=True)))
        total = rest if total is None else jax.tree.map(jnp.add, total, rest)
    return total


def rows_for(entries: int) -> int:
    """Rows of a chunk with so many numbers a row."""
    return max(1, min(ROWS_PER_CHUNK, CHUNK_ENTRIES // entries))


def indicated(owner: Int[Array, " r"], values: int) -> Float[Array, "r V"]:
    """Zeros and ones: which of V values every point has."""
    return (owner[:, None] == np.arange(values)).astype(jnp.float64)


def sum_by_value(weights: Float[Array, "P r"], owner: Int[Array, " r"], values: int) -> Float[Array, "P V"]:
    """Sums of the columns that have the same of V values."""
    if values <= MOST_INDICATED:
        return weights @ indicated(owner, values)
    return jax.ops.segment_sum(weights.T, owner, values).T


def at_points(values: Float[Array, "P V"], owner: Int[Array, " r"]) -> Float[Array, "P r"]:
    """Columns repeated for every point that has their value."""
    return values[:, owner]


def pairs_of(functions: Float[Array, "L M r"]) -> Float[Array, "L P r"]:
    """The distinct products of two of every output's M functions, in the order of `upper`."""
    modes = functions.shape[1]
    return jnp.concatenate([functions[:, m : m + 1] * functions[:, m:] for m in range(modes)], axis=1)


def upper(pairs: Float[Array, "r M M"]) -> Float[Array, "r P"]:
    """The distinct entries of symmetric matrices."""
    first, second = np.triu_indices(pairs.shape[-1])
    return pairs[:, first, second]


def symmetric(entries: Float[Array, "P *k"], modes: int) -> Float[Array, "M M *k"]:
    """Symmetric matrices from their distinct entries, the matrix's indices first."""
    place = np.zeros((modes, modes), dtype=int)
    first, second = np.triu_indices(modes)
    place[first, second] = place[second, first] = np.arange(len(first))
    return entries[place]
