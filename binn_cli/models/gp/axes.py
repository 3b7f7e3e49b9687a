"""The kernel matrices of single axes, whose Kronecker product is the covariance of a grid, and their eigendecompositions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.compilation import one_blas_thread
from binn_cli.models.gp.kernels import PROFILES


def squared_differences(a: Float[np.ndarray, "n D"], b: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "D n m"]:
    """(a_id − b_jd)² of every coordinate."""
    return np.stack([(a[:, d, None] - b[None, :, d]) ** 2 for d in range(a.shape[1])])


def axis_kernel(kind: str, squares: Float[np.ndarray, "D n m"], lengths: Float[np.ndarray, " D"]) -> Float[np.ndarray, "n m"]:
    """The kernel between the points of an axis, of unit variance."""
    return np.asarray(PROFILES[kind](np.tensordot(lengths**-2.0, squares, axes=1), np)[0])


def axis_gradient(
    kind: str, squares: Float[np.ndarray, "D n n"], lengths: Float[np.ndarray, " D"], weight: Float[np.ndarray, "n n"]
) -> Float[np.ndarray, " D"]:
    """Gradient with respect to the logarithms of the lengths, given that with respect to the kernel matrix."""
    slope = np.asarray(PROFILES[kind](np.tensordot(lengths**-2.0, squares, axes=1), np)[1]) * weight
    return -2.0 * lengths**-2.0 * np.tensordot(squares, slope, axes=2)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and eigenvectors of one axis's kernel matrix.

    Attributes:
        values: (n,) eigenvalues, ascending; those that round-off made negative are 0.
        vectors: (n, n) eigenvectors, one a column.
    """

    values: Float[np.ndarray, " n"]
    vectors: Float[np.ndarray, "n n"]

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "n n"]) -> Spectrum:
        """The spectrum of a symmetric matrix."""
        with one_blas_thread():
            values, vectors = np.linalg.eigh(matrix)
        return cls(np.maximum(values, 0.0), vectors)


def outer(factors: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, "*n"]:
    """The tensor of products of one entry of each vector."""
    product = np.ones(())
    for factor in factors:
        product = np.multiply.outer(product, factor)
    return product


def rotated(values: Float[np.ndarray, "*n L"], spectra: Sequence[Spectrum]) -> Float[np.ndarray, "L *n"]:
    """The values in the eigenvectors of every axis, outputs first."""
    for spectrum in spectra:
        values = np.tensordot(values, spectrum.vectors, axes=(0, 0))  # takes the first axis away and puts it last
    return values
