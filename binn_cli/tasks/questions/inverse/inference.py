"""The posterior of unknown inputs from observations of one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.stats

from binn_cli.models.convergence import bulk_ess, r_hat
from binn_cli.tasks.questions.distributions import Joint
from binn_cli.tasks.questions.inverse.density import Density
from binn_cli.tasks.questions.inverse.draws import POOR, Draws, sample_chains, sample_importance, sample_tempered
from binn_cli.tasks.questions.inverse.maxima import Maximum, find_maxima
from binn_cli.tasks.questions.inverse.observations import Observations
from binn_cli.tasks.questions.source import Source

WORTH_TELLING = 0.01
"""Share of the posterior from which on a maximum is told."""
UNCHANGED = 0.9
"""Standard deviation over that of the prior from which on nothing was learned."""
AT_THE_EDGE = 0.1
"""Probability within a hundredth of the range of its end that is worth a word."""
IMPROBABLE = 1e-4
LARGEST_R_HAT = 1.05


@dataclass(frozen=True)
class Posterior:
    """What is known of d unknowns.

    Attributes:
        names: of the unknowns.
        draws: (chain, draw, d)
        mean, std, mode: (d,)
        interval: (d, 2) of 95 %.
        correlation: (d, d)
        maxima: (M, d) places of the maxima.
        shares: (M,) probability around each.
        r_hat, ess: (d,)
        noise: names of the outputs whose noise was learned, and (chain, draw, outputs) its standard deviation.
        by: how the draws were made.
        warnings: sentences.
        divergences: of the chains.
    """

    names: tuple[str, ...]
    draws: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    mode: np.ndarray
    interval: np.ndarray
    correlation: np.ndarray
    maxima: np.ndarray
    shares: np.ndarray
    r_hat: np.ndarray
    ess: np.ndarray
    noise: tuple[tuple[str, ...], np.ndarray]
    by: str
    warnings: tuple[str, ...]
    divergences: int


def infer(
    source: Source,
    observed: Observations,
    prior: Joint,
    *,
    noise_std: float | Mapping[str, float] | None = None,
    method: str = "auto",
    chains: int = 4,
    draws: int = 500,
    starts: int = 12,
    seed: int = 0,
) -> Posterior:
    """The posterior of the unknowns that a prior names.

    Args:
        source: the surrogate.
        observed: of one target.
        prior: of the unknowns.
        noise_std: standard deviation of the noise, by the name of the output or of all; None to learn it.
        method: laplace, nuts or auto.
        chains, draws: how many draws are kept.
        starts: from how many places maxima are searched.
        seed: of all that is random.
    """
    density = Density.of(source, observed, prior, noise_std, seed)
    maxima = find_maxima(density, starts, seed)
    if method == "nuts":
        return _posterior(density, maxima, sample_chains(density, maxima, chains, draws, seed))
    found = sample_importance(density, maxima, chains, draws, seed)
    if method == "auto" and found.ess < POOR * chains * draws:
        found = sample_tempered(density, maxima, chains, draws, seed)
    return _posterior(density, maxima, found)


def _posterior(density: Density, maxima: list[Maximum], found: Draws) -> Posterior:
    d = density.unknowns
    points, values = density.inputs(found.points), density.inputs(found.scores)
    mean = found.weights @ points
    away = points - mean
    covariance = (away * found.weights[:, None]).T @ away
    std = np.sqrt(np.diag(covariance))
    scale = np.where(std > 0, std, 1.0)
    interval = np.stack([_quantiles(points[:, i], found.weights, (0.025, 0.975)) for i in range(d)])
    ess = np.full(d, found.ess)
    if found.by == "nuts":  # other draws are independent but for their weights, of which `found.ess` is
        ess = np.minimum(np.nan_to_num(bulk_ess(values), nan=found.ess), found.ess)
    noise_names = tuple(density.source.scope.outputs[density.observed.outputs[i]] for i in density.learned)
    places = density.inputs(np.stack([m.scores for m in maxima]))
    told = found.shares > WORTH_TELLING
    told[0] = True
    first = Posterior(
        density.prior.names, values, mean, std, places[0], interval, covariance / np.outer(scale, scale),
        places[told], found.shares[told], r_hat(values), ess, (noise_names, np.exp(found.scores[..., d:])),
        found.by, (), found.divergences,
    )  # fmt: skip
    return Posterior(**{**vars(first), "warnings": tuple(_warnings(density, maxima, first, points, found))})


def _warnings(density: Density, maxima: list[Maximum], found: Posterior, points: np.ndarray, draws: Draws) -> list[str]:
    names, count, d = found.names, density.observed.count, density.unknowns
    said = list(density.prior.remarks())
    if count < d:
        said.append(f"fewer observations ({count}) than unknowns ({d}): the prior decides what they leave open")
    prior = density.prior.at((np.arange(2001)[:, None] + np.zeros(d) + 0.5) / 2001)
    same = [name for name, own, before in zip(names, found.std, prior.std(axis=0), strict=True)
            if own > UNCHANGED * before]  # fmt: skip
    if same:
        said.append(f"the observations say next to nothing of {', '.join(same)}: posterior and prior are equal")
    if len(found.maxima) > 1:
        places = "; ".join(
            ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, place, strict=True)) + f" ({share:.0%})"
            for place, share in zip(found.maxima, found.shares, strict=True)
        )
        said.append(f"the posterior has {len(found.maxima)} maxima: {places}; mean and interval span them all")
    for i, marginal in enumerate(density.prior.marginals):
        gap = 0.01 * (marginal.high - marginal.low)
        edge = (points[:, i] < marginal.low + gap) | (points[:, i] > marginal.high - gap)
        if marginal.name not in same and draws.weights[edge].sum() > AT_THE_EDGE:
            ends = f"{marginal.low:g} to {marginal.high:g}"
            said.append(f"{marginal.name} lies at the edge of its range {ends}, perhaps beyond it")
    if len(density.learned) == 0:
        chance = float(scipy.stats.chi2.sf(density.misfit(maxima[0].scores), max(1, count)))
        if chance < IMPROBABLE:
            said.append(
                "the observations do not fit the surrogate within noise and its own uncertainty, whatever the unknowns "
                "are: distrust the intervals, or set task.noise_std=null"
            )
    if np.max(found.r_hat) > LARGEST_R_HAT:
        said.append(f"the chains do not agree (R-hat up to {np.max(found.r_hat):.2f}): raise task.draws")
    if draws.by == "laplace" and draws.ess < POOR * len(draws.weights):
        said.append(f"only {draws.ess:.0f} effective draws: the posterior is far from normal; take task.method=auto")
    return said


def _quantiles(values: np.ndarray, weights: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) - 0.5 * weights[order]
    return np.interp(levels, reached, values[order])
