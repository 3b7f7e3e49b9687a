"""Predictive mean and variance (Eqs. 22 and 23), evaluated on products of axes as matrix products.

The text prints Eq. 23 with Var subtracted, which gives negative variances; the variance of a product of independent factors is
prod(E^2 + Var) - prod(E^2), as here. `modes` sums that over modes; `joint` keeps the covariance that a block's posterior has between modes:
Var = sum over m, m' of [prod_d (mu_m mu_m' + C_mm') - prod_d (mu_m mu_m')]. Both are accumulated as sums of products of positive
semi-definite matrices, never as a difference of large numbers, so a standard deviation of 1e-9 is not lost in round-off.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array


class DimensionPosterior(NamedTuple):
    """What prediction needs of one dimension; weights, covariance and prior variance may carry a leading axis of L outputs.

    Attributes:
        weights: (M, J) posterior mean in the basis's own coordinates.
        directions: (J, K) orthonormal directions in which the data spoke.
        covariance: (K, M, M) or (M, K, M, K) in those directions.
        prior_variance: (M,) variance that every other direction keeps.
    """

    weights: Float[Array, "M J"]
    directions: Float[Array, "J K"]
    covariance: Float[Array, "..."]
    prior_variance: Float[Array, " M"]

    def of_output(self, output: int | Array) -> DimensionPosterior:
        """The posterior of one of the L outputs."""
        return DimensionPosterior(self.weights[output], self.directions, self.covariance[output], self.prior_variance[output])


class Moments(NamedTuple):
    """Factors of a group of dimensions at n points, for P pairs of modes.

    Attributes:
        mean: (n, M) product of the functions' means.
        square: (n, P) product of mu mu'.
        excess: (n, P) product of (mu mu' + C) less `square`.
    """

    mean: Float[Array, "n M"]
    square: Float[Array, "n P"]
    excess: Float[Array, "n P"]


def mode_pairs(modes: int, joint: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second mode of each pair and its weight: the diagonal alone, or the upper triangle with off-diagonals twice."""
    if not joint:
        same = np.arange(modes)
        return same, same, np.ones(modes)
    first, second = np.triu_indices(modes)
    return first, second, np.where(first == second, 1.0, 2.0)


def dimension_moments(values: Float[Array, "n J"], dimension: DimensionPosterior, *, joint: bool) -> Moments:
    """Moments of one dimension's functions, given its basis values at n points."""
    first, second, _ = mode_pairs(dimension.weights.shape[0], joint)
    mean = values @ dimension.weights.T
    seen = values @ dimension.directions
    unseen = jnp.sum((values - seen @ dimension.directions.T) ** 2, axis=1)
    if dimension.covariance.ndim == 3:
        excess = seen**2 @ dimension.covariance[:, first, second]
    else:
        pairs = dimension.covariance[first, :, second, :]  # (P, K, K)
        products = (seen[:, :, None] * seen[:, None, :]).reshape(seen.shape[0], -1)
        excess = products @ pairs.reshape(len(first), -1).T
    excess = excess + jnp.where(first == second, unseen[:, None] * dimension.prior_variance[first], 0.0)
    return Moments(mean, mean[:, first] * mean[:, second], excess)


def _join(a: Moments, b: Moments) -> Moments:
    """Moments of two groups of dimensions at the same points."""
    return Moments(a.mean * b.mean, a.square * b.square, a.excess * (b.square + b.excess) + a.square * b.excess)


def _outer(a: Moments, b: Moments) -> Moments:
    """Moments at every combination of the points of two groups."""
    n = a.mean.shape[0] * b.mean.shape[0]
    return _join(Moments(*(jnp.repeat(x, b.mean.shape[0], axis=0) for x in a)), Moments(*(jnp.tile(x, (n // x.shape[0], 1)) for x in b)))


def axis_moments(values: tuple[Float[Array, "n J"], ...], dimensions: tuple[DimensionPosterior, ...], *, joint: bool) -> Moments:
    """Moments of all dimensions of one axis at its points."""
    total = dimension_moments(values[0], dimensions[0], joint=joint)
    for v, dimension in zip(values[1:], dimensions[1:], strict=True):
        total = _join(total, dimension_moments(v, dimension, joint=joint))
    return total


def axis_mean(values: tuple[Float[Array, "n J"], ...], dimensions: tuple[DimensionPosterior, ...]) -> Float[Array, "n M"]:
    """Product of the functions' means of all dimensions of one axis at its points."""
    total = values[0] @ dimensions[0].weights.T
    for v, dimension in zip(values[1:], dimensions[1:], strict=True):
        total = total * (v @ dimension.weights.T)
    return total


def split_axes(sizes: tuple[int, ...]) -> int:
    """How many leading axes form the left of two groups, so that the two tables are together as small as can be."""
    return min(range(1, len(sizes) + 1), key=lambda i: np.prod(sizes[:i]) + np.prod(sizes[i:]))


def product_moments(axes: list[Moments], weights: np.ndarray) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Mean and variance at every combination of the axes' points: two matrix products between two groups of axes."""
    sizes = tuple(axis.mean.shape[0] for axis in axes)
    cut = split_axes(sizes)
    left = _fold(axes[:cut])
    if cut == len(axes):
        return left.mean.sum(axis=1).reshape(sizes), (left.excess @ weights).reshape(sizes)
    right = _fold(axes[cut:])
    mean = left.mean @ right.mean.T
    rows = jnp.concatenate([left.square + left.excess, left.excess], axis=1)
    columns = jnp.concatenate([right.excess * weights, right.square * weights], axis=1)
    return mean.reshape(sizes), jnp.maximum(rows @ columns.T, 0.0).reshape(sizes)


def product_mean(axes: list[Float[Array, "n M"]]) -> Float[Array, "*n"]:
    """Mean at every combination of the axes' points: one matrix product between two groups of axes."""
    sizes = tuple(axis.shape[0] for axis in axes)
    cut = split_axes(sizes)
    left, right = (reduce(_combined, group) if group else None for group in (axes[:cut], axes[cut:]))
    assert left is not None
    return (left.sum(axis=1) if right is None else left @ right.T).reshape(sizes)


def _combined(a: Float[Array, "n M"], b: Float[Array, "m M"]) -> Float[Array, "nm M"]:
    return (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])


def _fold(axes: list[Moments]) -> Moments:
    total = axes[0]
    for axis in axes[1:]:
        total = _outer(total, axis)
    return total
