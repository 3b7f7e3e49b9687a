"""The linearised Laplace posterior: all weights at once, its evidence and its effective number of parameters.

At the fitted weights the model is replaced by its tangent, f(w) ≈ f + J (w - ŵ). With prior precision Λ the posterior
is normal with precision H = JᵀJ / σ² + Λ. Scales that modes can exchange lie in the null space of J and cost nothing,
nor do superfluous modes; covariance between dimensions is kept. The same H gives the log evidence

    log p(u) ≈ -|u - f|² / (2 σ²) - N/2 log 2πσ² - (w - w₀)ᵀ Λ (w - w₀) / 2 - log |Λ^-½ H Λ^-½| / 2

and the effective number of parameters tr(H⁻¹ JᵀJ) / σ².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Linearised(NamedTuple):
    """The data as the tangent of a model at some weights sees them.

    Attributes:
        gram: (P, P) JᵀJ; None where the rows are kept instead.
        rows: (N, P) J itself, for a table with fewer rows than weights; else None.
        gradient: (P,) Jᵀ(u - f).
        squared: |u - f|².
    """

    gram: Float[np.ndarray, "P P"] | None
    rows: Float[np.ndarray, "N P"] | None
    gradient: Float[np.ndarray, " P"]
    squared: float


class Laplace(NamedTuple):
    """Posterior covariance Λ^-½ (I - V diag(1 - 1/(1 + λ)) Vᵀ) Λ^-½ of P weights, with V of orthonormal columns.

    Attributes:
        scale: (P,) Λ^-½, the prior standard deviations.
        vectors: (P, Q) V, the directions that the data see.
        shrinkage: (Q,) 1 - 1/√(1 + λ): by how much of itself the prior standard deviation along them has fallen.
    """

    scale: Float[np.ndarray, " P"]
    vectors: Float[np.ndarray, "P Q"]
    shrinkage: Float[np.ndarray, " Q"]

    def root_of(self, rows: Float[np.ndarray, "n P"]) -> Float[np.ndarray, "n P"]:
        """Rows whose squared norms are the variances of `rows @ w`, and whose products are their covariances."""
        scaled = rows * self.scale
        return scaled - ((scaled @ self.vectors) * self.shrinkage) @ self.vectors.T

    def variance(self, rows: Float[np.ndarray, "n P"]) -> Float[np.ndarray, " n"]:
        """Variance of `rows @ w`, as a sum of squares: nothing is lost in round-off."""
        return np.einsum("np,np->n", *(2 * (self.root_of(rows),)))


class Summary(NamedTuple):
    """What the linearised posterior says of a fit.

    Attributes:
        laplace: the covariance.
        evidence: log evidence in nats.
        parameters: (P,) how much of each weight the data determine, from 0 to 1; their sum is the effective number.
    """

    laplace: Laplace
    evidence: float
    parameters: Float[np.ndarray, " P"]


def summarise(
    system: Linearised, scale: Float[np.ndarray, " P"], away: Float[np.ndarray, " P"], noise: float, count: int
) -> Summary:
    """The linearised posterior.

    Args:
        system: the data as the tangent at the fitted weights sees them.
        scale: prior standard deviations Λ^-½.
        away: Λ^½ (w - w₀), the weights in units of their prior.
        noise: σ².
        count: N.
    """
    if system.rows is None:
        assert system.gram is not None
        values, vectors = np.linalg.eigh(scale[:, None] * system.gram * (scale / noise))
        values = np.maximum(values, 0.0)
    else:
        scaled = system.rows * (scale / np.sqrt(noise))
        values, left = np.linalg.eigh(scaled @ scaled.T)
        seen = values > len(values) * np.finfo(float).eps * max(values[-1], np.finfo(float).tiny)
        values, vectors = values[seen], scaled.T @ (left[:, seen] / np.sqrt(values[seen]))
    evidence = -0.5 * (
        system.squared / noise + count * np.log(2.0 * np.pi * noise) + away @ away + np.sum(np.log1p(values))
    )
    kept = values > 1e-14
    values, vectors = values[kept], vectors[:, kept]
    parameters = vectors**2 @ (values / (1.0 + values))
    return Summary(Laplace(scale, vectors, 1.0 - 1.0 / np.sqrt(1.0 + values)), float(evidence), parameters)
