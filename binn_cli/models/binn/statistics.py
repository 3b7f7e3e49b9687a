"""Sufficient statistics of product-structured data: all that inference needs, of a size that does not grow with N on grids.

An axis of one coordinate is whitened: Phi = U S V^T, so that in coordinates z = V^T w its Gram matrix is diagonal, and the data
enter only through U^T Y. What is left of the data tensor is then truncated to its multilinear ranks (a higher-order SVD) at a
stated tolerance. An axis of several coordinates keeps its points; each coordinate is reduced to its distinct values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.arrays import Array
from binn_cli.models.binn.accumulation import Products, sum_in_chunks
from binn_cli.models.binn.basis import Basis, points_last

LARGEST_SVD = 4096
"""Axes with more points than this are reduced through their Gram matrix: a thin SVD of all rows would cost more than the fit."""


LINE_ROWS = 1024
"""Rows of one chunk of a long single axis: few enough that the compiler leaves every chunk to one core."""


class GridAxis(NamedTuple):
    """An axis of one coordinate, in whitened coordinates.

    Attributes:
        projection: (R, K) the factor matrix in the core's coordinates is `projection @ z.T`.
        squared: (K,) squared singular values of the design matrix: the Gram matrix of z.
    """

    projection: Float[Array, "R K"]
    squared: Float[Array, " K"]


@partial(jax.tree_util.register_dataclass, data_fields=["owner", "places"], meta_fields=["coordinates"])
@dataclass(frozen=True)
class Joint:
    """Coordinates of an axis that together have few distinct values, such as the conditions of a case at all its points.

    Attributes:
        owner: (n,) which of the V joint values every point has.
        places: for each of the coordinates, (V,) which of its own distinct values belongs to a joint one.
        coordinates: which coordinates of the axis.
    """

    owner: Int[Array, " n"]
    places: tuple[Int[Array, " V"], ...]
    coordinates: tuple[int, ...]

    @property
    def size(self) -> int:
        """V."""
        return int(self.places[0].shape[0])


class PointAxis(NamedTuple):
    """An axis of several coordinates.

    Attributes:
        projection: (n, R) orthonormal columns that compress the axis, or None for R = n.
        designs: for each coordinate, (V, K) the whitened design matrix at its V distinct values (rows of zeros where padded).
        owner: for each coordinate, (n,) the distinct value of every point, or None where every point has its own.
        products: for each coordinate, what products of its functions have in common; read where every point has its own value.
        joints: the coordinates that have an owner, each in one of the groups.
    """

    projection: Float[Array, "n R"] | None
    designs: tuple[Float[Array, "V K"], ...]
    owner: tuple[Int[Array, " n"] | None, ...]
    products: tuple[Products, ...]
    joints: tuple[Joint, ...] = ()

    def expand(self, coordinate: int, values: Float[Array, "V M"]) -> Float[Array, "n M"]:
        """Values at a coordinate's distinct values, repeated for every point."""
        owner = self.owner[coordinate]
        return values if owner is None else values[owner]


class Statistics(NamedTuple):
    """What inference knows of the data.

    Attributes:
        core: (L, R_1, …, R_A) the standardised data in compressed coordinates.
        energy: (L,) sum of the squared standardised data, what compression cut off included.
        points: N, the number of data points of one output.
        axes: one entry an axis.
    """

    core: Float[Array, "L *R"]
    energy: Float[Array, " L"]
    points: Float[Array, ""]
    axes: tuple[GridAxis | PointAxis, ...]


def whiten(design: Float[Array, "n J"]) -> tuple[Float[Array, "n K"], Float[Array, " K"], Float[Array, "J K"]]:
    """Thin SVD Phi = U S V^T: U, the singular values and V."""
    left, singular, right = jnp.linalg.svd(design, full_matrices=False)
    return left, singular, right.T


class LineSums(NamedTuple):
    """What rows of a single axis add up to.

    Attributes:
        gram: Phi^T Phi.
        moment: Y^T Phi for the standardised outputs Y.
        energy: squares of each output.
    """

    gram: Float[Array, "J J"]
    moment: Float[Array, "L J"]
    energy: Float[Array, " L"]

    @classmethod
    def of(cls, design: Float[Array, "J r"], target: Float[Array, "L r"], weight: Float[Array, " r"]) -> LineSums:
        """The sums of rows, each with its weight; points last, where these products are fastest."""
        design, target = design * weight, target * weight
        return cls(design @ design.T, target @ design.T, jnp.sum(target**2, axis=1))


