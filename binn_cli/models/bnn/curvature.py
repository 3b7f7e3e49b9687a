"""Curvature of the log density by the generalised Gauss-Newton matrix, the Hessian without the network's own second derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.compilation import CompiledFunction, Stopwatch

PROBED = 512
"""Points that stand for all in the estimate of the diagonal."""


def _diagonal(vector: Array, points: Points, represented: Array, *, density: Density) -> Array:
    """Diagonal of the Gauss-Newton matrix of all points; for a log noise variance n/2, its Fisher information."""
    weights = density.network.n_weights
    precision = jnp.exp(-density.log_noise(vector))

    def one_point(x: Array) -> Array:
        jacobian = jax.jacrev(lambda w: density.network(w, x[None])[0])(vector[:weights])
        return jnp.sum(precision[:, None] * jacobian**2, axis=0)

    summed = jax.lax.map(one_point, points.x, batch_size=64).sum(axis=0, dtype=jnp.float64)
    noise = jnp.full(len(vector) - weights, len(points.x) / 2.0)
    return jnp.concatenate([summed, noise]) * represented / len(points.x) / density.temperature


diagonal = CompiledFunction(_diagonal)


def marginal_variances(density: Density, points: Points, vector: Float[np.ndarray, " P"], watch: Stopwatch) -> Float[np.ndarray, " P"]:
    """One over the diagonal of the negative log posterior's Gauss-Newton matrix: scales for a sampler's steps in every direction."""
    number = int(points.n)
    rows = np.linspace(0, number - 1, min(PROBED, number)).round().astype(int)
    some = Points(points.x[rows], points.y[rows])
    found = diagonal(watch, vector, some, float(number), density=density)
    return 1 / (np.asarray(found) + 1 / density.prior_std**2)
