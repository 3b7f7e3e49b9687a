"""The mean of a surrogate as a sum of products of functions of one input each, where it is one: its integrals are then
products of one-dimensional ones.

A sum of products is one as it stands. So is the limit: its mean is a sum over the training points of kernels, which are
products over the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.limit.kernel import kernel_factor
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.warping import warp
from binn_cli.models.binn.mixture import Member, Mixture

MOST_TERMS = 2500
"""Products beyond which the pairs of them are too many."""


@dataclass(frozen=True)
class SumOfProducts:
    """c_0 + Σ_r c_r ∏_d f_rd(x_d), in original units.

    Attributes:
        constant: c_0.
        coefficients: (R,) c_r.
        factors: takes the number of an input and n values of it, and gives (n, R).
    """

    constant: float
    coefficients: Float[np.ndarray, " R"]
    factors: Callable[[int, Float[np.ndarray, " n"]], Float[np.ndarray, "n R"]]


def sums_of_products(surrogate: Any) -> tuple[SumOfProducts, ...] | None:
    """The mean of every output of a table's B-INN; None for other surrogates, and where there are too many products."""
    if not isinstance(surrogate, FittedBinn):
        return None
    found = []
    for number, posterior in enumerate(surrogate.posteriors):
        if not isinstance(posterior, Mixture):
            return None
        parts = [_of_member(member, weight) for member, weight in posterior.members]
        coefficients = np.concatenate([part.coefficients for part in parts])
        if len(coefficients) > MOST_TERMS:
            return None
        scale = float(surrogate.units.outputs.scale[number])
        constant = float(surrogate.units.outputs.shift[number]) + scale * sum(part.constant for part in parts)
        found.append(SumOfProducts(constant, scale * coefficients, _joined(surrogate.units.inputs, parts)))
    return tuple(found)


def _joined(inputs: Any, parts: list[SumOfProducts]) -> Callable[[int, np.ndarray], np.ndarray]:
    def factors(dimension: int, x: np.ndarray) -> np.ndarray:
        unit = inputs(x[:, None], slice(dimension, dimension + 1))[:, 0]
        return np.concatenate([part.factors(dimension, unit) for part in parts], axis=1)

    return factors


def _of_member(member: Member, weight: float) -> SumOfProducts:
    """A member of a mixture, on the unit cube and in standardised units."""
    if isinstance(member, Process):
        return _of_process(member, weight)
    weights, intercept = member.unpacked if isinstance(member, CpPosterior) else (list(member.means), None)

    def factors(dimension: int, x: np.ndarray) -> np.ndarray:
        return np.asarray(member.features[dimension](x) @ weights[dimension])

    return SumOfProducts(weight * (intercept or 0.0), np.full(weights[0].shape[1], weight), factors)


def _of_process(process: Process, weight: float) -> SumOfProducts:
    """Σ_s Σ_j σ_s² α_sj ∏_d [(1 - s_d) + s_d ρ(|x_d - x_jd| / ℓ_d)], averaged over the draws s of hyperparameters."""
    points, draws = process.points, process.draws
    weights = [np.exp(theta[-2]) * solved for theta, (_, solved) in zip(draws, process.factors, strict=True)]

    def factors(dimension: int, x: np.ndarray) -> np.ndarray:
        there = warp(x[:, None], process.rates[dimension : dimension + 1])[:, 0]
        each = [kernel_factor(theta, dimension, there, points[:, dimension], process.smoothness) for theta in draws]
        return np.concatenate(each, axis=1)

    scale = weight * process.scale / len(draws)
    return SumOfProducts(weight * process.shift, scale * np.concatenate(weights), factors)
