"""The Bayesian linear regression posterior of one block: the weights of one dimension, every other dimension frozen (Eq. 7, 19).

Both kinds of axis solve in coordinates scaled by the prior standard deviation, where the posterior precision is the identity plus a
positive semi-definite matrix: its factorisation cannot break down for want of a prior.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.statistics import GridAxis


class BlockPosterior(NamedTuple):
    """Posterior of one block.

    Attributes:
        mean: (M, K) whitened weights of every mode.
        covariance: (K, M, M) for an axis of one coordinate, where different k are independent; (M, K, M, K) otherwise.
        degrees: effective number of parameters, the trace of the smoother matrix.
        misfit: w^T G w - 2 w^T r, the squared residual less the energy of the data.
        log_determinant: of the posterior precision in units of the prior's.
    """

    mean: Float[Array, "M K"]
    covariance: Float[Array, "..."]
    degrees: Float[Array, ""]
    misfit: Float[Array, ""]
    log_determinant: Float[Array, ""]


def grid_block(
    axis: GridAxis,
    others: Float[Array, "M M"],
    moment: Float[Array, "R M"],
    prior_mean: Float[Array, "M K"],
    prior_variance: Float[Array, " M"],
    noise: Float[Array, ""],
) -> BlockPosterior:
    """Closed form on an axis of one coordinate: G = Gamma (x) S^2 is diagonalised by the eigenvectors of Gamma alone.

    Args:
        axis: the whitened axis.
        others: Gamma, the elementwise product of the other axes' Gram matrices of the modes.
        moment: the data contracted with every other axis (the MTTKRP), in the core's coordinates.
        prior_mean: prior mean of the whitened weights.
        prior_variance: prior variance of each mode's weights.
        noise: noise variance.
    """
    modes, scale = prior_variance.shape[0], jnp.sqrt(prior_variance)
    gamma, vectors = jnp.linalg.eigh(scale[:, None] * others * scale)
    known = gamma > modes * jnp.finfo(jnp.float64).eps * gamma[-1]
    ratio = jnp.where(known, gamma, 0.0)[:, None] * axis.squared / noise  # (M, K)
    rhs = moment.T @ axis.projection  # (M, K)
    gradient = (rhs - others @ prior_mean * axis.squared) / noise
    # Where the modes are linearly dependent to round-off, the gradient is round-off over the noise variance: there the prior stays.
    along = jnp.where(known[:, None], vectors.T @ (scale[:, None] * gradient), 0.0)
    step = vectors @ (along / (1.0 + ratio))
    mean = prior_mean + scale[:, None] * step
    scaled = scale[:, None] * vectors
    covariance = jnp.einsum("me,ek,pe->kmp", scaled, 1.0 / (1.0 + ratio), scaled)
    misfit = jnp.sum(mean * (others @ mean * axis.squared - 2.0 * rhs))
    return BlockPosterior(mean, covariance, jnp.sum(ratio / (1.0 + ratio)), misfit, jnp.sum(jnp.log1p(ratio)))


def dense_block(
    gram: Float[Array, "M K M K"],
    rhs: Float[Array, "M K"],
    prior_mean: Float[Array, "M K"],
    prior_variance: Float[Array, " M"],
    noise: Float[Array, ""],
) -> BlockPosterior:
    """The posterior of a block whose Gram matrix has no structure left, given that matrix and the right-hand side."""
    modes, width = prior_mean.shape
    size = modes * width
    gram = jnp.reshape(gram, (size, size))
    scale = jnp.repeat(jnp.sqrt(prior_variance), width)
    precision = jnp.eye(size) + scale[:, None] * gram * scale / noise
    inverse, log_determinant = _inverse(precision)
    start = prior_mean.reshape(-1)
    mean = start + scale * (inverse @ (scale * (rhs.reshape(-1) - gram @ start) / noise))
    misfit = mean @ (gram @ mean - 2.0 * rhs.reshape(-1))
    covariance = (scale[:, None] * inverse * scale).reshape(modes, width, modes, width)
    return BlockPosterior(mean.reshape(modes, width), covariance, size - jnp.trace(inverse), misfit, log_determinant)


def _inverse(precision: Float[Array, "n n"]) -> tuple[Float[Array, "n n"], Float[Array, ""]]:
    """Inverse and log determinant of the identity plus a positive semi-definite matrix.

    Cholesky, unless round-off has made the matrix indefinite (a noise variance near round-off); then the eigenvalues, none of which
    is below one in exact arithmetic.
    """
    factor = jnp.linalg.cholesky(precision)

    def by_cholesky(_: None) -> tuple[Array, Array]:
        inverse = jax.scipy.linalg.cho_solve((factor, True), jnp.eye(precision.shape[0]))
        return inverse, 2.0 * jnp.sum(jnp.log(jnp.diagonal(factor)))

    def by_eigenvalues(_: None) -> tuple[Array, Array]:
        values, vectors = jnp.linalg.eigh(precision)
        values = jnp.maximum(values, 1.0)
        return (vectors / values) @ vectors.T, jnp.sum(jnp.log(values))

    return jax.lax.cond(jnp.isfinite(factor).all(), by_cholesky, by_eigenvalues, None)
