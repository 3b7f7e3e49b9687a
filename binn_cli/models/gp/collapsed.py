"""The collapsed bound of a Gaussian process with inducing points, and its posterior, accumulated over blocks of rows.

Titsias, "Variational learning of inducing variables in sparse Gaussian processes", 2009. In whitened coordinates u = L
v, K_zz = L Lᵀ, the optimal q(v) is Gaussian with precision B = I + A / noise and mean B⁻¹ c / noise, where A = Σ a aᵀ
and c = Σ a y over all points with a = L⁻¹ k(Z, x). Only A (M × M) and c are kept, whatever the number of points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.kernels import covariance

JITTER = 1e-9
"""Share of the signal variance that is added to the diagonal of K_zz, which near-equal inducing points would make
singular."""


def inducing_factor(theta: Float[Array, " P"], z: Float[Array, "M D"], kind: str) -> Float[Array, "M M"]:
    """L with L Lᵀ = K_zz."""
    signal = jnp.exp(theta[-2])
    return jnp.linalg.cholesky(covariance(kind, jnp.exp(theta[:-2]), signal, z, z) + JITTER * signal * jnp.eye(len(z)))


def whitened(
    theta: Float[Array, " P"], z: Float[Array, "M D"], lower: Float[Array, "M M"], x: Float[Array, "b D"], kind: str
) -> Array:
    """a = L⁻¹ k(Z, x), (M, b)."""
    return solve_triangular(lower, covariance(kind, jnp.exp(theta[:-2]), jnp.exp(theta[-2]), z, x), lower=True)


class Blocks(NamedTuple):
    """Rows of a table in B blocks of b rows; rows that only fill up have a mask and outputs of 0.

    Attributes:
        x: (B, b, D) inputs.
        y: (B, b, L) outputs.
        mask: (B, b).
    """

    x: Float[Array, "B b D"]
    y: Float[Array, "B b L"]
    mask: Float[Array, "B b"]


class Solution(NamedTuple):
    """The optimal posterior of the whitened inducing values, and the bound.

    Attributes:
        mean: (M, L) mean of the inducing values.
        root: (M, M) R with covariance R Rᵀ = B⁻¹, which all outputs share.
        bound: log N(y; 0, Q + noise) − tr(K − Q) / (2 noise), summed over the outputs; Q = K_xz K_zz⁻¹ K_zx.
    """

    mean: Float[Array, "M L"]
    root: Float[Array, "M M"]
    bound: Float[Array, ""]


def _accumulated(
    theta: Float[Array, " P"], z: Float[Array, "M D"], lower: Float[Array, "M M"], blocks: Blocks, kind: str
) -> tuple[Float[Array, "M M"], Float[Array, "M L"]]:
    """A and c. The gradient works out each block again instead of keeping it."""

    @jax.checkpoint
    def added(sums: tuple[Array, Array], block: Blocks) -> tuple[tuple[Array, Array], None]:
        a = whitened(theta, z, lower, block.x, kind) * block.mask
        return (sums[0] + a @ a.T, sums[1] + a @ block.y), None

    zero = (jnp.zeros((len(z), len(z))), jnp.zeros((len(z), blocks.y.shape[-1])))
    return jax.lax.scan(added, zero, blocks)[0]


def solution(theta: Float[Array, " P"], z: Float[Array, "M D"], blocks: Blocks, *, kind: str) -> Solution:
    """The posterior at given hyperparameters, and the bound on the log evidence of L outputs that share them."""
    signal, noise = jnp.exp(theta[-2]), jnp.exp(theta[-1])
    gram, cross = _accumulated(theta, z, inducing_factor(theta, z, kind), blocks, kind)
    inner = jnp.linalg.cholesky(jnp.eye(len(z)) + gram / noise)
    points, outputs = jnp.sum(blocks.mask), blocks.y.shape[-1]
    half = solve_triangular(inner, cross, lower=True) / noise
    squares = jnp.sum(blocks.y**2) / noise - jnp.sum(half**2)
    determinant = points * jnp.log(2.0 * math.pi * noise) + 2.0 * jnp.sum(jnp.log(jnp.diagonal(inner)))
    trace = (points * signal - jnp.trace(gram)) / noise
    mean = solve_triangular(inner, half, lower=True, trans=1)
    root = solve_triangular(inner, jnp.eye(len(z)), lower=True).T
    return Solution(mean, root, -0.5 * (squares + outputs * (determinant + trace)))


def negative_bound(theta: Float[Array, " P"], z: Float[Array, "M D"], blocks: Blocks, *, kind: str) -> Float[Array, ""]:
    """What the search minimises, per point: the first steps of L-BFGS are as long as the gradient, which grows with the
    data."""
    return -solution(theta, z, blocks, kind=kind).bound / jnp.sum(blocks.mask)


class Readout(NamedTuple):
    """What a prediction reads, so that a point costs one product with an M × M matrix.

    Attributes:
        weights: (M, L) K_zz⁻¹ E[u]: the mean is k(x, Z) times these.
        reduction: (M, M) T with |T k(Z, x)|² what is known of the prior variance at x.
    """

    weights: Float[Array, "M L"]
    reduction: Float[Array, "M M"]


def readout(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    mean: Float[Array, "M L"],
    root: Float[Array, "M M"],
    *,
    kind: str,
) -> Readout:
    """With k = L a the variance is signal − aᵀ (1 − R Rᵀ) a, and 1 − R Rᵀ, which has no negative eigenvalues, is U S
    Uᵀ: T = S^½ Uᵀ L⁻¹."""
    lower = inducing_factor(theta, z, kind)
    eigenvalues, vectors = jnp.linalg.eigh(jnp.eye(len(z)) - root @ root.T)
    scaled = vectors * jnp.sqrt(jnp.maximum(eigenvalues, 0.0))
    return Readout(
        solve_triangular(lower, mean, lower=True, trans=1), solve_triangular(lower, scaled, lower=True, trans=1).T
    )


def predicted(
    theta: Float[Array, " P"], z: Float[Array, "M D"], found: Readout, new: Float[Array, "b D"], *, kind: str
) -> tuple[Float[Array, "b L"], Float[Array, " b"]]:
    """Mean and variance of the latent function at new points."""
    signal = jnp.exp(theta[-2])
    cross = covariance(kind, jnp.exp(theta[:-2]), signal, z, new)
    variance = signal - jnp.sum((found.reduction @ cross) ** 2, axis=0)
    return cross.T @ found.weights, jnp.maximum(variance, 0.0)
