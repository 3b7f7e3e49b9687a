"""What a fit makes of rows that it has not seen: refitted, hyperparameters too, without each of five folds in turn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.cp.learning import CpFit, begin_at, learn
from binn_cli.models.binn.cp.normal_equations import Design
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.table import LimitChoice, choose_without

FOLDS = 5

FORGETTING = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Noise variances from which a refit comes down to its own: at a high noise the prior takes back what rested on rows
that are now left out."""

LeftOut = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""Mean and variance, noise included, of every row from a fit that has not seen it."""

ROUNDS = 8
"""Rounds of a refit, which begins near its end."""


def split_rows(count: int, seed: int) -> list[Int[np.ndarray, " f"]]:
    """Rows of every fold."""
    order = np.random.default_rng([seed, 61]).permutation(count)
    return [np.sort(part) for part in np.array_split(order, min(FOLDS, count))]


def predict_left_out(
    fit: CpFit, design: Design, x: Float[np.ndarray, "n D"], folds: list[Int[np.ndarray, " f"]]
) -> LeftOut:
    """Mean and variance, noise included, of every row from a fit without its fold."""
    mean, variance = np.empty(design.count), np.empty(design.count)
    features = design.axes[0].features
    for left_out in folds:
        kept = np.setdiff1d(np.arange(design.count), left_out)
        smaller = design.taken(kept)
        noises = [noise for noise in FORGETTING if noise > fit.noise] + [fit.noise]
        begin = begin_at(smaller, fit.weights, fit.prior, noises, steps=4)
        again = learn(smaller, begin, fit.prior, fit.noise, rounds=ROUNDS)
        posterior = CpPosterior(features, again.weights, again.summary.laplace, again.noise)
        mean[left_out], own = posterior.moments(x[left_out])
        variance[left_out] = own + again.noise
    return mean, variance


def predict_limit_left_out(
    choice: LimitChoice, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], folds: list[Int[np.ndarray, " f"]]
) -> LeftOut:
    """Mean and variance, noise included, of every row from the limit without its fold, its hyperparameters found anew.

    Left out in closed form, rows would be judged with hyperparameters that they have helped to choose.
    """
    mean, variance = np.empty(len(x)), np.empty(len(x))
    for left_out in folds:
        kept = np.setdiff1d(np.arange(len(x)), left_out)
        process = choose_without(choice, x[kept], y[kept]).process(x[kept], y[kept])
        mean[left_out], own = process.moments(x[left_out])
        variance[left_out] = own + process.noise
    return mean, variance
