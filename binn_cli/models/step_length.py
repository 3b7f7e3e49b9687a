"""The step length of gradient descent, which falls along a cosine."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from binn_cli.models.arrays import Array

FINAL_RATE = 0.01
"""Share of the step length that is left at the end."""


def decayed(rate: Any, done: Any, total: Any) -> Array:
    """The step length after so many steps of `total`: a cosine from `rate` to `FINAL_RATE` of it."""
    share = jnp.minimum(done / jnp.maximum(total, 1), 1.0)
    return rate * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + jnp.cos(jnp.pi * share)))
