"""The logarithm of the kernel, a sum of functions of one input each, as polynomials: between many points and all
training points it is one product of matrices, and one exponential is left where there was one for every input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.chebyshev import chebyshev_points, chebyshev_values, coefficients
from binn_cli.models.binn.limit.kernel import kernel_factor

HIGHEST_DEGREE = 128
"""Degree beyond which exponentials cost no more."""

NEGLIGIBLE = np.finfo(float).eps
"""Size of a coefficient that is left out, in units of the largest logarithm where that is more than one."""

DEEPEST = 40.0
"""Largest logarithm of a factor: with it grows the round-off of the sum, and factors as small as this come with lengths
that are short enough to be evaluated as they are."""


@dataclass(frozen=True)
class KernelFactors:
    """log k / σ_f² = Σ_d log[(1 - s_d) + s_d ρ(|x_d - x'_d| / ℓ_d)] at x, for every draw, x' the training points.

    The variance σ_f² of the signal stays outside: with the size of a logarithm grows its round-off.

    Attributes:
        coefficients: (S, n, K) of the constant, and of T_1, T_2, … of every input.
        counts: for every input the number of polynomials, the constant included.
        signal: (S,) σ_f².
    """

    coefficients: Float[np.ndarray, "S n K"]
    counts: tuple[int, ...]
    signal: Float[np.ndarray, " S"]

    @classmethod
    def of(
        cls, points: Float[np.ndarray, "n D"], draws: Float[np.ndarray, "S P"], smoothness: str
    ) -> KernelFactors | None:
        """The factors of smooth kernels; None where one has a kink or is too narrow."""
        if smoothness != "gaussian":
            return None
        constant = np.zeros((len(draws), len(points)))
        parts, counts = [constant[:, :, None]], []
        for d in range(points.shape[1]):
            own = [_logarithm(theta, d, points[:, d], smoothness) for theta in draws]
            found = [one for one in own if one is not None]
            if len(found) < len(own):
                return None
            counts.append(max(one.shape[1] for one in found))
            padded = np.stack([np.pad(one, ((0, 0), (0, counts[-1] - one.shape[1]))) for one in found])
            constant += padded[:, :, 0]
            parts.append(padded[:, :, 1:])
        return cls(np.concatenate(parts, axis=2), tuple(counts), np.exp(draws[:, -2]))

    def basis(self, x: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "K m"]:
        """The polynomials at points: the constant, and those of input after input."""
        own = [chebyshev_values(x[:, d], count)[1:] for d, count in enumerate(self.counts)]
        return np.concatenate([np.ones((1, len(x))), *own])

    def covariance(self, draw: int, basis: Float[np.ndarray, "K m"]) -> Float[np.ndarray, "n m"]:
        """k between the training points and the points of the basis."""
        found = self.coefficients[draw] @ basis
        np.exp(found, out=found)
        found *= self.signal[draw]
        return found


def _logarithm(
    theta: Float[np.ndarray, " P"], dimension: int, points: Float[np.ndarray, " n"], smoothness: str
) -> Float[np.ndarray, "n K"] | None:
    degree = 16
    while degree <= HIGHEST_DEGREE:
        factor = kernel_factor(theta, dimension, points, chebyshev_points(degree), smoothness)
        if np.min(factor) < np.exp(-DEEPEST):
            return None
        logarithm = np.log(factor)
        found = coefficients(logarithm, 1)
        seen = np.flatnonzero(np.max(np.abs(found), axis=0) > NEGLIGIBLE * max(1.0, -np.min(logarithm)))
        count = int(seen[-1]) + 1 if len(seen) else 1
        if count < 0.85 * degree:
            return np.ascontiguousarray(found[:, :count])
        degree *= 2
    return None
