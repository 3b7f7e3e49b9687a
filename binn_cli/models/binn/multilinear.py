"""Multilinear algebra, in the terms of Kolda and Bader, "Tensor decompositions and applications", SIAM Review 51
(2009)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import scipy.linalg
from jaxtyping import Float

LETTERS = "abcdefghijkl"
"""Names of the axes of a tensor in einsum."""


def mode_dot(tensor: Float[np.ndarray, "*n"], matrix: Float[np.ndarray, "m n"], axis: int) -> Float[np.ndarray, "*m"]:
    """The mode product tensor ×_axis matrix: every fibre along the axis multiplied by the matrix."""
    return np.moveaxis(np.tensordot(tensor, matrix, axes=(axis, 1)), -1, axis)


def multi_mode_dot(
    tensor: Float[np.ndarray, "*n"], matrices: Sequence[Float[np.ndarray, "m n"] | None]
) -> Float[np.ndarray, "*m"]:
    """Mode products with one matrix per axis, the one that shrinks the tensor most first; None leaves an axis alone."""
    growth = [1.0 if m is None else m.shape[0] / m.shape[1] for m in matrices]
    for axis in map(int, np.argsort(growth, kind="stable")):
        matrix = matrices[axis]
        if matrix is not None:
            tensor = mode_dot(tensor, matrix, axis)
    return tensor


def unfold(tensor: Float[np.ndarray, "*n"], axis: int) -> Float[np.ndarray, "n rest"]:
    """The unfolding: fibres along the axis as columns."""
    return np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)


def outer(vectors: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, "*n"]:
    """The outer product of one vector per axis."""
    return reduce(lambda total, vector: total[..., None] * vector, vectors)


def left_singular(matrix: Float[np.ndarray, "n m"]) -> tuple[Float[np.ndarray, "n R"], Float[np.ndarray, " R"]]:
    """Left singular vectors and singular values, descending, of a matrix whose sides may differ much.

    Through a triangular factor of the longer side, never through a Gram matrix: small singular values stay right to
    round-off of the largest.
    """
    n, m = matrix.shape
    if m > 2 * n:
        (triangle,) = scipy.linalg.qr(matrix.T, mode="r", check_finite=False)
        left, values, _ = np.linalg.svd(triangle[:n].T, full_matrices=False)
        return left, values
    if n > 2 * m:
        span, triangle = np.linalg.qr(matrix)
        left, values, _ = np.linalg.svd(triangle, full_matrices=False)
        return span @ left, values
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    return left, values


def compress(
    tensor: Float[np.ndarray, "L *n"], tolerance: float, axes: Sequence[int]
) -> tuple[Float[np.ndarray, "L *R"], list[Float[np.ndarray, "n R"]]]:
    """The sequentially truncated higher-order SVD (Vannieuwenhoven, Vandebril and Meerbergen, 2012).

    Args:
        tensor: with a leading axis of outputs, which share the singular vectors.
        tolerance: relative size of what may be left behind; 0 keeps all but round-off.
        axes: which of the other axes are truncated, one after the other.

    Returns:
        The core, and orthonormal columns for each of the axes named.
    """
    spans, size = [], float(np.linalg.norm(tensor))
    for axis in axes:
        left, values = left_singular(unfold(tensor, axis))
        behind = np.sqrt(np.concatenate([np.cumsum(values[::-1] ** 2)[::-1], [0.0]]))
        allowed = max(tolerance / np.sqrt(len(axes)), 4.0 * np.finfo(float).eps) * size
        rank = max(1, int(np.argmax(behind <= allowed)))
        spans.append(np.ascontiguousarray(left[:, :rank]))
        tensor = mode_dot(tensor, spans[-1].T, axis)
    return tensor, spans


def spectra(tensor: Float[np.ndarray, "L *n"]) -> list[tuple[Float[np.ndarray, " R"], Float[np.ndarray, "n R"]]]:
    """The higher-order SVD of a tensor with a leading axis of outputs: for every other axis the squared singular values
    of its unfolding, descending, and the left singular vectors."""
    found = []
    for axis in range(1, tensor.ndim):
        left, values = left_singular(unfold(tensor, axis))
        found.append((values**2, left))
    return found
