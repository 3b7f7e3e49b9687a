"""Stationary kernels with one length scale a dimension (ARD), of unit variance.

Differences are taken before they are squared, not expanded into products: near-equal points would lose half of their
digits, which a condition number of 1e10 does not forgive. The gradient is written out, so that a matrix of N × N pairs
costs two of that size and not one for each dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array

ROOT_FIVE = 5.0**0.5


def _rbf(r2: Array, xp: Any = jnp) -> tuple[Array, Array]:
    value = xp.exp(-0.5 * r2)
    return value, -0.5 * value


def _matern52(r2: Array, xp: Any = jnp) -> tuple[Array, Array]:
    r = ROOT_FIVE * xp.sqrt(r2)
    decay = xp.exp(-r)
    return (1.0 + r + r * r / 3.0) * decay, -(5.0 / 6.0) * (1.0 + r) * decay


PROFILES: dict[str, Callable[..., tuple[Array, Array]]] = {"rbf": _rbf, "matern52": _matern52}
"""Value and derivative with respect to the squared scaled distance (Rasmussen and Williams, Gaussian Processes for ML,
section 4.2.1), by JAX or, given as the second argument, by NumPy."""


def _squared_distances(a: Float[Array, "n D"], b: Float[Array, "m D"]) -> Float[Array, "n m"]:
    total = jnp.zeros((a.shape[0], b.shape[0]), a.dtype)
    for d in range(a.shape[1]):
        total = total + (a[:, d, None] - b[None, :, d]) ** 2
    return total


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def correlation(kind: str, a: Float[Array, "n D"], b: Float[Array, "m D"]) -> Float[Array, "n m"]:
    """Kernel values between all pairs of points whose coordinates are in units of their length scales."""
    return PROFILES[kind](_squared_distances(a, b))[0]


def _forward(kind: str, a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return correlation(kind, a, b), (a, b)


def _backward(kind: str, saved: tuple[Array, Array], weight: Array) -> tuple[Array, Array]:
    a, b = saved
    slope = 2.0 * weight * PROFILES[kind](_squared_distances(a, b))[1]
    return slope.sum(axis=1)[:, None] * a - slope @ b, slope.sum(axis=0)[:, None] * b - slope.T @ a


correlation.defvjp(_forward, _backward)


def covariance(
    kind: str, lengths: Float[Array, " D"], signal: Float[Array, ""], a: Float[Array, "n D"], b: Float[Array, "m D"]
) -> Float[Array, "n m"]:
    """signal · k((a − b) / lengths) between all pairs of points."""
    return signal * correlation(kind, a / lengths, b / lengths)
