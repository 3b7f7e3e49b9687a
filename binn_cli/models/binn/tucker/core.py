"""The Bayesian linear regression posterior of the core, every factor frozen.

The design matrix is the Kronecker product of the axes' columns, so its Gram matrix is the Kronecker product of theirs: diagonal in
the product of their eigenvectors, whatever the size of the core. The prior variance of an entry is a product of one number for each
of the functions that it combines, which keeps that structure and lets a function fade that the data do not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.tucker.axes import AxisColumns

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class CorePosterior(NamedTuple):
    """Posterior of the core, one index an axis.

    Attributes:
        mean: (Q_1, …, Q_A).
        vectors: for each axis (Q_a, Q_a) the directions in whose products the entries are independent: `eigenvectors` scaled.
        variance: (Q_1, …, Q_A) variance along every product of directions.
        determined: (Q_1, …, Q_A) share of every entry that the data determine, not the prior.
        degrees: effective number of parameters, the sum of `determined`.
        misfit: the squared residual less the energy of the data.
    """

    mean: Float[Array, "*Q"]
    vectors: tuple[Float[Array, "Q Q"], ...]
    variance: Float[Array, "*Q"]
    determined: Float[Array, "*Q"]
    degrees: Float[Array, ""]
    misfit: Float[Array, ""]


def multiplied(tensor: Float[Array, "*Q"], matrices: Sequence[Float[Array, "Q P"]]) -> Float[Array, "*P"]:
    """The tensor contracted with the first index of each matrix, axis by axis."""
    names = LETTERS[: tensor.ndim]
    operands = [name + name.upper() for name in names]
    return jnp.einsum(f"{names},{','.join(operands)}->{names.upper()}", tensor, *matrices, optimize="optimal")


def outer(vectors: Sequence[Float[Array, " Q"]]) -> Float[Array, "*Q"]:
    """The outer product of one vector an axis."""
    total = vectors[0]
    for vector in vectors[1:]:
        total = total[..., None] * vector
    return total


def core_block(
    columns: list[AxisColumns],
    data: Float[Array, "*R"],
    prior_mean: Float[Array, "*Q"],
    prior_variance: list[Float[Array, " Q"]],
    noise: Float[Array, ""],
) -> CorePosterior:
    """The posterior of the core in closed form.

    Args:
        columns: the columns of every axis.
        data: the compressed data of one output.
        prior_mean: prior mean of the core.
        prior_variance: for each axis the factor of its columns in the prior variance of an entry.
        noise: noise variance.
    """
    scales = [jnp.sqrt(variance) for variance in prior_variance]
    pairs = [jnp.linalg.eigh(s[:, None] * c.gram * s) for c, s in zip(columns, scales, strict=True)]
    # In coordinates scaled by the prior, where the prior variance is one and the posterior precision at least that.
    vectors = [v for _, v in pairs]
    gram = outer([jnp.maximum(values, 0.0) for values, _ in pairs]) / noise
    rhs = multiplied(data, [c.compressed @ (s[:, None] * v) for c, s, v in zip(columns, scales, vectors, strict=True)]) / noise
    start = multiplied(prior_mean / outer(scales), vectors)
    rotated = start + (rhs - gram * start) / (1.0 + gram)
    scaled = [s[:, None] * v for s, v in zip(scales, vectors, strict=True)]
    mean = multiplied(rotated, [v.T for v in scaled])
    misfit = noise * jnp.sum(rotated * (gram * rotated - 2.0 * rhs))
    ratio = gram / (1.0 + gram)
    determined = multiplied(ratio, [v.T**2 for v in vectors])
    return CorePosterior(mean, tuple(scaled), 1.0 / (1.0 + gram), determined, jnp.sum(ratio), misfit)
