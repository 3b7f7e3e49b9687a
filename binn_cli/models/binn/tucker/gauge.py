"""The freedom of a Tucker decomposition: factors may be transformed by any invertible matrix if the core takes the
inverse.

Before a sweep the functions of every axis are made orthonormal over the data, in units in which the prior expects their
Gram matrix to be the identity, and then rotated until the core's slices are orthogonal, the largest first: the gauge of
the higher-order SVD. Orthonormal functions keep the core's linear system well conditioned. The rotation keeps apart
what
matters and what does not: without it, the rough functions of small singular values mix into the smooth leading ones,
and the learned prior of either suits neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.multilinear import multi_mode_dot, unfold
from binn_cli.models.binn.tucker.axes import GridAxis
from binn_cli.models.binn.tucker.relevance import CORE_FLOOR, bounded

DEPENDENT = 1e-12
"""Share of the largest squared size below which a combination of functions is left small: it is round-off."""

VANISHED = 1e-60
"""Squared size, in units of the prior, below which there is nothing to normalise."""


class Transformation(NamedTuple):
    """A change of one axis's functions.

    Attributes:
        forward: (Q, Q) the new functions in terms of the old ones.
        inverse: (Q, Q) its inverse, which the core takes.
    """

    forward: Float[np.ndarray, "Q Q"]
    inverse: Float[np.ndarray, "Q Q"]

    def of_weights(self, variance: Float[np.ndarray, " Q"], unit: Float[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
        """Prior variance of the new functions' weights."""
        return bounded(self.forward**2 @ variance, unit)

    def of_core(self, variance: Float[np.ndarray, " Q"], unit: Float[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
        """The new functions' factors in the core's prior variance."""
        return bounded((self.inverse**2).T @ variance, unit, CORE_FLOOR)


def orthonormalise(axis: GridAxis, mean: Float[np.ndarray, "Q K"], unit: Float[np.ndarray, " Q"]) -> Transformation:
    """What makes an axis's functions orthonormal over the data, changing them least.

    Args:
        axis: the axis.
        mean: whitened weights.
        unit: the stated prior variance of the weights.
    """
    energy = float(np.sum(axis.squared)) if len(axis.squared) > 1 else axis.size * float(axis.squared[0])
    values, vectors = np.linalg.eigh(axis.gram(mean) / (unit[0] * energy))
    size = np.sqrt(np.maximum(values, max(DEPENDENT * values[-1], VANISHED)))
    return Transformation((vectors / size) @ vectors.T, (vectors * size) @ vectors.T)


def rotate(core: Float[np.ndarray, "*Q"], changes: Sequence[Transformation]) -> list[Transformation]:
    """The same changes, followed by the rotations that make the core's slices orthogonal, the largest first.

    Args:
        core: the core; zero where there is none yet, which leaves the functions as they are.
        changes: what makes every axis's functions orthonormal.
    """
    if not core.any():
        return list(changes)
    changed, found = multi_mode_dot(core, [change.inverse for change in changes]), []
    for axis, change in enumerate(changes):
        slices = unfold(changed, axis)
        turn = np.linalg.eigh(slices @ slices.T)[1][:, ::-1]
        found.append(Transformation(turn.T @ change.forward, change.inverse @ turn))
    return found
