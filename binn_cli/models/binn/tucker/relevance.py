"""Learned prior variances: MacKay's fixed point for every function's weights and for the core, function by function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.multilinear import outer
from binn_cli.models.binn.tucker.blocks import CorePosterior, FactorPosterior

FLOOR = 1e-12
"""Learned prior variances of weights stay within this factor of the stated one."""

CORE_FLOOR = 1e-20
"""A function's factor in the core's prior variance stays within this one; squared singular values reach 1e-16."""

LEAST_DETERMINED = 1e-3
"""Parameters count as determined at least this much, so that a ratio of two vanishing numbers is finite."""


def bounded(
    variance: Float[np.ndarray, " Q"], unit: Float[np.ndarray, " Q"], floor: float = FLOOR
) -> Float[np.ndarray, " Q"]:
    """A learned prior variance, kept within reach of the stated one."""
    return np.clip(variance, floor * unit, unit / floor)


def factor_relevance(block: FactorPosterior, unit: Float[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    """Prior variance of every function's weights: the squared weights over the number of them that the data
    determine."""
    return bounded(np.sum(block.mean**2, axis=1) / np.maximum(block.determined, LEAST_DETERMINED), unit)


def core_relevance(
    core: CorePosterior, variances: Sequence[Float[np.ndarray, " Q"]], units: Sequence[Float[np.ndarray, " Q"]]
) -> list[Float[np.ndarray, " Q"]]:
    """The factor of every function in the core's prior variance, one axis after the other.

    A function's entries, in units of their prior, have as large a sum of squares as the number of them that the data
    determine.
    """
    squares, found = core.mean**2, list(variances)
    for axis, (variance, unit) in enumerate(zip(variances, units, strict=True)):
        rest = tuple(other for other in range(squares.ndim) if other != axis)
        size = np.sum(squares / outer(found), axis=rest)
        count = np.maximum(np.sum(core.determined, axis=rest), LEAST_DETERMINED)
        found[axis] = bounded(variance * size / count, unit, CORE_FLOOR)
    return found
