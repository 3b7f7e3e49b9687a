"""Mean and variance of a Gaussian process on a grid, at products of new points and at scattered ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.gp.axes import Spectrum, axis_kernel, outer, rotated, squared_differences
from binn_cli.models.gp.contraction import Group, contracted, groups
from binn_cli.models.gp.grid_evidence import Grid

ROUND_OFF = np.finfo(float).eps
"""Eigenvalues below this share of an axis's largest, times its points, are round-off: they say nothing of how much is known."""


@dataclass(frozen=True)
class GridPosterior:
    """A group of outputs that share hyperparameters, after the data.

    Attributes:
        kind: name of the kernel.
        grid: the training points.
        lengths: length scales of the D coordinates.
        signal, noise: prior variance, and noise variance.
        spectra: of every axis.
        weights: (L, n_1, …, n_A) (K + noise)⁻¹ y in the eigenvectors of the axes.
    """

    kind: str
    grid: Grid
    lengths: Float[np.ndarray, " D"]
    signal: float
    noise: float
    spectra: tuple[Spectrum, ...]
    weights: Float[np.ndarray, "L *n"]

    @classmethod
    def of(cls, kind: str, grid: Grid, theta: Float[np.ndarray, " P"], values: Float[np.ndarray, "*n L"]) -> GridPosterior:
        """The posterior of values on the grid."""
        lengths, (signal, noise) = np.exp(theta[:-2]), np.exp(theta[-2:])
        spectra = tuple(grid.spectra(kind, lengths))
        eigenvalues = signal * outer([spectrum.values for spectrum in spectra])
        weights = rotated(values, spectra) / (eigenvalues + noise)
        return cls(kind, grid, lengths, float(signal), float(noise), spectra, weights)

    def predict(self, new: Sequence[Float[np.ndarray, "m D"]]) -> tuple[Float[np.ndarray, "*m L"], Float[np.ndarray, "*m"]]:
        """Mean and variance of the latent function on the product of new axes, which group the same coordinates."""
        parts = groups([points.shape[1] for points in self.grid.axes], new)
        factors = [self._factors(part) for part in parts]
        sizes = tuple(size for part in parts for size in part.sizes)
        mean = self.signal * contracted(self.weights, factors)
        return np.moveaxis(mean.reshape(-1, *sizes), 0, -1), self._variance(factors).reshape(sizes)

    def _factors(self, part: Group) -> list[Float[np.ndarray, "m n"]]:
        """k(x, X_a) Q_a of every axis of a group."""
        own, begin, found = self.grid.split(self.lengths), 0, []
        for a in part.axes:
            points = part.points[:, begin : begin + len(own[a])]
            begin += len(own[a])
            cross = axis_kernel(self.kind, squared_differences(points, self.grid.axes[a]), own[a])
            found.append(cross @ self.spectra[a].vectors)
        return found

    def _variance(self, factors: Sequence[Sequence[Float[np.ndarray, "m n"]]]) -> Float[np.ndarray, "*m"]:
        """signal (1 − Π_a p_a) + signal Σ_i Π_a t_ai² / λ_ai · noise / (λ_i + noise), with t = Q_aᵀ k_a and p_a = Σ_i t_ai² / λ_ai.

        The same as signal − kᵀ (K + noise)⁻¹ k, but no term is negative: with little noise the plain form is the difference of two
        numbers that agree in all digits.
        """
        shares, unexplained = [], []
        axis = 0
        for members in factors:
            own, log_explained = [], np.zeros(len(members[0]))
            for factor in members:
                values = self.spectra[axis].values
                real = values > ROUND_OFF * len(values) * values[-1]
                share = np.where(real, factor**2, 0.0) / np.where(real, values, 1.0)
                own.append(share)
                log_explained = log_explained + np.log(np.clip(share.sum(axis=1), np.finfo(float).tiny, 1.0))
                axis += 1
            shares.append(own)
            unexplained.append(log_explained)
        together = np.zeros(())
        for part in unexplained:
            together = np.add.outer(together, part)
        eigenvalues = self.signal * outer([spectrum.values for spectrum in self.spectra])
        remaining = contracted((self.noise / (eigenvalues + self.noise))[None], shares)[0]
        return self.signal * (-np.expm1(together) + remaining)
