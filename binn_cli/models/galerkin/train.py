"""Tensor trains: a function of D coordinates as a product of D matrices, each a function of one coordinate.

u(x_1, …, x_D) = G_1(x_1) G_2(x_2) … G_D(x_D), where G_d is an r_{d-1} × r_d matrix (Oseledets, "Tensor-train
decomposition", 2011). Sums of products are the case of diagonal matrices; a Tucker core becomes one by singular value
decompositions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import linalg

from binn_cli.models.galerkin.spaces import Space, space_from
from binn_cli.models.surrogate import Tree

Core = Float[np.ndarray, "_ _ _"]

PART = 2048
"""Rows of a long matrix that are decomposed together."""

NUMBERS_AT_ONCE = 1 << 22
"""Numbers of one intermediate array while a train is evaluated."""


@dataclass(frozen=True)
class Train:
    """A function of D coordinates.

    Attributes:
        spaces: the functions of each coordinate.
        cores: (r_{d-1}, n_d, r_d) coefficients of each coordinate's matrix of functions; the first and the last rank
            are 1.
    """

    spaces: tuple[Space, ...]
    cores: tuple[Core, ...]

    @property
    def ranks(self) -> tuple[int, ...]:
        """r_0 = 1, …, r_D = 1."""
        return (1, *(core.shape[2] for core in self.cores))

    def matrices(self, dimension: int, x: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m r q"]:
        """The matrix of one coordinate at m points."""
        core = self.cores[dimension]
        r, n, q = core.shape
        found = self.spaces[dimension].combined(x, core.transpose(1, 0, 2).reshape(n, r * q))
        return found.reshape(len(x), r, q)

    def __call__(self, axes: Sequence[Float[np.ndarray, "n K"]]) -> Float[np.ndarray, "*points"]:
        """The function at every combination of the points of axes, whose coordinates together are the D ones in
        order."""
        sizes = [len(points) for points in axes]
        found = np.empty(sizes)
        widest = max(self.ranks) * int(np.prod(sizes[1:], dtype=np.int64))
        rows = max(1, NUMBERS_AT_ONCE // max(widest, max(self.ranks) ** 2))
        later, dimension = [], axes[0].shape[1]
        for points in axes[1:]:
            later.append(self._along(points, dimension))
            dimension += points.shape[1]
        for begin in range(0, sizes[0], rows):
            part = self._along(axes[0][begin : begin + rows], 0)[:, 0]
            for matrices in later:
                part = np.tensordot(part, matrices, axes=(-1, 1))
            found[begin : begin + rows] = part[..., 0]
        return found

    def _along(self, points: Float[np.ndarray, "n K"], first: int) -> Float[np.ndarray, "n r q"]:
        """The product of the matrices of an axis's coordinates at its points."""
        found = self.matrices(first, points[:, 0])
        for column in range(1, points.shape[1]):
            found = np.matmul(found, self.matrices(first + column, points[:, column]))
        return found

    def crossed(
        self, points: Float[np.ndarray, "n K"], others: Float[np.ndarray, "S U"], unknown: tuple[int, ...]
    ) -> Float[np.ndarray, "S n"]:
        """The function at every combination of points of some coordinates with points of the others.

        Args:
            points: of the coordinates that are not named, in order.
            others: of those that are.
            unknown: their numbers, rising.
        """
        found = np.ones((1, 1, 1))
        known, named = iter(points.T), iter(others.T)
        for dimension in range(len(self.cores)):
            column = next(named) if dimension in unknown else next(known)
            matrices = self.matrices(dimension, column)
            # (S, n, 1, r) times (S, 1, r, q) or (1, n, r, q)
            over = matrices[:, None] if dimension in unknown else matrices[None]
            found = np.matmul(found[..., None, :], over)[..., 0, :]
        return np.broadcast_to(found[..., 0], (len(others), len(points)))

    def gradient(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
        """Derivatives at scattered points with respect to every coordinate."""
        before, found = [np.ones((len(points), 1, 1))], np.empty(points.shape)
        for dimension, column in enumerate(points.T):
            before.append(np.matmul(before[-1], self.matrices(dimension, column)))
        after = np.ones((len(points), 1, 1))
        for dimension in reversed(range(points.shape[1])):
            core, column = self.cores[dimension], points[:, dimension]
            slopes = np.tensordot(self.spaces[dimension].values(column, 1), core, axes=(1, 1))
            found[:, dimension] = np.matmul(np.matmul(before[dimension], slopes), after)[:, 0, 0]
            after = np.matmul(self.matrices(dimension, column), after)
        return found

    def tree(self) -> dict[str, Any]:
        """Plain arrays."""
        parts = enumerate(zip(self.spaces, self.cores, strict=True))
        return {str(number): {"space": space.tree(), "core": core} for number, (space, core) in parts}

    @classmethod
    def from_tree(cls, tree: Tree) -> Train:
        """The train that `tree` described."""
        parts = [tree[str(number)] for number in range(len(tree))]
        return cls(
            tuple(space_from(part["space"]) for part in parts), tuple(np.asarray(part["core"]) for part in parts)
        )


def rounded(cores: Sequence[Core], tolerance: float, most: int | None = None) -> list[Core]:
    """A train of least ranks whose coefficients differ by at most `tolerance` of their norm.

    Args:
        cores: coefficients in orthonormal bases.
        tolerance: largest difference over the norm of all coefficients.
        most: largest rank.
    """
    found = [np.asarray(core) for core in cores]
    for d in range(len(found) - 1):
        r, n, q = found[d].shape
        orthonormal, rest = np.linalg.qr(found[d].reshape(r * n, q))
        found[d] = orthonormal.reshape(r, n, -1)
        found[d + 1] = np.tensordot(rest, found[d + 1], axes=1)
    allowed = tolerance * float(np.linalg.norm(found[-1])) / np.sqrt(max(len(found) - 1, 1))
    for d in range(len(found) - 1, 0, -1):
        r, n, q = found[d].shape
        left, sizes, right = svd(found[d].reshape(r, n * q))
        kept = needed(sizes, allowed, most)
        found[d] = right[:kept].reshape(kept, n, q)
        found[d - 1] = np.tensordot(found[d - 1], left[:, :kept] * sizes[:kept], axes=1)
    return found


def from_tensor(tensor: Float[np.ndarray, "*n"], tolerance: float) -> list[Core]:
    """A full tensor as a train of least ranks, up to `tolerance` of its norm."""
    allowed = tolerance * float(np.linalg.norm(tensor)) / np.sqrt(max(tensor.ndim - 1, 1))
    cores, rest, rank = [], tensor, 1
    for size in tensor.shape[:-1]:
        unfolded = rest.reshape(rank * size, -1)
        left, remaining = _split(unfolded, allowed)
        cores.append(left.reshape(rank, size, -1))
        rank, rest = left.shape[1], remaining
    return [*cores, rest.reshape(rank, tensor.shape[-1], 1)]


def _triangle(long: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "m m"]:
    """R of the QR decomposition of a long matrix, in parts that fit into the cache."""
    rows, columns = long.shape
    height = max(PART, 4 * columns)
    count = rows // height
    if count < 2:
        return np.asarray(np.linalg.qr(long, mode="r"))
    whole = np.linalg.qr(long[: count * height].reshape(count, height, columns), mode="r")
    parts = [np.asarray(whole).reshape(-1, columns), long[count * height :]]
    return _triangle(np.concatenate(parts))


def _sketched(
    matrix: Float[np.ndarray, "m n"], allowed: float
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, "k n"]] | None:
    """As `_split`, by the products with few random vectors; None where few do not suffice.

    Halko, Martinsson and Tropp, "Finding structure with randomness", 2011.
    """
    draw = np.random.default_rng(0)
    for columns in (48, 96):
        if 4 * columns > min(matrix.shape):
            return None
        left = np.linalg.qr(matrix @ draw.standard_normal((matrix.shape[1], columns)))[0]
        inside = left.T @ matrix
        if float(np.linalg.norm(matrix - left @ inside)) <= 0.1 * allowed:
            rotation, sizes, _ = svd(_triangle(inside.T).T)
            kept = rotation[:, : needed(sizes, allowed)]
            return left @ kept, kept.T @ inside
    return None


