"""Extrapolated alternation: start each sweep a little farther along the last one's step, and take it back when the residual rises.

Alternation crawls along valleys where modes nearly cancel; the steps of successive sweeps then point the same way. The rule for the
length of the extra step (grow slowly while the residual falls, shrink and restart when it rises) is that of Ang and Gillis,
"Accelerating nonnegative matrix factorization algorithms using extrapolation", Neural Computation 31 (2019), section 3.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array

FIRST_SHARE, SHRINK, GROW, GROW_LIMIT = 0.5, 1.5, 1.05, 1.01


class Pace(NamedTuple):
    """How far the next extrapolation goes.

    Attributes:
        share: extra step as a share of the last one.
        limit: largest share to try again, the last one that failed or one.
        before: (M, K) weights of every dimension after the sweep before the last.
    """

    share: Float[jax.Array, ""]
    limit: Float[jax.Array, ""]
    before: tuple[Float[Array, "M K"], ...]


def at_rest(start: tuple[Float[Array, "M K"], ...]) -> Pace:
    """The pace before the first sweep."""
    return Pace(jnp.asarray(FIRST_SHARE), jnp.asarray(1.0), start)


def extrapolated(
    latest: tuple[Float[Array, "M K"], ...], pace: Pace, residual: Float[jax.Array, " sweeps"], made: Array
) -> tuple[tuple[Float[Array, "M K"], ...], Pace]:
    """Where the next sweep starts, and the pace after it.

    Args:
        latest: weights after the last sweep, in the same balance as `pace.before`.
        pace: the pace so far.
        residual: residual of every sweep so far.
        made: how many there have been.
    """
    worse = residual[made - 1] > residual[made - 2]
    share = jnp.where(worse, pace.share / SHRINK, jnp.minimum(pace.limit, GROW * pace.share))
    limit = jnp.where(worse, pace.share, jnp.minimum(1.0, GROW_LIMIT * pace.limit))
    moves = (made >= 2) & ~worse
    step = jnp.where(moves, share, 0.0)
    start = tuple(w + step * (w - b) for w, b in zip(latest, pace.before, strict=True))
    return start, Pace(jnp.where(made >= 3, share, pace.share), jnp.where(made >= 3, limit, pace.limit), latest)
