"""The Bayesian linear regression posterior of one block: the weights of one dimension, every other dimension frozen (Eq. 7, 19).

Both kinds of axis solve in coordinates scaled by the prior standard deviation, where the posterior precision is the identity plus a
positive semi-definite matrix: its factorisation cannot break down for want of a prior.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.binn.arrays import Array
from binn_cli.models.binn.statistics import ROWS_PER_CHUNK, GridAxis, PointAxis


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

    def chunks(self, rows: int) -> Array | tuple:
        """What `pairs` needs of every point, cut into chunks of rows."""
        if self.second is None:
            return _chunks(self.mean, rows)
        inside = _chunks(jnp.ones(self.mean.shape[0]), rows)  # rows beyond the last point must weigh nothing
        return inside, tuple(_chunks(s if o is None else o, rows) for s, o in zip(self.second, self.owner, strict=True))

    def pairs(self, chunk: jax.Array | tuple) -> Float[jax.Array, "r M M"]:
        """E[g g^T] at the points of one chunk."""
        if self.second is None:
            return chunk[:, :, None] * chunk[:, None, :]  # type: ignore[call-overload]
        inside, values = chunk
        product = inside[:, None, None]
        for second, owner, value in zip(self.second, self.owner, values, strict=True):
            product = product * (value if owner is None else jnp.asarray(second)[value])
        return product


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


def _chunks(array: Array, rows: int) -> jax.Array:
    padded = jnp.pad(array, ((0, -array.shape[0] % rows), *[(0, 0)] * (array.ndim - 1)))
    return padded.reshape(-1, rows, *array.shape[1:])


def _distinct_gram(design: Float[Array, "V K"], owner: Array, frozen: Frozen) -> Float[Array, "M K M K"]:
    """Sum over points of E[g g^T] (x) (phi phi^T), where points with the same value share one phi phi^T."""
    values, (n, modes) = design.shape[0], frozen.mean.shape
    rows = min(n, ROWS_PER_CHUNK)

    def add(total: jax.Array, chunk: tuple) -> tuple[jax.Array, None]:
        points, own = chunk
        return total + jax.ops.segment_sum(frozen.pairs(points), own, values), None

    shared, _ = jax.lax.scan(add, jnp.zeros((values, modes, modes)), (frozen.chunks(rows), _chunks(owner, rows)))
    weighted = jnp.einsum("vmp,vk->mpvk", shared, design)
    return jnp.einsum("mpvk,vl->mkpl", weighted, design)


def _scattered_gram(design: Float[Array, "n K"], frozen: Frozen) -> Float[Array, "M K M K"]:
    """The same sum where every point has its own value: one matrix product a chunk of rows."""
    (n, width), modes = design.shape, frozen.mean.shape[1]
    rows = min(n, ROWS_PER_CHUNK)

    def add_means(total: jax.Array, chunk: tuple) -> tuple[jax.Array, None]:
        basis, factors = chunk
        rows_of_x = (factors[:, :, None] * basis[:, None, :]).reshape(rows, -1)  # a chunk of the design matrix of Eq. 19
        return total + rows_of_x.T @ rows_of_x, None

    def add_seconds(total: jax.Array, chunk: tuple) -> tuple[jax.Array, None]:
        basis, points = chunk
        squares = (basis[:, :, None] * basis[:, None, :]).reshape(rows, -1)
        return total + frozen.pairs(points).reshape(rows, -1).T @ squares, None

    phi = _chunks(design, rows)
    if frozen.second is None:
        gram, _ = jax.lax.scan(add_means, jnp.zeros((modes * width,) * 2), (phi, frozen.chunks(rows)))
        return gram.reshape(modes, width, modes, width)
    gram, _ = jax.lax.scan(add_seconds, jnp.zeros((modes**2, width**2)), (phi, frozen.chunks(rows)))
    return gram.reshape(modes, modes, width, width).transpose(0, 2, 1, 3)


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
    design, owner = axis.designs[coordinate], axis.owner[coordinate]
    modes, width = prior_mean.shape
    weighted = moment * frozen.mean
    if owner is None:
        shared, rhs = _scattered_gram(design, frozen), weighted.T @ design
    else:
        shared = _distinct_gram(design, owner, frozen)
        rhs = jax.ops.segment_sum(weighted, owner, design.shape[0]).T @ design
    size = modes * width
    gram = (others[:, None, :, None] * shared).reshape(size, size)
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
