"""Stochastic variational inference with inducing points: each step sees a minibatch, so that the cost does not grow
with the data.

Hensman, Fusi and Lawrence, "Gaussian processes for big data", 2013. The variational distribution takes natural-gradient
steps, which for a Gaussian likelihood are closed-form averages of natural parameters, and the hyperparameters steps of
Adam.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.collapsed import inducing_factor, whitened
from binn_cli.models.step_length import decayed

DECAY, SQUARE_DECAY, SMALL = 0.9, 0.999, 1e-8
"""The constants of Adam (Kingma and Ba, 2015)."""


def _moments(precision: Array, shift: Array) -> tuple[Array, Array]:
    """Mean and a root of the covariance, from natural parameters."""
    inner = jnp.linalg.cholesky(precision)
    return cho_solve((inner, True), shift), solve_triangular(inner, jnp.eye(len(precision)), lower=True).T


def negative_elbo(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    mean: Float[Array, "M L"],
    root: Float[Array, "M M"],
    x: Float[Array, "b D"],
    y: Float[Array, "b L"],
    kind: str,
) -> Float[Array, ""]:
    """The part of −ELBO per point that depends on θ, for a given q(v) in whitened coordinates, whose divergence from
    the prior does not."""
    noise = jnp.exp(theta[-1])
    a = whitened(theta, z, inducing_factor(theta, z, kind), x, kind)
    spread = jnp.exp(theta[-2]) - jnp.sum(a**2, axis=0) + jnp.sum((root.T @ a) ** 2, axis=0)
    errors = jnp.sum((y - a.T @ mean) ** 2, axis=1) + y.shape[1] * spread
    return jnp.mean(0.5 * errors / noise + 0.5 * y.shape[1] * jnp.log(noise))


def trained(
    theta: Float[Array, " P"],
    z: Float[Array, "M D"],
    x: Float[Array, "N D"],
    y: Float[Array, "N L"],
    box: Float[Array, "P 2"],
    key: Float[Array, "..."],
    points: Float[Array, ""],
    rate: Float[Array, ""],
    *,
    kind: str,
    steps: int,
    batch: int,
) -> tuple[Float[Array, " P"], Float[Array, "M L"], Float[Array, "M M"]]:
    """θ, and mean and root of q(v), after `steps` minibatches drawn from the first `points` rows.

    The step lengths fall as a cosine, Adam's from `rate` and the natural gradient's from 0.1, to a hundredth.
    """
    count, gradient = len(z), jax.grad(negative_elbo)
    identity = jnp.eye(count)

    def step(state: Any, i: Array) -> tuple[Any, None]:
        """One minibatch: a natural-gradient step for q(v), and one of Adam for θ."""
        theta, first, second, precision, shift = state
        rows = jax.random.randint(jax.random.fold_in(key, i), (batch,), 0, points)
        fall = decayed(1.0, i, steps)
        a = whitened(theta, z, inducing_factor(theta, z, kind), x[rows], kind)
        weight, keep = points / batch / jnp.exp(theta[-1]), 1.0 - 0.1 * fall
        precision = keep * precision + (1.0 - keep) * (identity + weight * a @ a.T)
        shift = keep * shift + (1.0 - keep) * weight * a @ y[rows]
        slope = gradient(theta, z, *_moments(precision, shift), x[rows], y[rows], kind)
        first, second = DECAY * first + (1 - DECAY) * slope, SQUARE_DECAY * second + (1 - SQUARE_DECAY) * slope**2
        move = first / (1 - DECAY ** (i + 1)) / (jnp.sqrt(second / (1 - SQUARE_DECAY ** (i + 1))) + SMALL)
        return (jnp.clip(theta - rate * fall * move, box[:, 0], box[:, 1]), first, second, precision, shift), None

    zero = jnp.zeros_like(theta)
    begin = (theta, zero, zero, identity, jnp.zeros((count, y.shape[1])))
    theta, _, _, precision, shift = jax.lax.scan(step, begin, jnp.arange(steps))[0]
    return (theta, *_moments(precision, shift))
