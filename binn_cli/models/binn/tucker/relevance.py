"""Learned prior variances: MacKay's fixed point for every function's weights and for the core, function by function."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior
from binn_cli.models.binn.relevance import RELEVANCE_FLOOR
from binn_cli.models.binn.tucker.axes import row_products
from binn_cli.models.binn.tucker.core import CorePosterior, outer

CORE_FLOOR = 1e-20
"""A function's factor in the core's prior variance stays within this factor of the stated one; squared singular values reach 1e-16."""

LEAST_DETERMINED = 1e-3
"""Parameters count as determined at least this much, so that a ratio of two vanishing numbers is finite."""


def bounded(variance: Float[Array, " R"], unit: Float[Array, " R"], floor: float = RELEVANCE_FLOOR) -> Float[Array, " R"]:
    """A learned prior variance, kept within reach of the stated one."""
    return jnp.clip(variance, floor * unit, unit / floor)


def factor_relevance(block: BlockPosterior, variance: Float[Array, " R"], unit: Float[Array, " R"]) -> Float[Array, " R"]:
    """Prior variance of every function's weights: the squared weights over the number of them that the data determine."""
    diagonal = jnp.einsum("krr->r", block.covariance) if block.covariance.ndim == 3 else jnp.einsum("rkrk->r", block.covariance)
    determined = jnp.maximum(block.mean.shape[1] - diagonal / variance, LEAST_DETERMINED)
    return bounded(jnp.sum(block.mean**2, axis=1) / determined, unit)


def by_axis(variances: Sequence[Float[Array, " R"]], widths: Sequence[int]) -> list[Float[Array, " Q"]]:
    """Factors of the core's prior variance for the columns of every axis, from those of the functions of every dimension."""
    found, begin = [], 0
    for width in widths:
        found.append(row_products([v[None] for v in variances[begin : begin + width]])[0])
        begin += width
    return found


def core_relevance(
    core: CorePosterior, variances: tuple[Float[Array, " R"], ...], units: tuple[Float[Array, " R"], ...]
) -> tuple[Float[Array, " R"], ...]:
    """The factor of every function in the core's prior variance, one dimension after the other.

    A function's entries, in units of their prior, have as large a sum of squares as the number of them that the data determine.
    """
    shape = tuple(len(v) for v in variances)
    squares, determined = core.mean.reshape(shape) ** 2, core.determined.reshape(shape)
    found = list(variances)
    for d, (variance, unit) in enumerate(zip(variances, units, strict=True)):
        rest = tuple(e for e in range(len(shape)) if e != d)
        size = jnp.sum(squares / outer(found), axis=rest)
        count = jnp.maximum(jnp.sum(determined, axis=rest), LEAST_DETERMINED)
        found[d] = bounded(variance * size / count, unit, CORE_FLOOR)
    return tuple(found)
