"""The Laplace approximation's Gaussian, and the prior precision and noise that make the data most probable under it.

MacKay, "A practical Bayesian framework for backpropagation networks", 1992: each hyperparameter is set from the number
of weights that the data determine, until nothing changes. Where the network is linear in the weights, all of it is
exact Bayesian linear regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Float

from binn_cli.errors import DataError
from binn_cli.models.bnn.gauss_newton import Sums

ROUNDS = 200
"""Most rounds of the search for hyperparameters."""

TOLERANCE = 1e-9
"""Change of the logarithm of every hyperparameter, at which the search stops."""

SMALLEST_NOISE = 1e-14
"""Noise variance, of standardised outputs, that is not gone below: the round-off of their squares."""

LIMITS = (1e-8, 1e8)
"""Bounds of the factor of the prior precision."""


@dataclass(frozen=True)
class Gaussian:
    """The approximation at one choice of hyperparameters.

    Attributes:
        mean: (K,) of the weights.
        factor: (K, K) lower Cholesky factor of their precision.
        noise: (L,) noise variance of the standardised outputs.
        scale: factor of the prior precision.
        determined: (L,) effective number of weights that each output's data determine.
        log_evidence: log probability of the data.
    """

    mean: Float[np.ndarray, " K"]
    factor: Float[np.ndarray, "K K"]
    noise: Float[np.ndarray, " L"]
    scale: float
    determined: Float[np.ndarray, " L"]
    log_evidence: float

    def root(self) -> Float[np.ndarray, "K K"]:
        """R with R Rᵀ the covariance."""
        return scipy.linalg.solve_triangular(self.factor, np.eye(len(self.factor)), lower=True).T


def cholesky(precision: Float[np.ndarray, "K K"]) -> Float[np.ndarray, "K K"]:
    """The lower Cholesky factor, after as little as is needed was added to the diagonal to make up for round-off.

    Little noise makes some directions 1e15 times as precise as others.
    """
    ridge = 0.0
    while True:
        try:
            return np.linalg.cholesky(precision + np.diag(ridge * np.diag(precision)))
        except np.linalg.LinAlgError:
            ridge = 10 * ridge or np.finfo(float).eps
            if not ridge < 1e-3:
                raise DataError(
                    "the curvature at the most probable weights is not finite; train for longer (model.steps)"
                ) from None


@dataclass(frozen=True)
class Laplace:
    """A Gaussian around weights.

    Attributes:
        sums: what the data say, at those weights.
        weights: (K,) where the network was linearised.
        prior: (K,) prior precision.
        linear: whether the outputs are linear in the weights, whose mean then follows the hyperparameters.
        temperature: of the likelihood.
    """

    sums: Sums
    weights: Float[np.ndarray, " K"]
    prior: Float[np.ndarray, " K"]
    linear: bool
    temperature: float = 1.0

    def at(self, noise: Float[np.ndarray, " L"], scale: float) -> Gaussian:
        """The approximation for stated noise variances and a stated factor of the prior precision."""
        sums, prior, weight = self.sums, scale * self.prior, 1 / (noise * self.temperature)
        factor = cholesky(np.einsum("l,lkj->kj", weight, sums.gram) + np.diag(prior))
        step = np.zeros_like(self.weights)
        if self.linear:
            step = scipy.linalg.cho_solve((factor, True), weight @ sums.slope - prior * self.weights)
        mean = self.weights + step
        covariance = scipy.linalg.cho_solve((factor, True), np.eye(len(mean)))
        determined = weight * np.einsum("kj,lkj->l", covariance, sums.gram)
        misfit = np.sum(weight * self.squares(step)) + sums.n / self.temperature * np.sum(np.log(2 * math.pi * noise))
        log_prior = 0.5 * np.sum(np.log(prior)) - 0.5 * np.sum(prior * mean**2)
        return Gaussian(
            mean, factor, noise, scale, determined, float(log_prior - 0.5 * misfit - np.sum(np.log(np.diag(factor))))
        )

    def squares(self, step: Float[np.ndarray, " K"]) -> Float[np.ndarray, " L"]:
        """Sums of squared residuals after a step of the weights, by the linearised network."""
        if not self.linear:
            return self.sums.squares
        return np.maximum(
            self.sums.squares - 2 * self.sums.slope @ step + np.einsum("k,lkj,j->l", step, self.sums.gram, step), 0.0
        )

    def tuned(self, noise: Float[np.ndarray, " L"], *, noise_too: bool) -> Gaussian:
        """The approximation of largest evidence, looked for from the prior as it is and a noise; `noise_too` tunes that
        as well."""
        found = self.at(noise, 1.0)
        for _ in range(ROUNDS):
            size = float(np.sum(self.prior * found.mean**2))
            scale = float(np.clip(found.determined.sum() / max(size, np.finfo(float).tiny), *LIMITS))
            left = np.maximum(self.sums.n - self.temperature * found.determined, 1e-3)
            residual = self.squares(found.mean - self.weights) / left
            again = self.at(np.maximum(residual, SMALLEST_NOISE) if noise_too else noise, scale)
            change = np.max(np.abs(np.log([*(again.noise / found.noise), again.scale / found.scale])))
            found = again
            if change < TOLERANCE:
                break
        return found