def _split(
    matrix: Float[np.ndarray, "m n"], allowed: float
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, "k n"]]:
    """Orthonormal columns and what they are multiplied by, up to an allowed difference."""
    rows, columns = matrix.shape
    if (found := _sketched(matrix, allowed)) is not None:
        return found
    if min(rows, columns) * 4 >= max(rows, columns):
        left, sizes, right = svd(matrix)
        kept = needed(sizes, allowed)
        return left[:, :kept], sizes[:kept, None] * right[:kept]
    if rows < columns:
        # The triangle of a long matrix has its singular values; a Gram matrix would lose half of the digits.
        triangle = _triangle(matrix.T).T
        left, sizes, _ = svd(triangle)
        kept = needed(sizes, allowed)
        return left[:, :kept], left[:, :kept].T @ matrix
    orthonormal, triangle = np.linalg.qr(matrix)
    left, sizes, right = svd(triangle)
    kept = needed(sizes, allowed)
    return orthonormal @ left[:, :kept], sizes[:kept, None] * right[:kept]


def needed(sizes: Float[np.ndarray, " k"], allowed: float, most: int | None = None) -> int:
    """How many singular values must be kept, at least one, so that the others are at most `allowed` together."""
    left_out = np.sqrt(np.cumsum(sizes[::-1] ** 2))[::-1]
    return min(max(1, int(np.sum(left_out > allowed))), most or len(sizes))


def svd(
    matrix: Float[np.ndarray, "m n"],
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " k"], Float[np.ndarray, "k n"]]:
    """The thin singular value decomposition; by the slower algorithm where the faster one fails."""
    try:
        left, sizes, right = linalg.svd(matrix, full_matrices=False, check_finite=False)
    except linalg.LinAlgError:
        left, sizes, right = linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")
    return left, sizes, right
