"""A logarithmic coordinate with one free parameter, smooth through the identity, so that gradients can choose it."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array

STRAIGHT = 1e-3
"""Below this size of the parameter the first terms of its series stand for the function: their error is its square."""


def warped(x: Float[Array, "*n"], bend: Float[Array, ""]) -> Float[Array, "*n"]:
    """log(1 + (eᵇ − 1) x) / b: maps [0, 1] onto itself, stretched near 0 for b > 0, near 1 for b < 0, and left alone
    for b = 0.

    A transient that decays, or a parameter that acts through its logarithm, is stationary in such a coordinate. Beyond
    the domain the logarithm's argument is kept from falling below half of its smallest value inside.
    """
    straight = jnp.abs(bend) < STRAIGHT
    safe = jnp.where(straight, 1.0, bend)
    rate = jnp.expm1(safe)
    curved = jnp.log1p(jnp.maximum(rate * x, 0.5 * jnp.minimum(1.0, jnp.exp(safe)) - 1.0)) / safe
    half = 0.5 * x * (1.0 - x)
    series = x + bend * half + bend**2 * half * (1.0 - 2.0 * x) / 3.0
    return jnp.where(straight, series, curved)
