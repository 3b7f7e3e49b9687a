"""How sure Sobol indices are: standard deviations and 95 % intervals, from draws of the surrogate around its mean, from
blocks of a sample, and from what the surrogate says of its own error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from binn_cli.tasks.questions.sensitivity.indices import Parts

Known = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Value, standard deviation and 95 % interval (last dimension)."""
SHARED = 0.2
"""Correlation of the surrogate's error with what an input does: draws know nothing of errors that all of them share,
those of the surrogate's own settings, which do not average out in an integral. Measured; see docs/studies/indices.md.
"""
OF_ONE = 0.5
"""Share of the error's square that may be what an input without influence does by accident."""
BLOCKS, SAMPLED, NORMAL = 8, 2.36, 1.96
"""Blocks of a sample whose indices say how far those of the whole may be off, and in how many standard errors of these
95 % lie (Student's t with 7 degrees of freedom); the same of a normal distribution."""


def known_indices(
    mean: Parts, every: Sequence[Parts], at_same: Parts, blocks: Sequence[Parts], squares: np.ndarray
) -> dict[str, Known]:
    """The indices by name, with what is known of them.

    Args:
        mean: parts of the variance of the surrogate's mean.
        every: those of each draw.
        at_same: those of the mean, at the same points as the draws.
        blocks: those of blocks of the sample from which the mean's are; empty where there is no sample.
        squares: the surrogate's own squared error, of the shape of the variance.
    """
    best, base = mean.shares(), at_same.shares()
    found = {}
    shares, sampled = [one.shares() for one in every], [one.shares() for one in blocks]
    relative = squares / np.where(mean.variance > 0, mean.variance, np.nan)
    for name, value in best.items():
        away = np.stack([share[name] for share in shares]) - base[name]
        error = np.zeros(value.shape)
        if sampled:
            error = np.stack([share[name] for share in sampled]).std(axis=0, ddof=1) / np.sqrt(len(sampled))
        with np.errstate(invalid="ignore"):
            missed = missed_by_draws(value, relative)
            std = np.sqrt(away.var(axis=0, ddof=1) + error**2 + missed**2)
            interval = interval_of(value, away, np.hypot(SAMPLED * error, NORMAL * missed))
        found[name] = (value + away.mean(axis=0), std, interval)
    return found


def missed_by_draws(value: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """The standard deviation of an index S by errors that all draws share.

    With a squared error of r² times the variance and a correlation ρ of it with what the input does, and with what the
    others do, V S and V (1 - S) change by 2 ρ r V √S and 2 ρ r V √(1 - S), and S itself by 2 ρ r √(S (1 - S)); where S
    is zero, by the share of r² that is the input's.
    """
    share = np.clip(value, 0.0, 1.0)
    return np.sqrt(4.0 * SHARED**2 * relative * share * (1.0 - share) + (OF_ONE * relative) ** 2)


def interval_of(value: np.ndarray, away: np.ndarray, beyond: np.ndarray | float) -> np.ndarray:
    """The 95 % interval (last dimension) of indices from draws of their differences (S, …) from the mean's.

    A draw of a function that does not depend on an input does so by accident, and its index, a square, lies above zero:
    draws alone would exclude the truth. The interval holds their quantiles, and those of the differences turned around
    (the "basic" interval of the bootstrap), as far as indices can lie. Of S draws the quantile is the one below which
    one more draw would fall. What else is uncertain by `beyond` with the same probability is added as independent.
    """
    low, high = (np.quantile(away, q, axis=0, method="weibull") for q in (0.025, 0.975))
    ends = -np.hypot(np.minimum(low, -high), beyond), np.hypot(np.maximum(high, -low), beyond)
    return np.clip(np.stack([value + end for end in ends], axis=-1), 0.0, 1.0)
