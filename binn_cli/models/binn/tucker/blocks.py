"""The two kinds of blocks of a Tucker decomposition, each a Bayesian linear regression in closed form (Eqs. 7 and 19).

A factor's Gram matrix is Γ ⊗ S², the core's the Kronecker product of the axes' Gram matrices: both are diagonal in the
product of small eigenvectors. Both are solved in coordinates scaled by the prior standard deviation, where the
posterior precision is the identity plus a positive semi-definite matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.multilinear import mode_dot, multi_mode_dot, outer, unfold
from binn_cli.models.binn.tucker.axes import GridAxis


class Columns(NamedTuple):
    """The functions of one axis during a sweep.

    Attributes:
        compressed: (R, Q) in the coordinates of the compressed data.
        gram: (Q, Q) Gram matrix over the axis's points.
    """

    compressed: Float[np.ndarray, "R Q"]
    gram: Float[np.ndarray, "Q Q"]

    @classmethod
    def of(cls, axis: GridAxis, mean: Float[np.ndarray, "Q K"]) -> Columns:
        """The columns of whitened weights."""
        return cls(axis.projection @ mean.T, axis.gram(mean))


class FactorPosterior(NamedTuple):
    """Posterior of one factor's whitened weights z, (Q, K).

    Attributes:
        mean: (Q, K).
        vectors: (Q, E) directions of functions, scaled by the prior, along which the posterior is independent.
        ratio: (E, K) precision that the data add along them, in units of the prior's.
        determined: (Q,) how many of every function's weights the data determine.
        misfit: the squared residual less the energy of the data.
    """

    mean: Float[np.ndarray, "Q K"]
    vectors: Float[np.ndarray, "Q E"]
    ratio: Float[np.ndarray, "E K"]
    determined: Float[np.ndarray, " Q"]
    misfit: float

    @property
    def degrees(self) -> float:
        """Effective number of parameters."""
        return float(np.sum(self.determined))


class CorePosterior(NamedTuple):
    """Posterior of the core, one index per axis.

    Attributes:
        mean: (Q_1, …, Q_A).
        vectors: for each axis (Q, Q) directions, scaled by the prior, in whose products the entries are independent.
        variance: (Q_1, …, Q_A) variance along every product of directions.
        determined: (Q_1, …, Q_A) share of every entry that the data determine.
        misfit: the squared residual less the energy of the data.
    """

    mean: Float[np.ndarray, "*Q"]
    vectors: tuple[Float[np.ndarray, "Q Q"], ...]
    variance: Float[np.ndarray, "*Q"]
    determined: Float[np.ndarray, "*Q"]
    misfit: float

    @property
    def degrees(self) -> float:
        """Effective number of parameters."""
        return float(np.sum(self.determined))


def update_core(
    columns: Sequence[Columns],
    data: Float[np.ndarray, "*R"],
    prior_mean: Float[np.ndarray, "*Q"],
    prior_variance: Sequence[Float[np.ndarray, " Q"]],
    noise: float,
) -> CorePosterior:
    """The posterior of the core, every factor frozen.

    Args:
        columns: of every axis.
        data: the compressed data of one output.
        prior_mean: prior mean of the core.
        prior_variance: for each axis the factor of its columns in the prior variance of an entry.
        noise: σ².
    """
    scales = [np.sqrt(v) for v in prior_variance]
    values, vectors = zip(
        *(np.linalg.eigh(s[:, None] * c.gram * s) for c, s in zip(columns, scales, strict=True)), strict=True
    )
    scaled = [s[:, None] * v for s, v in zip(scales, vectors, strict=True)]
    gram = outer([np.maximum(v, 0.0) for v in values]) / noise
    rhs = multi_mode_dot(data, [(c.compressed @ v).T for c, v in zip(columns, scaled, strict=True)]) / noise
    begin = multi_mode_dot(prior_mean / outer(scales), [v.T for v in vectors]) if prior_mean.any() else 0.0
    rotated = begin + (rhs - gram * begin) / (1.0 + gram)
    mean = multi_mode_dot(rotated, scaled)
    misfit = noise * float(np.sum(rotated * (gram * rotated - 2.0 * rhs)))
    variance = 1.0 / (1.0 + gram)
    determined = multi_mode_dot(gram * variance, [v**2 for v in vectors])
    return CorePosterior(mean, tuple(scaled), variance, determined, misfit)


def gamma_of(core: Float[np.ndarray, "*Q"], columns: Sequence[Columns], axis: int) -> Float[np.ndarray, "Q Q"]:
    """Γ of one axis: the core contracted with itself through the Gram matrices of the other axes."""
    weighted = core
    for other, own in enumerate(columns):
        if other != axis:
            weighted = mode_dot(weighted, own.gram, other)
    return unfold(core, axis) @ unfold(weighted, axis).T


def moment_of(
    data: Float[np.ndarray, "*R"], core: Float[np.ndarray, "*Q"], columns: Sequence[Columns], axis: int
) -> Float[np.ndarray, "R Q"]:
    """The data contracted with the columns of every other axis and with the core."""
    matrices = [None if other == axis else own.compressed.T for other, own in enumerate(columns)]
    return unfold(multi_mode_dot(data, matrices), axis) @ unfold(core, axis).T


def update_factor(
    axis: GridAxis,
    gamma: Float[np.ndarray, "Q Q"],
    moment: Float[np.ndarray, "R Q"],
    prior_mean: Float[np.ndarray, "Q K"],
    prior_variance: Float[np.ndarray, " Q"],
    noise: float,
) -> FactorPosterior:
    """The posterior of one factor, the core and the other factors frozen: G = Γ ⊗ S².

    Args:
        axis: the whitened axis.
        gamma: Γ.
        moment: the data contracted with everything but this axis.
        prior_mean: prior mean of the whitened weights.
        prior_variance: prior variance of each function's weights.
        noise: σ².
    """
    functions, scale = len(prior_variance), np.sqrt(prior_variance)
    values, vectors = np.linalg.eigh(scale[:, None] * gamma * scale)
    known = values > functions * np.finfo(np.float64).eps * values[-1]
    ratio = np.where(known, values, 0.0)[:, None] * axis.squared / noise  # (E, K), or (E, 1) on a nodal axis
    rhs = moment.T @ axis.projection
    gradient = (rhs - gamma @ prior_mean * axis.squared) / noise
    # Where functions are linearly dependent to round-off, the gradient is round-off over the noise: there the prior
    # stays.
    along = np.where(known[:, None], vectors.T @ (scale[:, None] * gradient), 0.0)
    mean = prior_mean + scale[:, None] * (vectors @ (along / (1.0 + ratio)))
    share = ratio / (1.0 + ratio)
    each = axis.size * share[:, 0] if share.shape[1] == 1 else share.sum(axis=1)
    misfit = float(np.sum(mean * (gamma @ mean * axis.squared - 2.0 * rhs)))
    return FactorPosterior(mean, scale[:, None] * vectors, ratio, vectors**2 @ each, misfit)
