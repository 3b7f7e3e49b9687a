"""Sobol indices of sums of products, in closed form but for one-dimensional integrals.

With f = c_0 + Σ_r c_r ∏_d f_rd(x_d), means e_d = E f_d and G_d = E f_d f_dᵀ, the variance of the mean given the inputs
of a set S is Σ_rs c_r c_s [∏_{d∈S} (G_d)_rs ∏_{d∉S} (e_d e_dᵀ)_rs - ∏_d (e_d e_dᵀ)_rs] for independent inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from binn_cli.models.binn.sums_of_products import SumOfProducts
from binn_cli.tasks.questions.distributions import Joint
from binn_cli.tasks.questions.sensitivity.indices import Parts, nodes_of

PANELS, NODES = 16, 8
"""Equal parts of an input's probability, and Gauss points in each."""

CANCELLED = 1e-5
"""Round-off over the variance from which on terms cancel so far that a sample is better."""


def parts_in_closed_form(sums: Sequence[SumOfProducts], columns: Sequence[int], joint: Joint) -> Parts | None:
    """Parts of the variance of every output (last dimension).

    Args:
        sums: the outputs.
        columns: which input of the surrogate each input of `joint` is.
        joint: the inputs' distributions; they are all inputs of the surrogate.

    Returns:
        None where the terms of a sum cancel one another, so that round-off would be seen.
    """
    rules = [_rule(marginal.levels) for marginal in joint.marginals]
    points = [marginal.at(x) for marginal, (x, _) in zip(joint.marginals, rules, strict=True)]
    found = []
    for own in sums:
        tables = [own.factors(column, x) for column, x in zip(columns, points, strict=True)]
        parts = _parts(own, tables, [weights for _, weights in rules])
        if parts is None:
            return None
        found.append(parts)
    names = ("variance", "first", "total", "second", "mean")
    return Parts(*(np.stack([getattr(parts, name) for parts in found], axis=-1) for name in names))


def _rule(levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]: Gauss points in equal parts, since functions may have kinks."""
    if levels:
        return nodes_of(levels, 0)
    x, w = nodes_of(0, NODES)
    nodes = (np.arange(PANELS)[:, None] + x) / PANELS
    return nodes.ravel(), np.tile(w / PANELS, PANELS)


def _parts(own: SumOfProducts, tables: list[np.ndarray], weights: list[np.ndarray]) -> Parts | None:
    d, c = len(tables), own.coefficients
    means = [w @ table for table, w in zip(tables, weights, strict=True)]
    # Deviations of the factors from their means: what is subtracted from a second moment is never computed.
    centred = [table - mean for table, mean in zip(tables, means, strict=True)]
    covariances = [part.T @ (w[:, None] * part) for part, w in zip(centred, weights, strict=True)]

    def product_of_means(without: Sequence[int]) -> np.ndarray:
        return np.prod([mean for i, mean in enumerate(means) if i not in without], axis=0) * np.ones(len(c))

    first, curves = np.empty(d), []
    for i in range(d):
        curves.append(centred[i] @ (c * product_of_means([i])))
        first[i] = weights[i] @ curves[i] ** 2
    second = np.full((d, d), np.nan)
    for i in range(d):
        for j in range(i):
            # What is left of the mean given both without what either does alone.
            surface = (centred[i] * (c * product_of_means([i, j]))) @ centred[j].T
            second[i, j] = second[j, i] = weights[i] @ surface**2 @ weights[j]
    moments = [covariance + np.outer(mean, mean) for covariance, mean in zip(covariances, means, strict=True)]
    before, after = [np.ones(np.shape(moments[0]))], np.ones(np.shape(moments[0]))
    for moment in moments[:-1]:
        before.append(before[-1] * moment)
    total = np.empty(d)
    for i in reversed(range(d)):
        total[i] = c @ (before[i] * after * covariances[i]) @ c
        after = after * moments[i]
    # The variance is that of the first input's deviation, then of the second's with the first at its mean, and so on.
    variance, of_means = 0.0, np.ones(np.shape(moments[0]))
    suffix = [np.ones(np.shape(moments[0]))]
    for moment in reversed(moments[1:]):
        suffix.append(suffix[-1] * moment)
    for i, rest in enumerate(reversed(suffix)):
        variance += float(c @ (of_means * covariances[i] * rest) @ c)
        of_means = of_means * np.outer(means[i], means[i])
    size = np.abs(c) @ np.abs(after) @ np.abs(c)
    if np.finfo(float).eps * size > CANCELLED * variance:
        return None
    mean = own.constant + float(c @ product_of_means([]))
    return Parts(np.array(variance), first, total, second, np.array(mean))
