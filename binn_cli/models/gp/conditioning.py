"""A dense Gaussian process conditioned on its points: the factor that is kept, and what it says of new points."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.evidence import noisy_covariance
from binn_cli.models.gp.kernels import covariance


def factorised(
    theta: Float[Array, " P"],
    x: Float[Array, "n D"],
    y: Float[Array, "n L"],
    mask: Float[Array, " n"],
    relative: Float[Array, " n"] | float = 1.0,
    *,
    kind: str,
) -> tuple[Float[Array, "n n"], Float[Array, "n L"], Float[Array, ""]]:
    """Cholesky factor of K + noise, (K + noise)⁻¹ y, and the log evidence summed over the outputs.

    `relative` multiplies the noise variance of every point.
    """
    lower = jnp.linalg.cholesky(noisy_covariance(theta, x, mask, kind, relative))
    weights = cho_solve((lower, True), y)
    size = 2.0 * jnp.sum(jnp.log(jnp.diagonal(lower))) + jnp.sum(mask) * math.log(2.0 * math.pi)
    return lower, weights, -0.5 * (jnp.sum(y * weights) + y.shape[1] * size)


def conditioned(
    theta: Float[Array, " P"],
    x: Float[Array, "n D"],
    mask: Float[Array, " n"],
    lower: Float[Array, "n n"],
    weights: Float[Array, "n L"],
    new: Float[Array, "b D"],
    *,
    kind: str,
) -> tuple[Float[Array, "b L"], Float[Array, " b"]]:
    """Mean and variance of the latent function at new points (Rasmussen and Williams, Algorithm 2.1)."""
    signal = jnp.exp(theta[-2])
    cross = covariance(kind, jnp.exp(theta[:-2]), signal, new, x) * mask
    known = jnp.sum(solve_triangular(lower, cross.T, lower=True) ** 2, axis=0)
    return cross @ weights, signal - known
