"""The kernel of infinitely many modes, and the log posterior of its hyperparameters with its gradient.

As M → ∞ a sum of M products of one-dimensional functions becomes a Gaussian process whose kernel is the product of the
bases' kernels (Theorem 3.2). With a constant beside Gaussians of length ℓ_d / √2 in the basis of every input,

    k(x, x') = σ_f² ∏_d [(1 - s_d) + s_d ρ(|x_d - x'_d| / ℓ_d)],    ρ(r) = exp(-r² / 2).

Bases of functions that are less smooth than Gaussians have limits that are less smooth: there ρ is a Matérn correlation
of order 5/2 or 3/2 (Rasmussen and Williams, "Gaussian processes for machine learning", Eq. 4.17).

The share s_d says how much of a function's prior variance varies with input d. Multiplied out, the kernel is a sum over
all
subsets of inputs: effects of one input, of two, and so on; small shares say that high interactions are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

SMOOTHNESS = ("gaussian", "matern52", "matern32")
"""The correlations ρ, from infinitely to once differentiable functions."""

LOG_2PI = float(np.log(2.0 * np.pi))

JITTER = 8.0 * np.finfo(np.float64).eps
"""What is added to the diagonal, per point and unit of signal variance: round-off must not make the matrix
indefinite."""

REFUSED = 1e25
"""Objective of hyperparameters whose covariance matrix cannot be factorised: no search goes there."""

SHORTEST, LONGEST = 0.02, 100.0
"""Range of the length scales, in units of the domain."""


class Prior(NamedTuple):
    """Independent normal distributions of the P = 2 D + 2 hyperparameters: log ℓ_d, logit s_d, log σ_f² and log σ².

    Attributes:
        mean: (P,) means.
        std: (P,) standard deviations.
    """

    mean: Float[np.ndarray, " P"]
    std: Float[np.ndarray, " P"]

    @classmethod
    def weak(cls, dimensions: int) -> Prior:
        """What is assumed before any data, for inputs on [0, 1] and outputs of unit variance.

        Distances between random points grow with √D, so lengths are expected around that.
        """
        lengths, shares = np.full(dimensions, np.log(0.7 * np.sqrt(dimensions))), np.full(dimensions, 1.0)
        mean = np.concatenate([lengths, shares, [0.0, np.log(1e-6)]])
        std = np.concatenate([np.full(dimensions, 1.3), np.full(dimensions, 2.5), [2.5, 6.0]])
        return cls(mean, std)

    def around(self, hyperparameters: Float[np.ndarray, " P"], length: float, share: float) -> Prior:
        """This prior with lengths and shares around given ones, so far away as the standard deviations say."""
        dimensions = (len(self.mean) - 2) // 2
        mean, std = self.mean.copy(), self.std.copy()
        mean[: 2 * dimensions] = hyperparameters[: 2 * dimensions]
        std[:dimensions], std[dimensions : 2 * dimensions] = length, share
        return Prior(mean, std)


def bounds(dimensions: int) -> Float[np.ndarray, "P 2"]:
    """Smallest and largest value of every hyperparameter that is considered."""
    length, share = (np.log(SHORTEST), np.log(LONGEST)), (-6.0, 12.0)
    return np.array([length] * dimensions + [share] * dimensions + [(-8.0, 25.0), (np.log(1e-14), 3.0)])


def _shares(theta: Float[np.ndarray, "B P"], dimensions: int) -> Float[np.ndarray, "B D"]:
    return 1.0 / (1.0 + np.exp(-theta[:, dimensions : 2 * dimensions]))


def correlation(squares: Float[np.ndarray, "*n"], smoothness: str) -> Float[np.ndarray, "*n"]:
    """ρ at squared distances in units of the length, which may be overwritten."""
    if smoothness == "gaussian":
        return np.exp(np.multiply(squares, -0.5, out=squares), out=squares)
    r = np.sqrt(np.multiply(squares, 5.0 if smoothness == "matern52" else 3.0, out=squares), out=squares)
    return (1.0 + r + r * r / 3.0 if smoothness == "matern52" else 1.0 + r) * np.exp(-r)


def _slope(squares: Float[np.ndarray, "*n"], rho: Float[np.ndarray, "*n"], smoothness: str) -> Float[np.ndarray, "*n"]:
    """The derivative of ρ with respect to log ℓ."""
    if smoothness == "gaussian":
        return squares * rho
    r2 = (5.0 if smoothness == "matern52" else 3.0) * squares
    r = np.sqrt(r2)
    return r2 * ((1.0 + r) / 3.0 if smoothness == "matern52" else 1.0) * np.exp(-r)


def covariance(
    theta: Float[np.ndarray, " P"], left: Float[np.ndarray, "n D"], right: Float[np.ndarray, "m D"], smoothness: str
) -> Float[np.ndarray, "n m"]:
    """k(x, x') between two sets of points, without noise."""
    dimensions = left.shape[1]
    share, product = (
        _shares(theta[None], dimensions)[0],
        np.full((len(left), len(right)), np.exp(theta[2 * dimensions])),
    )
    for d in range(dimensions):
        scaled = np.subtract.outer(left[:, d], right[:, d])
        scaled *= np.exp(-theta[d])
        factor = correlation(np.multiply(scaled, scaled, out=scaled), smoothness)
        factor *= share[d]
        factor += 1.0 - share[d]
        product *= factor
    return product


def noise_variance(theta: Float[np.ndarray, " P"], points: int) -> float:
    """σ² with what keeps the covariance matrix of so many points from being singular."""
    return float(np.exp(theta[-1]) + JITTER * points * np.exp(theta[-2]))


@dataclass(frozen=True)
class Evidence:
    """The log posterior of hyperparameters given functions on n points.

    Attributes:
        points: (n, D) inputs in units of the domain.
        squares: (D, n, n) squared distances in every input.
        smoothness: which correlation.
    """

    points: Float[np.ndarray, "n D"]
    squares: Float[np.ndarray, "D n n"]
    smoothness: str = "gaussian"

    @classmethod
    def of(cls, points: Float[np.ndarray, "n D"], smoothness: str = "gaussian") -> Evidence:
        """The evidence of these points."""
        return cls(points, (points.T[:, :, None] - points.T[:, None, :]) ** 2, smoothness)

    def __call__(
        self,
        theta: Float[np.ndarray, "B P"],
        targets: Float[np.ndarray, "n R"],
        weights: Float[np.ndarray, " R"],
        prior: Prior,
    ) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, "B P"]]:
        """Negative log posterior (up to the prior's constant) and its gradient, for B sets of hyperparameters at once.

        Args:
            theta: the hyperparameters.
            targets: R functions at the points, each of unit size, which share hyperparameters.
            weights: how much each function counts, 1 for a whole observation.
            prior: of the hyperparameters.
        """
        d, n = self.points.shape[1], len(self.points)
        diagonal = np.arange(n)
        inverse, share, signal = np.exp(-2.0 * theta[:, :d]), _shares(theta, d), np.exp(theta[:, 2 * d])
        noise, jitter = np.exp(theta[:, 2 * d + 1]), JITTER * n * signal
        scaled = self.squares * inverse[:, :, None, None]  # (B, D, n, n)
        rho = correlation(scaled.copy(), self.smoothness)
        factors = share[:, :, None, None] * rho
        factors += (1.0 - share)[:, :, None, None]
        kernel = np.prod(factors, axis=1)
        kernel *= signal[:, None, None]
        full = kernel.copy()
        full[:, diagonal, diagonal] += (noise + jitter)[:, None]
        root, refused = _cholesky(full)
        whitening = np.linalg.inv(root)
        precision = whitening.swapaxes(1, 2) @ whitening
        solved = precision @ targets  # (B, n, R)
        total = float(np.sum(weights))
        value = 0.5 * np.einsum("r,nr,bnr->b", weights, targets, solved)
        value += total * (np.sum(np.log(root[:, diagonal, diagonal]), axis=1) + 0.5 * n * LOG_2PI)
        # d value / d K = -outer / 2
        outer = (solved * weights) @ solved.swapaxes(1, 2) - total * precision
        along = outer * kernel
        ratio = along[:, None] / factors
        gradient = np.empty_like(theta)
        gradient[:, :d] = -0.5 * share * np.einsum("bdij,bdij->bd", ratio, _slope(scaled, rho, self.smoothness))
        gradient[:, d : 2 * d] = -0.5 * share * (1.0 - share) * np.einsum("bdij,bdij->bd", ratio, rho - 1.0)
        trace = outer[:, diagonal, diagonal].sum(axis=1)
        gradient[:, 2 * d] = -0.5 * (along.sum((1, 2)) + jitter * trace)
        gradient[:, 2 * d + 1] = -0.5 * trace * noise
        away = (theta - prior.mean) / prior.std
        value = np.where(refused, REFUSED, value + 0.5 * np.sum(away**2, axis=1))
        return value, gradient + away / prior.std


def _cholesky(matrices: Float[np.ndarray, "B n n"]) -> tuple[Float[np.ndarray, "B n n"], np.ndarray]:
    """Lower factors, and which matrices have none; theirs is the identity."""
    try:
        return np.linalg.cholesky(matrices), np.zeros(len(matrices), dtype=bool)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.eye(matrices.shape[1])[None], np.ones(1, dtype=bool)
        parts = [_cholesky(matrix[None]) for matrix in matrices]
        return np.concatenate([root for root, _ in parts]), np.concatenate([refused for _, refused in parts])
