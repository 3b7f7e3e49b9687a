"""Where the alternation starts: the data's own higher-order SVD, or a draw from the prior.

A truncated higher-order SVD is a sum of rank-one terms already: its largest core entries, each with one singular vector an axis, are
modes of the decomposition, and they are within a small factor of the best approximation. Alternation from there does not meet the
bad optima that random starts meet.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.preparation import Prepared
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.compilation import CompiledFunction, Stopwatch

RIDGE = 1e-10
"""Relative ridge when a singular vector is written in a basis; it bounds the weights where the basis is nearly dependent."""

JITTER = 1e-3
"""Size of the random part of a start from the SVD, relative to the prior: it breaks symmetries of the data, which alternation would
keep for ever, and wakes modes beyond the entries of the core."""

SEPARATION_SWEEPS = 6


def from_prior(seed: int, prior: Prior, directions: tuple[Float[Array, "J K"], ...]) -> tuple[Float[np.ndarray, "L M K"], ...]:
    """A draw of every dimension's weights from N(prior mean, prior variance).

    Weights are drawn in the basis's own coordinates, so that the order of the data's rows does not change the draw.
    """
    rng = np.random.default_rng(seed)
    draws = []
    for mean, variance, v in zip(prior.mean, prior.variance, directions, strict=True):
        weights = rng.standard_normal((*np.shape(variance), v.shape[0]))
        draws.append(np.asarray(mean) + np.sqrt(np.asarray(variance))[..., None] * (weights @ v))
    return tuple(draws)


def _separated(axis: PointAxis) -> tuple[Float[Array, "R K"], ...]:
    """Each compressed direction of an axis of several coordinates as a product of one function a coordinate (a few rank-one sweeps)."""
    assert axis.projection is not None
    target = axis.projection
    rank = target.shape[1]
    points = [axis.expand(c, design) for c, design in enumerate(axis.designs)]

    def separate(_: int, state: tuple) -> tuple:
        weights, functions = list(state[0]), list(state[1])
        for c, design in enumerate(points):
            others = jnp.ones_like(target)
            for other, function in enumerate(functions):
                others = others * function if other != c else others
            gram = jnp.einsum("nr,nk,nl->rkl", others**2, design, design)
            ridge = RIDGE * jnp.trace(gram, axis1=1, axis2=2)[:, None, None] * jnp.eye(design.shape[1])
            moment = jnp.einsum("nr,nk->rk", others * target, design)
            weights[c] = jnp.linalg.solve(gram + ridge + jnp.finfo(jnp.float64).tiny, moment[..., None])[..., 0]
            functions[c] = design @ weights[c].T
        return tuple(weights), tuple(functions)

    blank = tuple(jnp.zeros((rank, design.shape[1])) for design in points), tuple(jnp.ones((target.shape[0], rank)) for _ in points)
    return jax.lax.fori_loop(0, SEPARATION_SWEEPS, separate, blank)[0]


def from_svd(statistics: Statistics, *, modes: int) -> tuple[Float[Array, "L M K"], ...]:
    """The M largest entries of each output's core as modes, with their size spread evenly over the axes."""
    core, axes = statistics.core, statistics.axes
    flat = core.reshape(core.shape[0], -1)
    taken = min(modes, flat.shape[1])
    _, where = jax.lax.top_k(jnp.abs(flat), taken)
    entries = jnp.take_along_axis(flat, where, axis=1)
    size = jnp.abs(entries) ** (1.0 / len(axes))
    indices = jnp.unravel_index(where, core.shape[1:])
    start: list[Array] = []
    for a, (axis, index) in enumerate(zip(axes, indices, strict=True)):
        if isinstance(axis, GridAxis):
            ridge = RIDGE * jnp.max(axis.squared)
            columns: tuple[Array, ...] = (axis.projection / (axis.squared + ridge),)
        else:
            columns = _separated(axis)
        for c, weights in enumerate(columns):
            chosen = weights[index]
            if c == 0:
                chosen = chosen * (size * (jnp.sign(entries) if a == 0 else 1.0))[..., None]
            start.append(jnp.pad(chosen, ((0, 0), (0, modes - taken), (0, 0))))
    return tuple(start)


svd_start = CompiledFunction(from_svd)


def build_start(
    prepared: Prepared, prior: Prior, seed: int, kind: str, modes: int, watch: Stopwatch
) -> tuple[Float[np.ndarray, "L M K"], ...]:
    """Starting weights for every output and dimension; `kind` is svd or random.

    One axis of scattered points has no unfoldings to decompose: there `svd` is a draw from the prior as well.
    """
    draw = from_prior(seed, prior, prepared.directions)
    if kind == "random" or len(prepared.statistics.axes) == 1:
        return draw
    exact = svd_start(watch, prepared.statistics, modes=modes)
    started = []
    for e, d in zip(map(np.asarray, exact), draw, strict=True):
        # Singular vectors are known up to sign: the random part takes the sign of what it is added to, whatever that is.
        aligned = np.where(np.sum(e * d, axis=-1, keepdims=True) < 0, -d, d)
        started.append(e + JITTER * aligned)
    return tuple(started)
