"""The functions of the case axis in the limit: one process per function, their hyperparameters learned together first.

With fields in bases on the other axes, u(x, θ) = Σ_q T_q(x) g_q(θ), and the cases' parameters θ enter through the g_q
alone, whose values at the cases the data give. Few cases say little about each g_q: so lengths and shares are first
found for all of them together, each counting by the root of its share of the standard deviation, and every function's
own are then expected around these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.limit.hyperparameters import marginalised, maximise, sample, starting_points
from binn_cli.models.binn.limit.kernel import Evidence, Prior, bounds
from binn_cli.models.binn.limit.process import Process, standardisation
from binn_cli.models.binn.limit.warping import choose_rates, warp
from binn_cli.models.binn.tucker.alternation import TuckerFit

AROUND = (1.0, 1.5)
"""Standard deviations of every function's log lengths and logit shares around those of all together: with less freedom
intervals of left-out cases hold too seldom."""

LENGTH_STD, LENGTH_ABOVE = 1.0, 4.0
"""Standard deviations of the common log lengths below and above that of √D, the distance of random cases: a parameter
that does not matter, or acts as a factor, has a length far above, and ten cases cannot pay for it."""

TOGETHER = 3.0
"""Functions that all together count as, where there are as many: each on its own they would count too little against
the prior, and all in full too much, since the smaller ones are rougher."""

STARTS = 3


class CaseHyperparameters(NamedTuple):
    """Hyperparameters of the functions of one output.

    Attributes:
        pooled: (P,) of all together.
        modes: (Q, P) the most probable ones of every function.
        rates: (D,) rates of the inputs' logarithmic coordinates.
    """

    pooled: Float[np.ndarray, " P"]
    modes: Float[np.ndarray, "Q P"]
    rates: Float[np.ndarray, " D"]


@dataclass(frozen=True)
class CaseFunctions:
    """The Q functions of the case axis of one output.

    Attributes:
        processes: of every function.
        hyperparameters: from which a fit to more cases goes on.
    """

    processes: tuple[Process, ...]
    hyperparameters: CaseHyperparameters


def fit_functions(
    nodes: Float[np.ndarray, "n D"], fit: TuckerFit, before: CaseHyperparameters | None, seed: int
) -> CaseFunctions:
    """The functions through the values that a fit with an axis of nodes has found at the cases.

    Args:
        nodes: the cases' parameters in units of the domain.
        fit: in the gauge of the higher-order SVD, where the functions are independent of one another.
        before: those of an earlier fit, whose hyperparameters the search starts from.
        seed: of the search and the draws.
    """
    values = fit.factors[-1].mean  # (Q, n)
    sizes = np.array([np.linalg.norm(np.take(fit.core.mean, q, axis=-1)) for q in range(len(values))])
    # The variance with which the data know a value: σ² over the energy of the function's field.
    known = fit.noise / np.maximum(sizes**2 * _field_points(fit), np.finfo(float).tiny)
    dimensions, evidence = nodes.shape[1], Evidence.of(nodes)
    units = [standardisation(v) for v in values]
    targets = np.stack([(v - shift) / scale for v, (shift, scale) in zip(values, units, strict=True)], axis=1)
    spread = sizes * np.array([scale for _, scale in units])
    # Neither what is constant but for round-off, nor what the fields do not show: that would be noise without bound.
    varying = (np.std(targets, axis=0) > 0.5) & (spread > np.finfo(float).eps * spread.max())
    largest = max(spread[varying].max() if varying.any() else 1.0, np.finfo(float).tiny)
    weights = np.where(varying, np.sqrt(spread / largest), 0.0)
    # As many as there are of about the same size: functions at the level of round-off are none.
    total = max(float(np.sum(weights)), np.finfo(float).tiny)
    weights *= min(TOGETHER, total**2 / max(float(np.sum(weights**2)), np.finfo(float).tiny)) / total
    weak = _expected(dimensions)
    pooled, rates = weak.mean, np.zeros(dimensions)
    if varying.any() and before is not None:
        rates, evidence = before.rates, Evidence.of(warp(nodes, before.rates))
        pooled, _ = maximise(evidence, targets[:, varying], weights[varying], weak, before.pooled[None])
    elif varying.any():
        starts = starting_points(weak, STARTS, seed)
        pooled, _ = maximise(evidence, targets[:, varying], weights[varying], weak, starts)
        if len(nodes) > 2 * dimensions:
            rates, pooled = choose_rates(nodes, targets[:, varying], weights[varying], weak, pooled)
            evidence = Evidence.of(warp(nodes, rates))
    around = weak.around(pooled, *AROUND)
    processes, modes, one = [], [], np.ones(1)
    for q, (target, (_, scale)) in enumerate(zip(targets.T, units, strict=True)):
        if not varying[q]:
            theta = around.mean.copy()
            theta[-2:] = np.log(1e-12)
            draws = theta[None]
        else:
            prior = _with_noise(around, known[q] / scale**2)
            starts = prior.mean[None]
            if before is not None and q < len(before.modes):
                starts = before.modes[q][None]
            theta, _ = maximise(evidence, target[:, None], one, prior, starts)
            draws = theta[None]
            if marginalised(len(nodes), dimensions):
                draws = sample(evidence, theta, target[:, None], one, prior, seed + q)
        modes.append(theta)
        processes.append(Process.of(nodes, values[q], draws, rates, "gaussian"))
    return CaseFunctions(tuple(processes), CaseHyperparameters(pooled, np.stack(modes), rates))


def _expected(dimensions: int) -> Prior:
    """What is assumed of functions of cases before any data."""
    weak = Prior.weak(dimensions)
    mean, std = weak.mean.copy(), weak.std.copy()
    mean[:dimensions], std[:dimensions] = 0.5 * np.log(dimensions), LENGTH_STD
    above = Prior.reaching(std)
    above[:dimensions] *= LENGTH_ABOVE / LENGTH_STD
    return Prior(mean, std, above)


def _field_points(fit: TuckerFit) -> float:
    """Squared norm of a unit core entry's field over the other axes' points, whose functions are orthonormal but for a
    factor."""
    total = 1.0
    for factor, vectors in zip(fit.factors[:-1], fit.core.vectors[:-1], strict=True):
        del vectors
        total *= float(np.sum(factor.mean[0] ** 2)) if factor.ratio.shape[1] == 1 else 1.0
    return total


def _with_noise(prior: Prior, variance: float) -> Prior:
    """The prior with a noise variance that is known."""
    mean, std, above = (part.copy() for part in prior)
    if variance > 1e-12:
        mean[-1], std[-1], above[-1] = min(np.log(variance), bounds((len(mean) - 2) // 2)[-1, 1]), 1.0, 1.0
    return Prior(mean, std, above)
