"""The sums of products that are worth considering, and what is found in their place without some of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features, smooth_features
from binn_cli.models.binn.cp.learning import CpFit, carried, grow
from binn_cli.models.binn.cp.normal_equations import Design
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.table import FAR_BEHIND, LimitChoice, choose_hyperparameters, choose_without
from binn_cli.models.binn.selection.folds import LeftOut
from binn_cli.models.twins import side_by_side

JUDGED = 2
"""Sums of products, those of highest evidence, that are judged by left-out rows; one where the limit is far ahead."""

LENGTH_FACTORS = (1.0, 0.5, 0.25)
"""Lengths of the features relative to the limit's: a single product of kinks has room for shorter ones."""

GUIDED_ROWS, GUIDE_POINTS = 400, 400
"""Rows up to which starts of sums of products make their first steps on the limit's own values at so many points."""

MOST_MODES = 24
MOST_WEIGHTS = 900
"""Limits on the modes, and on all weights, that `auto` asks for."""


@dataclass(frozen=True)
class Wanted:
    """Which sums of products are looked for.

    Attributes:
        modes: how many modes; None to find out.
        most: largest number of modes that is tried.
        factors: lengths of the features relative to the limit's, one after the other while the evidence rises.
        beside_limit: whether the limit takes part, so that sums of products far behind it are not worth their time.
    """

    modes: int | None = None
    most: int = MOST_MODES
    factors: tuple[float, ...] = LENGTH_FACTORS
    beside_limit: bool = True


class Products(NamedTuple):
    """A sum of products, its data, and the lengths of its features relative to the limit's."""

    fit: CpFit
    design: Design
    factor: float

    @property
    def features(self) -> tuple[Features, ...]:
        """Of every input."""
        return self.design.axes[0].features

    @property
    def posterior(self) -> CpPosterior:
        """What predicts."""
        return CpPosterior(self.features, self.fit.weights, self.fit.summary.laplace, self.fit.noise)


def promising_products(
    x: Float[np.ndarray, "n D"],
    y: Float[np.ndarray, " n"],
    choice: LimitChoice,
    wanted: Wanted,
    seed: int,
    earlier: Sequence[CpPosterior] = (),
) -> list[Products]:
    """The sums of products of highest evidence; those of fewer rows go on: starts anew may miss what they found.

    Args:
        x: inputs in units of the domain.
        y: the output, of mean zero and unit variance.
        choice: hyperparameters of the limit, which give the lengths of the features.
        wanted: which are looked for.
        seed: of the starts.
        earlier: what fewer rows have found.
    """
    dimensions = x.shape[1]
    theta = choice.theta
    signal = float(np.exp(theta[-2]))
    shares = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
    found: list[Products] = []
    best, only, begin = -np.inf, wanted.modes, None
    before: tuple[CpFit, list[Features]] | None = None
    rival = (choice.evidence / choice.rows - FAR_BEHIND) * len(x) if wanted.beside_limit else -np.inf
    for factor in wanted.factors:
        features = [
            smooth_features(factor * float(np.exp(theta[d])), float(shares[d]), float(choice.rates[d]))
            for d in range(dimensions)
        ]
        design = Design.table(AxisDesign.of(features, x), y)
        most = max(1, min(wanted.most, MOST_WEIGHTS // sum(design.sizes)))
        most = most if wanted.modes is None else min(wanted.modes, 4 * most)
        guide = None
        if len(x) <= GUIDED_ROWS:
            anywhere = np.random.default_rng([seed, 71]).random((GUIDE_POINTS, dimensions))
            values = choice.process(x, y).moments(anywhere, variance=False)[0]
            guide = Design.table(AxisDesign.of(features, anywhere), values)
        if before is not None and len(x) > GUIDED_ROWS:
            begin = carried(before[0].weights, before[1], features)
        fits = grow(design, signal, most, seed, only=only, begin=begin, guide=guide, rival=rival)
        found.extend(Products(fit, design, factor) for fit in fits)
        top = max(fits, key=lambda fit: fit.summary.evidence)
        if top.summary.evidence < max(best + 1.0, rival) or dimensions == 1:
            break
        # Shorter lengths are tried with the number of modes that was best.
        best, only, before = top.summary.evidence, top.modes, (top, features)
    for one in earlier:
        design = Design.table(AxisDesign.of(one.features, x), y)
        modes = len(one.weights) // sum(design.sizes)
        if wanted.modes in (None, modes):
            (again,) = grow(design, signal, modes, seed, only=modes, begin=one.weights)
            # Where starts anew have come as far, it is the same sum, and would only be judged twice.
            alike = [other.fit.summary.evidence for other in found if other.fit.modes == modes]
            if again.summary.evidence > max(alike, default=-np.inf) + 1.0:
                found.append(Products(again, design, 1.0))
    found.sort(key=lambda one: -one.fit.summary.evidence)
    return found[: JUDGED if found[0].fit.summary.evidence >= rival else 1]


def likeliest_products(
    x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], seed: int
) -> tuple[CpFit, tuple[Features, ...]]:
    """The sum of products of highest evidence with its features, judged by no left-out row; arguments as of
    `promising_products`."""
    choice = choose_hyperparameters(x, y, seed)[0]
    best = promising_products(x, y, choice, Wanted(beside_limit=False), seed)[0]
    return best.fit, best.features


def find_anew(
    best: Products,
    x: Float[np.ndarray, "n D"],
    y: Float[np.ndarray, " n"],
    choice: LimitChoice,
    seed: int,
    folds: Sequence[Int[np.ndarray, " f"]],
) -> tuple[LeftOut, list[CpPosterior]]:
    """What is found in place of a sum of products without each fold in turn: lengths, number of modes, and optimum.

    Args:
        best: found with all rows; as many modes are tried as it has, in features as long in units of the limit's.
        x, y, choice, seed: as of `promising_products`.
        folds: rows of each.

    Returns:
        Mean and variance, noise included, of every row without its fold; and the sum of products without each fold.
    """
    wanted = Wanted(most=best.fit.modes, factors=(best.factor,), beside_limit=False)

    def found_without(left_out: Int[np.ndarray, " f"]) -> CpPosterior:
        kept = np.setdiff1d(np.arange(len(x)), left_out)
        own = choose_without(choice, x[kept], y[kept])
        return promising_products(x[kept], y[kept], own, wanted, seed)[0].posterior

    found = side_by_side(found_without, folds)
    mean, variance = np.empty(len(x)), np.empty(len(x))
    for left_out, posterior in zip(folds, found, strict=True):
        mean[left_out], spread = posterior.moments(x[left_out])
        variance[left_out] = spread + posterior.noise
    return (mean, variance), found
