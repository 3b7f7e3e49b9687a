"""The evidence of a Gaussian process on a grid, and its gradient, from one small decomposition an axis (Saatçi, thesis
2011, chapter 5).

The covariance is a Kronecker product, K = K_1 ⊗ … ⊗ K_A, and so are its eigenvectors: N × N matrices never appear.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.gp.axis_factor import AxisPlan, Factor, factorised, root, root_weight


class Grid(NamedTuple):
    """Data on a grid in scaled units; the last axis may be filled up with cases that count for nothing.

    Attributes:
        points: for each axis the (n_a, K_a) points.
        masks: for each axis (n_a,) 1 for a point, 0 for a row that only fills up.
        values: (L, n_1, …, n_A) outputs, 0 where a point only fills up.
    """

    points: tuple[Float[Array, "n K"], ...]
    masks: tuple[Float[Array, " n"], ...]
    values: Float[Array, "L *n"]

    @property
    def size(self) -> Array:
        """N: the number of points that count."""
        return reduce(jnp.multiply, [jnp.sum(mask) for mask in self.masks])


def roots(theta: Float[Array, " P"], grid: Grid, plans: tuple[AxisPlan, ...]) -> list[Float[Array, "n J"]]:
    """What is decomposed for each axis; theta = (D log lengths, D bends, log signal, log noise variance)."""
    dimensions = plans[-1].last
    lengths, bends = jnp.exp(theta[:dimensions]), theta[dimensions : 2 * dimensions]
    return [
        root(plan, points, mask, lengths[plan.first : plan.last], bends[plan.first : plan.last])
        for plan, points, mask in zip(plans, grid.points, grid.masks, strict=True)
    ]


def along(values: Float[Array, "*n"], axis: int, vector: Float[Array, " n"]) -> Float[Array, "*n"]:
    """The tensor with each slab across `axis` multiplied by an entry of the vector."""
    return values * vector.reshape([-1 if a == axis else 1 for a in range(values.ndim)])


def rotated(values: Float[Array, "L *n"], factors: list[Factor]) -> Float[Array, "L *n"]:
    """Uᵀ y: the values in the eigenvectors' coordinates."""
    for axis, factor in enumerate(factors):
        values = jnp.moveaxis(jnp.tensordot(factor.vectors, values, axes=(0, axis + 1)), 0, axis + 1)
    return values


def spectrum(factors: list[Factor], skipped: int | None = None) -> Float[Array, "*n"]:
    """Eigenvalues of the Kronecker product, one an entry of the grid, without the factor of the axis `skipped`."""
    shape = [len(factor.values) for factor in factors]
    squares = [
        jnp.ones(n) if a == skipped else factor.values**2
        for a, (n, factor) in enumerate(zip(shape, factors, strict=True))
    ]
    return reduce(
        jnp.multiply, [s.reshape([-1 if a == b else 1 for b in range(len(shape))]) for a, s in enumerate(squares)]
    )


def negative_log_evidence(theta: Float[Array, " P"], grid: Grid, *, plans: tuple[AxisPlan, ...]) -> tuple[Array, Array]:
    """−log p(values | θ), summed over the outputs, and its gradient.

    The gradient is ½ tr((C⁻¹ − α αᵀ / s) dC) with C = K + ratio · 1, the signal variance s, ratio = noise variance / s
    and α = C⁻¹ y (Rasmussen and Williams, Eq. 5.9), gathered axis by axis in the eigenvectors' coordinates, so that no
    derivative of an eigenvector is needed.
    """
    matrices, back = jax.vjp(lambda t: roots(t, grid, plans), theta)
    factors = [factorised(plan, matrix) for plan, matrix in zip(plans, matrices, strict=True)]
    ratio = jnp.exp(theta[-1] - theta[-2])
    outputs, entries = grid.values.shape[0], math.prod(grid.values.shape[1:])
    noisy = spectrum(factors) + ratio
    weights = rotated(grid.values, factors)
    solved = weights / noisy * jnp.exp(-0.5 * theta[-2])
    energy = jnp.sum(solved**2 * noisy)
    idle = entries - grid.size
    value = 0.5 * (outputs * _log_determinant(noisy, grid, theta) + energy)
    by_ratio = 0.5 * (outputs * (jnp.sum(1.0 / noisy) - idle / ratio) - jnp.sum(solved**2)) * ratio
    by_signal = 0.5 * (outputs * grid.size - energy) - by_ratio
    sensitivities = []
    for axis, (plan, factor) in enumerate(zip(plans, factors, strict=True)):
        rest = spectrum(factors, axis)
        wide = jnp.moveaxis(solved * jnp.sqrt(rest), axis + 1, 0).reshape(len(factor.values), -1)
        others = tuple(a for a in range(len(plans)) if a != axis)
        trace = outputs * jnp.sum(rest / noisy, axis=others)
        sensitivities.append(root_weight(plan, factor, 0.5 * (jnp.diag(trace) - wide @ wide.T)))
    (gradient,) = back(sensitivities)
    return value, gradient.at[-2].add(by_signal).at[-1].add(by_ratio)


def _log_determinant(noisy: Float[Array, "*n"], grid: Grid, theta: Float[Array, " P"]) -> Array:
    """log det 2π s C of the points that count; the others' eigenvalues are the ratio alone."""
    idle = noisy.size - grid.size
    return jnp.sum(jnp.log(noisy)) - idle * (theta[-1] - theta[-2]) + grid.size * (math.log(2.0 * math.pi) + theta[-2])


class Solution(NamedTuple):
    """What prediction needs, at given hyperparameters.

    Attributes:
        factors: one an axis.
        coefficients: (L, n_1, …, n_A) S (S² + ratio)⁻¹ Uᵀ y.
        evidence: the log evidence, summed over the outputs.
        degrees: effective number of parameters of an output.
    """

    factors: list[Factor]
    coefficients: Float[Array, "L *n"]
    evidence: Array
    degrees: Array


def solve(theta: Float[Array, " P"], grid: Grid, *, plans: tuple[AxisPlan, ...]) -> Solution:
    """The posterior of every output's function, in the coordinates of the eigenvectors."""
    factors = [factorised(plan, matrix) for plan, matrix in zip(plans, roots(theta, grid, plans), strict=True)]
    eigenvalues, ratio = spectrum(factors), jnp.exp(theta[-1] - theta[-2])
    noisy = eigenvalues + ratio
    weights = rotated(grid.values, factors)
    energy = jnp.sum(weights**2 / noisy) * jnp.exp(-theta[-2])
    evidence = -0.5 * (len(weights) * _log_determinant(noisy, grid, theta) + energy)
    return Solution(factors, weights * jnp.sqrt(eigenvalues) / noisy, evidence, jnp.sum(eigenvalues / noisy))
