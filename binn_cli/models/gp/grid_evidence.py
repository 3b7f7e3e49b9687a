"""The log evidence of a Gaussian process on a grid and its gradient, through the eigenvalues of every axis.

With K = σ² K_1 ⊗ … ⊗ K_A and K_a = Q_a Λ_a Q_aᵀ, K + noise is diagonal in the eigenvectors' product (Saatçi, "Scalable inference for
structured Gaussian process models", 2011, chapter 5). The gradient is taken with
respect to the matrices K_a, not through their eigenvectors, which have no derivative where two eigenvalues agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.gp.axes import Spectrum, axis_gradient, axis_kernel, outer, rotated, squared_differences


@dataclass(frozen=True)
class Grid:
    """The points of every axis in scaled units.

    Attributes:
        axes: the A axes' points, each (n_a, D_a).
        squares: squared differences between the points of each axis, (D_a, n_a, n_a).
    """

    axes: tuple[Float[np.ndarray, "n D"], ...]
    squares: tuple[Float[np.ndarray, "D n n"], ...]

    @classmethod
    def of(cls, axes: Sequence[Float[np.ndarray, "n D"]]) -> Grid:
        """The grid over these axes."""
        return cls(tuple(axes), tuple(squared_differences(points, points) for points in axes))

    def split(self, lengths: Float[np.ndarray, " D"]) -> list[Float[np.ndarray, " D"]]:
        """The lengths of each axis."""
        return np.split(lengths, np.cumsum([points.shape[1] for points in self.axes])[:-1])

    def spectra(self, kind: str, lengths: Float[np.ndarray, " D"]) -> list[Spectrum]:
        """The spectrum of each axis's kernel matrix."""
        return [Spectrum.of(axis_kernel(kind, squares, own)) for squares, own in zip(self.squares, self.split(lengths), strict=True)]


def negative_log_evidence(
    theta: Float[np.ndarray, " D+2"], grid: Grid, values: Float[np.ndarray, "*n L"], kind: str
) -> tuple[float, Float[np.ndarray, " D+2"]]:
    """−log p(values | θ), summed over L outputs that share θ = log(lengths, signal variance, noise variance), and its gradient."""
    lengths, signal, noise = np.exp(theta[:-2]), math.exp(theta[-2]), math.exp(theta[-1])
    spectra = grid.spectra(kind, lengths)
    outputs = values.shape[-1]
    turned = rotated(values, spectra)
    eigenvalues = signal * outer([spectrum.values for spectrum in spectra])
    inverse = 1.0 / (eigenvalues + noise)
    solved = turned * inverse
    total = 0.5 * float(np.vdot(turned, solved)) - 0.5 * outputs * float(np.log(inverse).sum())
    squares = (solved**2).sum(axis=0)
    gradient = [_axis_gradient(a, grid, spectra, lengths, signal, inverse, solved, kind) for a in range(len(spectra))]
    by_signal = 0.5 * float(np.vdot(eigenvalues, outputs * inverse - squares))
    by_noise = 0.5 * noise * float(outputs * inverse.sum() - squares.sum())
    return total + 0.5 * math.log(2.0 * math.pi) * values.size, np.concatenate([*gradient, [by_signal, by_noise]])


def _axis_gradient(
    a: int,
    grid: Grid,
    spectra: Sequence[Spectrum],
    lengths: Float[np.ndarray, " D"],
    signal: float,
    inverse: Float[np.ndarray, "*n"],
    solved: Float[np.ndarray, "L *n"],
    kind: str,
) -> Float[np.ndarray, " D"]:
    """½ tr((K + noise)⁻¹ dK) − ½ αᵀ dK α for the lengths of axis a, in the eigenvectors of all axes."""
    others = [spectrum.values if b != a else np.ones(1) for b, spectrum in enumerate(spectra)]
    rest = signal * outer(others)
    away = [b for b in range(len(spectra)) if b != a]
    trace = np.sum(rest * inverse, axis=tuple(away))
    over = [0] + [b + 1 for b in away]
    pairs = np.tensordot(solved, rest * solved, axes=(over, over))
    vectors = spectra[a].vectors
    weight = 0.5 * (vectors @ (len(solved) * np.diag(trace) - pairs) @ vectors.T)
    return axis_gradient(kind, grid.squares[a], grid.split(lengths)[a], weight)
