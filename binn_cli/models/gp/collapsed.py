"""The collapsed bound of a Gaussian process with inducing points, and its posterior, accumulated over blocks of rows.

Titsias, "Variational learning of inducing variables in sparse Gaussian processes", 2009. In whitened coordinates u = L v, K_zz = L Lᵀ, the
optimal q(v) is Gaussian with precision B = I + A / noise and mean B⁻¹ c / noise, where A = Σ a aᵀ and c = Σ a y over all points with
a = L⁻¹ k(Z, x). Only A (M × M) and c are kept, whatever the number of points.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.kernels import covariance

JITTER = 1e-9
"""Share of the signal variance that is added to the diagonal of K_zz, which near-equal inducing points would make singular."""


def inducing_factor(theta: Float[Array, " P"], z: Float[Array, "M D"], kind: str) -> Float[Array, "M M"]:
    """L with L Lᵀ = K_zz."""
    signal = jnp.exp(theta[-2])
    return jnp.linalg.cholesky(covariance(kind, jnp.exp(theta[:-2]), signal, z, z) + JITTER * signal * jnp.eye(len(z)))


def whitened(theta: Float[Array, " P"], z: Float[Array, "M D"], lower: Float[Array, "M M"], x: Float[Array, "b D"], kind: str) -> Array:
    """a = L⁻¹ k(Z, x), (M, b)."""
    return solve_triangular(lower, covariance(kind, jnp.exp(theta[:-2]), jnp.exp(theta[-2]), z, x), lower=True)


def accumulated(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    lower: Float[Array, "M M"],
    x: Float[Array, "B b D"],
    y: Float[Array, "B b L"],
    mask: Float[Array, "B b"],
    kind: str,
) -> tuple[Float[Array, "M M"], Float[Array, "M L"]]:
    """A and c over B blocks of b rows; rows whose mask is 0 do not count. The gradient works out each block again instead of keeping it."""

    @jax.checkpoint
    def added(sums: tuple[Array, Array], block: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        rows, values, there = block
        a = whitened(theta, z, lower, rows, kind) * there
        return (sums[0] + a @ a.T, sums[1] + a @ values), None

    zero = (jnp.zeros((len(z), len(z))), jnp.zeros((len(z), y.shape[-1])))
    return jax.lax.scan(added, zero, (x, y, mask))[0]


def negative_bound(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    x: Float[Array, "B b D"],
    y: Float[Array, "B b L"],
    mask: Float[Array, "B b"],
    *,
    kind: str,
) -> Float[Array, ""]:
    """−(log N(y; 0, Q + noise) − tr(K − Q) / (2 noise)), summed over L outputs that share θ; Q = K_xz K_zz⁻¹ K_zx."""
    signal, noise = jnp.exp(theta[-2]), jnp.exp(theta[-1])
    lower = inducing_factor(theta, z, kind)
    gram, cross = accumulated(theta, z, lower, x, y, mask, kind)
    inner = jnp.linalg.cholesky(jnp.eye(len(z)) + gram / noise)
    points, outputs = jnp.sum(mask), y.shape[-1]
    fitted = jnp.sum(solve_triangular(inner, cross, lower=True) ** 2) / noise**2
    squares = jnp.sum(y**2) / noise - fitted
    determinant = points * jnp.log(2.0 * math.pi * noise) + 2.0 * jnp.sum(jnp.log(jnp.diagonal(inner)))
    trace = (points * signal - jnp.trace(gram)) / noise
    return 0.5 * (squares + outputs * (determinant + trace))


def posterior(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    x: Float[Array, "B b D"],
    y: Float[Array, "B b L"],
    mask: Float[Array, "B b"],
    *,
    kind: str,
) -> tuple[Float[Array, "M L"], Float[Array, "M M"]]:
    """Mean of the whitened inducing values, and a root R of their covariance R Rᵀ = B⁻¹."""
    noise = jnp.exp(theta[-1])
    gram, cross = accumulated(theta, z, inducing_factor(theta, z, kind), x, y, mask, kind)
    inner = jnp.linalg.cholesky(jnp.eye(len(z)) + gram / noise)
    return cho_solve((inner, True), cross) / noise, solve_triangular(inner, jnp.eye(len(z)), lower=True).T


def predicted(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    mean: Float[Array, "M L"],
    root: Float[Array, "M M"],
    new: Float[Array, "b D"],
    *,
    kind: str,
) -> tuple[Float[Array, "b L"], Float[Array, "b L"]]:
    """Mean and variance of the latent function at new points."""
    a = whitened(theta, z, inducing_factor(theta, z, kind), new, kind)
    variance = jnp.exp(theta[-2]) - jnp.sum(a**2, axis=0) + jnp.sum((root.T @ a) ** 2, axis=0)
    return a.T @ mean, jnp.broadcast_to(jnp.maximum(variance, 0.0)[:, None], (len(new), mean.shape[1]))
