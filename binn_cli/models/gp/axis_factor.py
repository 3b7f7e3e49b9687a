"""The covariance matrix of one axis of a grid as a square: K = A Aᵀ, and the singular values of A.

The eigenvalues of K are known to a rounding error of the largest one, those of A Aᵀ through the singular values of A to
the square of it. This is what lets the noise of simulation data, learned from the evidence, fall to 1e-20 of the
signal's variance and below.

For the rbf kernel A is explicit: exp(−(x − x')² / 2l²) is the integral over c of products of Gaussians exp(−(x − c)² /
l²), and the trapezoidal rule on equispaced c is as good as exact, with an error of exp(−π² l² / 2h²) for a spacing h.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.kernels import correlation
from binn_cli.models.gp.warping import warped

REACH = 4.4
"""Lengths beyond the domain up to which there are centres: what lies farther adds exp(−2 · 4.4²) = 2e-17."""

PER_LENGTH = 3.0
"""Centres a length at the least: the trapezoidal rule's error is then exp(−9π² / 2) = 5e-20."""

SHORTEST = 0.02
"""Shortest length, in units of the domain, that an axis of one coordinate can have."""

FEATURES_OF_TWO = 44
"""Centres a coordinate on an axis of two coordinates, whose products are the features."""


class AxisPlan(NamedTuple):
    """How one axis is factorised; hashable, so that it can be a setting of a compiled function.

    Attributes:
        first, last: the axis has the coordinates first, …, last − 1 of the data.
        features: centres of the explicit square root for each coordinate, 0 for the matrix itself.
        kind: name of the kernel.
    """

    first: int
    last: int
    features: int
    kind: str

    @classmethod
    def of(cls, kind: str, first: int, width: int, points: int) -> AxisPlan:
        """The square root where there is an explicit one with at least as many features as points, else the matrix."""
        features = 0
        if kind == "rbf" and width == 1:
            features = math.ceil(PER_LENGTH / max(0.5 / points, SHORTEST) + 2 * REACH * PER_LENGTH) + 2
        elif kind == "rbf" and width == 2:
            features = FEATURES_OF_TWO
        return cls(first, first + width, features if points <= features**width else 0, kind)

    @property
    def shortest(self) -> float:
        """Shortest length scale, in units of the domain, at which the features are as good as the kernel."""
        return PER_LENGTH / (self.features - 2 - 2 * REACH * PER_LENGTH) if self.features else 1e-3


class Factor(NamedTuple):
    """K = U diag(S²) Uᵀ of one axis of n points.

    Attributes:
        vectors: (n, n) U.
        values: (n,) S, the square roots of the eigenvalues, not negative.
        readout: (J, n) what turns `representation` of any point into its coordinates P, such that k(x, X) = P diag(S)
            Uᵀ.
    """

    vectors: Float[Array, "n n"]
    values: Float[Array, " n"]
    readout: Float[Array, "J n"]


def _features(plan: AxisPlan, x: Float[Array, " n"], length: Float[Array, ""]) -> Float[Array, "n J"]:
    spacing = (1.0 + 2.0 * REACH * length) / (plan.features - 1)
    centers = jnp.arange(plan.features) * spacing - REACH * length
    size = jnp.sqrt(spacing / (length * math.sqrt(math.pi / 2.0)))
    return size * jnp.exp(-(((x[:, None] - centers) / length) ** 2))


def _scaled(points: Float[Array, "n K"], bends: Float[Array, " K"]) -> list[Float[Array, " n"]]:
    return [warped(points[:, c], bends[c]) for c in range(points.shape[1])]


def representation(
    plan: AxisPlan,
    new: Float[Array, "m K"],
    points: Float[Array, "n K"],
    mask: Float[Array, " n"],
    lengths: Array,
    bends: Array,
) -> Float[Array, "m J"]:
    """The features of new points, or their covariance with the axis's own points where there are no explicit
    features."""
    coordinates = _scaled(new, bends)
    if not plan.features:
        own = jnp.stack(_scaled(points, bends), axis=1)
        return correlation(plan.kind, jnp.stack(coordinates, axis=1) / lengths, own / lengths) * mask
    found = _features(plan, coordinates[0], lengths[0])
    for c in range(1, len(coordinates)):
        other = _features(plan, coordinates[c], lengths[c])
        found = (found[:, :, None] * other[:, None, :]).reshape(len(found), -1)
    return found


def root(
    plan: AxisPlan, points: Float[Array, "n K"], mask: Float[Array, " n"], lengths: Array, bends: Array
) -> Float[Array, "n J"]:
    """A, or the covariance matrix K itself where there are no explicit features; rows of masked points are zero."""
    return representation(plan, points, points, mask, lengths, bends) * mask[:, None]


def factorised(plan: AxisPlan, matrix: Float[Array, "n J"]) -> Factor:
    """The factor of what `root` gives."""
    if plan.features:
        vectors, values, right = jnp.linalg.svd(matrix, full_matrices=False)
        return Factor(vectors, values, right.T)
    eigenvalues, vectors = jnp.linalg.eigh(matrix)
    known = eigenvalues > len(matrix) * np.finfo(float).eps * eigenvalues[-1]
    values = jnp.sqrt(jnp.where(known, eigenvalues, 0.0))
    return Factor(vectors, values, vectors * jnp.where(known, 1.0 / jnp.where(known, values, 1.0), 0.0))


def root_weight(plan: AxisPlan, factor: Factor, inner: Float[Array, "n n"]) -> Float[Array, "n J"]:
    """The derivative with respect to what `root` gives of a function with the derivative U · inner · Uᵀ with respect to
    K."""
    if plan.features:
        return 2.0 * factor.vectors @ ((inner * factor.values) @ factor.readout.T)
    return factor.vectors @ inner @ factor.vectors.T


def unknown(
    plan: AxisPlan, represented: Float[Array, "m J"], kept: Float[Array, "J r"], coordinates: Float[Array, "m r"]
) -> Array:
    """(m,) the part of the prior variance 1 that lies outside the kept directions, without taking nearly equal numbers
    apart."""
    if plan.features:
        return jnp.sum((represented - coordinates @ kept.T) ** 2, axis=1)
    return jnp.maximum(1.0 - jnp.sum(coordinates**2, axis=1), 0.0)
