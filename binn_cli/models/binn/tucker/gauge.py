"""The freedom of a Tucker decomposition: factors may be transformed by any invertible matrix if the core takes the inverse.

Before a sweep the functions of every dimension are made orthonormal over the data, in units in which the prior expects their Gram
matrix to be the identity, and then rotated until the core's slices are orthogonal, the largest first: the gauge of the higher-order
SVD. Orthonormal functions keep the core's linear system well conditioned and every number finite. The rotation keeps apart what
matters and what does not: without it, the rough functions that small singular values belong to mix into the smooth leading ones, and
the learned prior of either suits neither.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.statistics import GridAxis, PointAxis
from binn_cli.models.binn.tucker.core import multiplied
from binn_cli.models.binn.tucker.relevance import CORE_FLOOR, bounded

DEPENDENT = 1e-12
"""Share of the largest squared size below which a combination of functions is left small: it is round-off, not a function."""

VANISHED = 1e-60
"""Squared size, in units of the prior, below which there is nothing to normalise."""


def function_gram(axis: GridAxis | PointAxis, coordinate: int, mean: Float[Array, "R K"]) -> tuple[Float[Array, "R R"], Float[Array, ""]]:
    """Gram matrix of one dimension's functions over the data, and the sum over the data of its squared basis functions."""
    if isinstance(axis, GridAxis):
        return (mean * axis.squared) @ mean.T, jnp.sum(axis.squared)
    functions = axis.expand(coordinate, axis.designs[coordinate] @ mean.T)
    return functions.T @ functions, jnp.sum(axis.expand(coordinate, jnp.sum(axis.designs[coordinate] ** 2, axis=1, keepdims=True)))


class Transformation(NamedTuple):
    """A change of one dimension's functions.

    Attributes:
        forward: (R, R) the new functions in terms of the old ones.
        inverse: (R, R) its inverse, which the core takes.
    """

    forward: Float[Array, "R R"]
    inverse: Float[Array, "R R"]

    def of_weights(self, variance: Float[Array, " R"], unit: Float[Array, " R"]) -> Float[Array, " R"]:
        """Prior variance of the new functions' weights."""
        return bounded(self.forward**2 @ variance, unit)

    def of_core(self, variance: Float[Array, " R"], unit: Float[Array, " R"]) -> Float[Array, " R"]:
        """The new functions' factors in the core's prior variance."""
        return bounded((self.inverse**2).T @ variance, unit, CORE_FLOOR)


def orthonormal(axis: GridAxis | PointAxis, coordinate: int, mean: Float[Array, "R K"], unit: Float[Array, " R"]) -> Transformation:
    """What makes one dimension's functions orthonormal over the data, changing them least.

    Args:
        axis: the dimension's axis.
        coordinate: which of the axis's coordinates it is.
        mean: whitened weights.
        unit: the stated prior variance of the weights.
    """
    gram, energy = function_gram(axis, coordinate, mean)
    values, vectors = jnp.linalg.eigh(gram / (unit[0] * energy))
    size = jnp.sqrt(jnp.maximum(values, jnp.maximum(DEPENDENT * values[-1], VANISHED)))
    return Transformation((vectors / size) @ vectors.T, (vectors * size) @ vectors.T)


def rotated(core: Float[Array, "*R"], changes: list[Transformation]) -> list[Transformation]:
    """The same changes, followed by the rotations that make the slices of the core orthogonal, the largest first.

    Args:
        core: the core, one index a dimension; zero where there is none yet, which leaves the functions as they are.
        changes: what makes each dimension's functions orthonormal.
    """
    changed = multiplied(core, [change.inverse for change in changes])
    found = []
    for d, change in enumerate(changes):
        slices = jnp.moveaxis(changed, d, 0).reshape(changed.shape[d], -1)
        _, vectors = jnp.linalg.eigh(slices @ slices.T)
        turn = jnp.where(jnp.any(core != 0.0), vectors[:, ::-1], jnp.eye(len(vectors)))
        found.append(Transformation(turn.T @ change.forward, change.inverse @ turn))
    return found
