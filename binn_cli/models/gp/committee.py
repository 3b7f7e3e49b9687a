"""Local experts and how their opinions become one.

Tresp, A Bayesian committee machine, Neural Computation 2000; Deisenroth and Ng, Distributed Gaussian processes, ICML
2015 (robust Bayesian committee machine, generalised product of experts); Liu, Cai, Wang and Ong, Generalized robust
Bayesian committee machine for large-scale Gaussian process regression, ICML 2018.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from binn_cli.models.arrays import Array
from binn_cli.models.gp.conditioning import conditioned, factorised

TOGETHER = 8
"""Experts that are worked on at once."""

SURE = 1e-13
"""Share of the prior variance below which an expert's variance is round-off."""


class Experts(NamedTuple):
    """E experts of n points each, of which some only fill up.

    Attributes:
        x: (E, n, D) inputs.
        mask: (E, n).
        lower: (E, n, n) Cholesky factors of their covariance matrices.
        weights: (E, n, L) (K + noise)⁻¹ y.
    """

    x: Float[Array, "E n D"]
    mask: Float[Array, "E n"]
    lower: Float[Array, "E n n"]
    weights: Float[Array, "E n L"]


def trained(
    theta: Float[Array, " P"],
    x: Float[Array, "E n D"],
    y: Float[Array, "E n L"],
    mask: Float[Array, "E n"],
    *,
    kind: str,
) -> tuple[Experts, Float[Array, " E"]]:
    """Every expert's factor, and its log evidence summed over the outputs.

    Experts without points fill up the last batch: factorised on its own, beside the loop over the others, a smaller one
    could wait for ever on a pool of two threads (jaxlib 0.10), each of which waits for what the other would do.
    """
    count, together = len(x), min(TOGETHER, len(x))
    filled = [jnp.pad(part, [(0, -count % together)] + [(0, 0)] * (part.ndim - 1)) for part in (x, y, mask)]
    found = jax.lax.map(lambda own: factorised(theta, *own, kind=kind), filled, batch_size=together)
    lower, weights, evidence = (part[:count] for part in found)
    return Experts(x, mask, lower, weights), evidence


def opinions(
    theta: Float[Array, " P"], experts: Experts, asked: Int[Array, " T"], points: Float[Array, "T p D"], *, kind: str
) -> tuple[Float[Array, "T p L"], Float[Array, "T p"]]:
    """What expert `asked[t]` says about each of the points `points[t]`: mean and variance of the latent function."""

    def one(task: tuple[Array, Array]) -> tuple[Array, Array]:
        expert, new = task
        x, mask, lower, weights = (part[expert] for part in experts)
        return conditioned(theta, x, mask, lower, weights, new, kind=kind)

    return jax.lax.map(one, (asked, points))


def combined(
    mean: Float[Array, "b k L"],
    variance: Float[Array, "b k"],
    prior_mean: Float[Array, "b L"],
    prior_variance: Float[Array, " b"],
    *,
    combination: str,
) -> tuple[Float[Array, "b L"], Float[Array, " b"]]:
    """One mean and variance out of k experts' at each of b points.

    Args:
        mean, variance: the experts', nearest first.
        prior_mean, prior_variance: of the process that all experts share: the prior, or the communication expert
            (grbcm).
        combination: bcm, where each weighs fully and what they share is taken off again as often as it was counted too
            much; rbcm or grbcm, where an expert weighs as much as it lowers the entropy of what they share; or gpoe,
            where all weigh the same and the shared knowledge counts for nothing.
    """
    variance = jnp.clip(variance, SURE * prior_variance[:, None], prior_variance[:, None])
    experts = variance.shape[1]
    if combination == "gpoe":
        weight = jnp.full(variance.shape, 1.0 / experts)
    elif combination == "bcm":
        weight = jnp.ones(variance.shape)
    else:
        weight = 0.5 * (jnp.log(prior_variance)[:, None] - jnp.log(variance))
        if combination == "grbcm":
            weight = weight.at[:, 0].set(1.0)
    rest = 1.0 - jnp.sum(weight, axis=1)
    precision = jnp.sum(weight / variance, axis=1) + rest / prior_variance
    pull = jnp.einsum("bk,bkl->bl", weight / variance, mean) + (rest / prior_variance)[:, None] * prior_mean
    return pull / precision[:, None], 1.0 / precision
