"""The kernel's factors in one input, for all draws and training points, as polynomials: products of matrices in place
of exponentials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.chebyshev import chebyshev_points, chebyshev_values, coefficients
from binn_cli.models.binn.limit.kernel import kernel_factor

HIGHEST_DEGREE = 128
"""Degree beyond which exponentials cost no more."""

NEGLIGIBLE = np.finfo(float).eps
"""Size of a coefficient that is left out; the factors themselves are at most one."""


@dataclass(frozen=True)
class KernelFactors:
    """(1 - s_d) + s_d ρ(|x_d - x'_d| / ℓ_d) of every input d and draw, x' the training points.

    Attributes:
        draws: for every draw and input the (n, K) coefficients; the first input's have the signal variance.
        counts: for every input the largest K.
    """

    draws: tuple[tuple[Float[np.ndarray, "n K"], ...], ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls, points: Float[np.ndarray, "n D"], draws: Float[np.ndarray, "S P"], smoothness: str
    ) -> KernelFactors | None:
        """The factors of smooth kernels; None where one has a kink or is too narrow."""
        if smoothness != "gaussian":
            return None
        found = []
        for theta in draws:
            own = [_factor(theta, d, points[:, d], smoothness) for d in range(points.shape[1])]
            if any(one is None for one in own):
                return None
            factors = [one for one in own if one is not None]
            factors[0] = factors[0] * np.exp(theta[-2])
            found.append(tuple(factors))
        counts = [max(factors[d].shape[1] for factors in found) for d in range(points.shape[1])]
        return cls(tuple(found), tuple(counts))

    def bases(self, x: Float[np.ndarray, "m D"]) -> list[Float[np.ndarray, "K m"]]:
        """The polynomials at points, input by input."""
        return [chebyshev_values(x[:, d], count) for d, count in enumerate(self.counts)]

    def covariance(self, draw: int, bases: list[Float[np.ndarray, "K m"]]) -> Float[np.ndarray, "n m"]:
        """k between the training points and the points of the bases."""
        product: np.ndarray | None = None
        for factor, basis in zip(self.draws[draw], bases, strict=True):
            own = factor @ basis[: factor.shape[1]] if factor.shape[1] > 1 else factor
            if product is None or product.shape[1] == 1:
                product = own if product is None else product * own
            else:
                product *= own
        assert product is not None
        return product if product.shape[1] > 1 else np.repeat(product, bases[0].shape[1], axis=1)


def _factor(
    theta: Float[np.ndarray, " P"], dimension: int, points: Float[np.ndarray, " n"], smoothness: str
) -> Float[np.ndarray, "n K"] | None:
    degree = 16
    while degree <= HIGHEST_DEGREE:
        values = kernel_factor(theta, dimension, points, chebyshev_points(degree), smoothness)
        found = coefficients(values, 1)
        seen = np.flatnonzero(np.max(np.abs(found), axis=0) > NEGLIGIBLE)
        count = int(seen[-1]) + 1 if len(seen) else 1
        if count < 0.85 * degree:
            return np.ascontiguousarray(found[:, :count])
        degree *= 2
    return None