def line_sums(
    basis: Basis,
    shift: Float[Array, " L"],
    scale: Float[Array, " L"],
    rows: tuple[Float[Array, " n"], Float[Array, "n L"], Int[Array, ""]],
) -> LineSums:
    """The sums of a long single axis in one pass; `rows` holds inputs, outputs and how many of them are data, the rest being padding."""
    x, values, count = rows
    weight = jnp.where(jnp.arange(x.shape[0]) < count, 1.0, 0.0)

    def part(own: Float[Array, " r"], outputs: Float[Array, "r L"], weights: Float[Array, " r"]) -> LineSums:
        return LineSums.of(points_last(basis, own), ((outputs - shift) / scale).T, weights)

    return LineSums(*sum_in_chunks(part, (x, values, weight), LINE_ROWS))


def whitened_gram(gram: Float[np.ndarray, "J J"]) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "J K"]]:
    """Squared singular values and V of a design matrix with this Gram matrix."""
    squared, vectors = np.linalg.eigh(gram)
    return np.maximum(squared, 0.0), vectors


def standardised(values: Float[Array, "*n L"], shift: Float[Array, " L"], scale: Float[Array, " L"], rows: Array) -> Float[Array, "L *n"]:
    """Outputs in standard units, outputs first; rows of the last axis from `rows` on are padding and become zero."""
    standard = jnp.moveaxis((values - shift) / scale, -1, 0)
    return jnp.where(jnp.arange(standard.shape[-1]) < rows, standard, 0.0)


def project(tensor: Float[Array, "L *n"], matrices: tuple[Float[Array, "n K"] | None, ...]) -> Float[Array, "L *K"]:
    """The tensor multiplied by each matrix's transpose along that axis; None leaves an axis as it is."""
    reduction = [1.0 if m is None else m.shape[1] / m.shape[0] for m in matrices]
    for axis in map(int, np.argsort(reduction)):  # the axis that shrinks most goes first: every later product is then cheaper
        matrix = matrices[axis]
        if matrix is not None:
            tensor = jnp.moveaxis(jnp.tensordot(tensor, matrix, axes=(axis + 1, 0)), -1, axis + 1)
    return tensor


def spectra(tensor: Float[Array, "L *K"]) -> tuple[tuple[Float[Array, " R"], Float[Array, "K R"]], ...]:
    """Eigenvalues (descending) and eigenvectors of every unfolding's Gram matrix, summed over outputs: the higher-order SVD.

    R is the smaller of the unfolding's two sides: where the axis is the longer, nothing of the size of its square is formed.
    """
    found = []
    for axis in range(1, tensor.ndim):
        unfolded = jnp.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)
        if unfolded.shape[0] > unfolded.shape[1]:
            span, unfolded = jnp.linalg.qr(unfolded)
        else:
            span = None
        values, vectors = jnp.linalg.eigh(unfolded @ unfolded.T)
        vectors = vectors[:, ::-1] if span is None else span @ vectors[:, ::-1]
        found.append((jnp.maximum(values[::-1], 0.0), vectors))
    return tuple(found)


def rank_at(spectrum: np.ndarray, tolerance: float, axes: int) -> int:
    """The fewest directions that leave at most tolerance^2 / axes of the energy behind.

    A Gram matrix resolves relative energies down to round-off only, so what lies below that is not asked of it.
    """
    total = spectrum.sum()
    if total == 0.0:
        return 1
    behind = np.concatenate([np.cumsum(spectrum[::-1])[::-1], [0.0]])
    allowed = max(tolerance**2 / axes, len(spectrum) * np.finfo(float).eps) * total
    return max(1, int(np.argmax(behind <= allowed)))


def bucketed(rank: int, limit: int, previous: int | None = None) -> int:
    """A rank rounded up to a multiple of four with room to grow, so that a slightly richer case does not compile anew."""
    if previous is not None and rank <= previous <= limit:
        return previous
    return min(limit, 4 * (-(-(rank + 1) // 4)))
