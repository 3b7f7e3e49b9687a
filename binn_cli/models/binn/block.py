"""The Bayesian linear regression posterior of one block: the weights of one dimension, every other dimension frozen (Eq. 7, 19).

Both kinds of axis solve in coordinates scaled by the prior standard deviation, where the posterior precision is the identity plus a
positive semi-definite matrix: its factorisation cannot break down for want of a prior.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.accumulation import Products, rows_for, sum_by_value, sum_in_chunks, symmetric, upper
from binn_cli.models.binn.statistics import GridAxis, PointAxis


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


class Frozen(NamedTuple):
    """The other functions of an axis of several coordinates, at its n points.

    Attributes:
        mean: (n, M) g, the product of their means.
        second: E[f f^T] of each of them at its distinct values, (V, M, M); None where only means are passed between blocks.
        owner: for each of them, (n,) the distinct value of every point, or None where every point has its own.
    """

    mean: Float[Array, "n M"]
    second: tuple[Float[Array, "V M M"], ...] | None
    owner: tuple[Array | None, ...]

    def rows(self) -> tuple[Array, ...]:
        """What `pairs` needs of every point."""
        if self.second is None:
            return (self.mean,)
        return (self.mean, *(s if o is None else o for s, o in zip(self.second, self.owner, strict=True)))

    def pairs(self, mean: Float[Array, "r M"], *values: Array) -> Float[jax.Array, "r P"]:
        """The distinct entries of E[g g^T] at some of the points."""
        if self.second is None:
            first, second = np.triu_indices(mean.shape[1])
            return jnp.asarray(mean[:, first] * mean[:, second])
        product = jnp.ones((1, 1))
        for moment, owner, value in zip(self.second, self.owner, values, strict=True):
            product = product * upper(value if owner is None else jnp.asarray(moment)[value])
        return product

    def gram(self) -> Float[Array, "M M"]:
        """E[g g^T] summed over all points."""
        modes = self.mean.shape[1]
        if self.second is None:
            return self.mean.T @ self.mean
        entries = sum_in_chunks(lambda *rows: jnp.sum(self.pairs(*rows), axis=0), self.rows(), rows_for(modes**2 * (1 + len(self.second))))
        return symmetric(entries, modes)


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


def _sums(
    design: Float[Array, "V K"], owner: Array | None, products: Products, frozen: Frozen, moment: Float[Array, "n M"]
) -> tuple[Float[Array, "M K M K"], Float[Array, "M K"]]:
    """Sum over points of E[g g^T] (x) (phi phi^T) and of (moment o g) phi^T, in one pass."""
    (_, modes), size = frozen.mean.shape, design.shape[1]
    pairs = modes * (modes + 1) // 2
    spread = 0 if frozen.second is None else modes**2 * len(frozen.second)

    def by_value(target: Array, own: Array, mean: Array, *rest: Array) -> Array:
        weights = jnp.concatenate([frozen.pairs(mean, *rest), target * mean], axis=1)
        return sum_by_value(weights, own, design.shape[0])

    def scattered(target: Array, phi: Array, mean: Array, *rest: Array) -> tuple[Array, Array]:
        weights = frozen.pairs(mean, *rest).T
        return jnp.concatenate([weights @ formed for formed in products.formed(phi)], axis=1), (target * mean).T @ phi

    if owner is None:
        rows = rows_for(max(pairs + size, spread))
        sums, rhs = sum_in_chunks(scattered, (moment, design, *frozen.rows()), rows)
        gram = products.gram(sums)
    else:
        # Points with the same value share one phi phi^T.
        shared = sum_in_chunks(by_value, (moment, owner, *frozen.rows()), rows_for(max(pairs + modes, spread)))
        gram = jnp.einsum("vp,vk,vl->pkl", shared[:, :pairs], design, design, optimize=[(0, 1), (0, 1)])
        rhs = shared[:, pairs:].T @ design
    return symmetric(gram, modes).transpose(0, 2, 1, 3), rhs


def point_block(
    axis: PointAxis,
    coordinate: int,
    frozen: Frozen,
    others: Float[Array, "M M"],
    moment: Float[Array, "n M"],
    prior_mean: Float[Array, "M K"],
    prior_variance: Float[Array, " M"],
    noise: Float[Array, ""],
) -> BlockPosterior:
    """The block of one coordinate of an axis of several: a dense system of size M K.

    Args:
        axis: the axis.
        coordinate: which of its coordinates is updated.
        frozen: g, at every point the product of the axis's other functions.
        others, moment, prior_mean, prior_variance, noise: as for `grid_block`, with `moment` at the axis's points.
    """
    shared, rhs = _sums(axis.designs[coordinate], axis.owner[coordinate], axis.products[coordinate], frozen, moment)
    return dense_block(others[:, None, :, None] * shared, rhs, prior_mean, prior_variance, noise)


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
