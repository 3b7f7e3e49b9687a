"""Sizes of the modes: their learned prior variances, and how a mode's size is shared among the dimensions."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior

RELEVANCE_FLOOR = 1e-12
"""Learned prior variances stay within this factor of the prior that the configuration states."""

VANISHED = 1e-30
"""Modes smaller than this in a dimension, in units of the prior, have vanished: their size is not evened out any further."""

Weights = tuple[Float[Array, "M K"], ...]
Variances = tuple[Float[Array, " M"], ...]


def bounded(variance: Float[Array, " M"], unit: Float[Array, " M"]) -> Float[Array, " M"]:
    """A learned prior variance, kept within `RELEVANCE_FLOOR` of the stated one so that everything stays finite."""
    return jnp.clip(variance, RELEVANCE_FLOOR * unit, unit / RELEVANCE_FLOOR)


def balanced(mean: Weights, variance: Variances, unit: Variances) -> tuple[Weights, Variances]:
    """The same functions and priors with every mode's size, in units of the original prior, spread evenly over the dimensions."""
    sizes = [jnp.maximum(jnp.sqrt(jnp.sum(m**2, axis=1) / u), VANISHED) for m, u in zip(mean, unit, strict=True)]
    even = jnp.exp(sum(jnp.log(size) for size in sizes) / len(sizes))
    factors = [even / size for size in sizes]
    means = tuple(m * f[:, None] for m, f in zip(mean, factors, strict=True))
    return means, tuple(bounded(v * f**2, u) for v, f, u in zip(variance, factors, unit, strict=True))


def posterior_variance(block: BlockPosterior) -> Float[Array, " M"]:
    """Posterior variances of a block's weights, summed over each mode."""
    return jnp.einsum("kmm->m", block.covariance) if block.covariance.ndim == 3 else jnp.einsum("mkmk->m", block.covariance)


def fixed_point(block: BlockPosterior, variance: Float[Array, " M"], unit: Float[Array, " M"]) -> Float[Array, " M"]:
    """Prior variance of every mode by MacKay's fixed point: the squared weights over the number of them that the data determine.

    Modes that the data do not need shrink, down to a floor that keeps them out of the way and everything finite.
    """
    determined = jnp.maximum(block.mean.shape[1] - posterior_variance(block) / variance, 1e-3)
    return bounded(jnp.sum(block.mean**2, axis=1) / determined, unit)


def expected(block: BlockPosterior, prior_mean: Float[Array, "M K"], unit: Float[Array, " M"]) -> Float[Array, " M"]:
    """Prior variance of every mode that maximises the evidence lower bound: the expected square of its weights.

    Slower than `fixed_point` where a mode vanishes, but it can never lower the bound.
    """
    square = jnp.sum((block.mean - prior_mean) ** 2, axis=1) + posterior_variance(block)
    return bounded(square / block.mean.shape[1], unit)
