"""Curvature of the log density: scales for the steps of samplers, weight by weight and of the stiffest direction.

The scales are of the generalised Gauss-Newton matrix, the Hessian without the network's own second derivatives.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.compilation import CompiledFunction, Stopwatch

PROBED = 512
"""Points that stand for all where curvature is estimated."""

POWERS = 50
"""Iterations that look for the direction of largest curvature."""


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


def probe(points: Points) -> tuple[Points, float]:
    """At most `PROBED` of the points, evenly spaced, and how many they stand for."""
    number = int(points.n)
    rows = np.linspace(0, number - 1, min(PROBED, number)).round().astype(int)
    return Points(points.x[rows], points.y[rows]), float(number)


def marginal_variances(
    density: Density, points: Points, vector: Float[np.ndarray, " P"], watch: Stopwatch
) -> Float[np.ndarray, " P"]:
    """One over the diagonal of the negative log posterior's Gauss-Newton matrix: scales for a sampler's steps in every
    direction."""
    some, number = probe(points)
    found = diagonal(watch, vector, some, number, density=density)
    return 1 / (np.asarray(found) + 1 / density.prior_std**2)


def _stiffness(vector: Array, inverse_mass: Array, points: Points, represented: Array, *, density: Density) -> Array:
    """Largest curvature of the negative log density in coordinates in which `inverse_mass` is one, by power
    iteration."""
    scale = jnp.sqrt(inverse_mass)
    slope = jax.grad(lambda position: -density(vector + scale * position, points, represented / len(points.x)))

    def again(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        direction, _ = carry
        found = jax.jvp(slope, (jnp.zeros_like(vector),), (direction,))[1]
        size = jnp.linalg.norm(found)
        return found / jnp.maximum(size, jnp.finfo(size.dtype).tiny), size

    first = jax.random.normal(jax.random.key(0), vector.shape, vector.dtype)
    return jax.lax.fori_loop(0, POWERS, again, (first / jnp.linalg.norm(first), jnp.zeros((), vector.dtype)))[1]


stiffness = CompiledFunction(_stiffness)


def longest_step(
    density: Density,
    points: Points,
    vector: Float[np.ndarray, " P"],
    inverse_mass: Float[np.ndarray, " P"],
    watch: Stopwatch,
) -> float:
    """The longest stable step of gradient descent on all points, preconditioned by `inverse_mass`: 2 over the largest
    curvature."""
    some, number = probe(points)
    return 2.0 / float(stiffness(watch, vector, inverse_mass, some, number, density=density))
