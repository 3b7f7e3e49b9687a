"""A population that goes from the prior to the posterior: draws of few unknowns, however many maxima there are.

The likelihood is raised to powers from 0 to 1, each as large as half of the population survives; between two powers the
draws are resampled by their weights and moved by a random walk that keeps the distribution (sequential Monte Carlo;
Del Moral, Doucet and Jasra, 2006).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LogLikelihood = Callable[[Float[np.ndarray, "S d"]], Float[np.ndarray, " S"]]

SURVIVING = 0.5
"""Effective share of the population that the next power leaves."""

MOVES = 10
"""Steps of the random walk between two powers."""

LAST_MOVES = 40
"""The same at the end, where the draws are used."""

MOST_POWERS = 200
WANTED_ACCEPTANCE = 0.3


@dataclass(frozen=True)
class Population:
    """Draws from a posterior.

    Attributes:
        draws: (S, d) on the unit cube.
        values: (S,) their log likelihoods.
        powers: how many powers it took.
        acceptance: share of the last moves that were accepted.
    """

    draws: Float[np.ndarray, "S d"]
    values: Float[np.ndarray, " S"]
    powers: int
    acceptance: float


def population(log_likelihood: LogLikelihood, dimensions: int, size: int, seed: int) -> Population:
    """Draws for a uniform prior on the unit cube.

    Args:
        log_likelihood: of (S, d) points.
        dimensions: d.
        size: S.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)
    places = draw.random((size, dimensions))
    values, power, count, scale = log_likelihood(places), 0.0, 0, 2.38 / np.sqrt(dimensions)
    acceptance = 1.0
    while power < 1.0 and count < MOST_POWERS:
        following = _next_power(values, power)
        weights = np.exp((following - power) * (values - values.max()))
        chosen = _resampled(weights / weights.sum(), draw)
        places, values, power, count = places[chosen], values[chosen], following, count + 1
        for _ in range(LAST_MOVES if power >= 1.0 else MOVES):
            places, values, acceptance = _moved(log_likelihood, places, values, power, scale, draw)
            scale *= np.exp(acceptance - WANTED_ACCEPTANCE)
    return Population(places, values, count, acceptance)


def _next_power(values: Float[np.ndarray, " S"], power: float) -> float:
    """The power at which the effective number of draws is the share that shall survive, at most 1."""

    def effective(step: float) -> float:
        weights = np.exp(step * (values - values.max()))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(values))

    low, high = 0.0, 1.0 - power
    if effective(high) >= SURVIVING:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= SURVIVING else (low, middle)
    return power + max(low, np.finfo(float).eps)


def _resampled(weights: Float[np.ndarray, " S"], draw: np.random.Generator) -> np.ndarray:
    """Rows by their weights, each as often as its weight says but for one (systematic resampling)."""
    size = len(weights)
    rows = np.searchsorted(np.cumsum(weights), (np.arange(size) + draw.random()) / size)
    return np.minimum(rows, size - 1)


def _moved(
    log_likelihood: LogLikelihood,
    places: Float[np.ndarray, "S d"],
    values: Float[np.ndarray, " S"],
    power: float,
    scale: float,
    draw: np.random.Generator,
) -> tuple[Float[np.ndarray, "S d"], Float[np.ndarray, " S"], float]:
    """One Metropolis step of every draw; what leaves the cube is refused."""
    size, dimensions = places.shape
    spread = np.atleast_2d(np.cov(places.T)) + 1e-30 * np.eye(dimensions)
    left, sizes, _ = np.linalg.svd(spread)
    # A share of small steps, for where the population lies in several places.
    lengths = scale * np.exp(-3.0 * draw.random((size, 1)))
    proposed = places + lengths * (draw.standard_normal((size, dimensions)) * np.sqrt(sizes)) @ left.T
    inside = ((proposed >= 0) & (proposed <= 1)).all(axis=1)
    found = np.where(inside, log_likelihood(np.clip(proposed, 0.0, 1.0)), -np.inf)
    accepted = np.log(draw.random(size)) < power * (found - values)
    return (
        np.where(accepted[:, None], proposed, places),
        np.where(accepted, found, values),
        float(accepted.mean()),
    )
