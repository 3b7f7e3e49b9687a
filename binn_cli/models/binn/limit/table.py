"""One output of a table in the limit of infinitely many modes: hyperparameters, coordinates and smoothness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.limit.hyperparameters import marginalised, maximise, sample, starting_points
from binn_cli.models.binn.limit.kernel import SMOOTHNESS, Evidence, Prior
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.warping import choose_rates, warp

MOST_ROWS = 4000
"""Rows of a table up to which the limit is exact; its time grows with their cube."""

SEARCHED_ROWS, SEARCHED_DISTANCES = 400, 500_000
"""Rows, drawn at random, whose evidence is looked at, and the largest number of their distances along all inputs; the
predictions rest on all rows."""

REFINED_ROWS, REFINED_DISTANCES, REFINED_STEPS = 1000, 2_500_000, 12
"""More rows, on which the search ends with a few steps: the noise of simulations and long lengths show in many rows
only."""

NOISELESS = 1e-4
"""Noise variance above which these rows would say no more than the first ones."""

OUTGROWN = 1.5
"""How many times the rows must have become before the search begins anew, with other coordinates, beside going on."""

STARTS = 2

ROUGHER_STEPS, FIRST_STEPS = 40, 8
"""Steps of the searches that start from the hyperparameters of the smoothest correlation, and how many of them are made
before one that is far behind is given up."""

STEPS_WITHOUT = 25
"""Steps of the search for hyperparameters without some of the rows, which begins at those of all."""

FAR_BEHIND = 0.7
"""Nats per row behind the best smoothness from which on another one is not considered."""


@dataclass(frozen=True)
class LimitChoice:
    """Hyperparameters of one output for one smoothness.

    Attributes:
        smoothness: which correlation.
        rates: (D,) rates of the inputs' logarithmic coordinates.
        theta: (P,) the most probable hyperparameters.
        evidence: their log posterior density.
        rows: how many rows that is of.
        searched: how many rows there were when the search last began anew.
    """

    smoothness: str
    rates: Float[np.ndarray, " D"]
    theta: Float[np.ndarray, " P"]
    evidence: float
    rows: int = 1
    searched: int = 0

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {
            "smoothness": self.smoothness, "rates": self.rates, "theta": self.theta, "evidence": self.evidence,
            "searched": self.searched,
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> LimitChoice:
        """The choice that `tree` described."""
        rates, theta = np.atleast_1d(np.asarray(tree["rates"])), np.asarray(tree["theta"])
        searched = int(tree.get("searched", 0))  # version 0.1.0 did not keep it
        return cls(str(tree["smoothness"]), rates, theta, float(tree["evidence"]), searched=searched)

    def process(
        self, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], draws: np.ndarray | None = None
    ) -> Process:
        """The process of all rows."""
        return Process.of(x, y, self.theta[None] if draws is None else draws, self.rates, self.smoothness)


def choose_hyperparameters(
    x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], seed: int, before: LimitChoice | None = None
) -> list[LimitChoice]:
    """The most probable hyperparameters for every smoothness.

    Args:
        x: inputs in units of the domain.
        y: the output, of mean zero and unit variance.
        seed: of the search.
        before: an earlier choice from fewer rows, from which the search goes on unless there are many more.
    """
    order = np.random.default_rng([seed, 53]).permutation(len(x))
    rows = _first(order, SEARCHED_ROWS, SEARCHED_DISTANCES, x.shape[1])
    own, target, one = x[rows], y[rows, None], np.ones(1)
    prior = Prior.weak(x.shape[1])
    anew = before is None or len(x) >= OUTGROWN * before.searched
    searched = len(x) if before is None or anew else before.searched
    found: list[LimitChoice] = []
    rates, theta = np.zeros(x.shape[1]), prior.mean
    for smoothness in SMOOTHNESS:
        if smoothness == SMOOTHNESS[0] and anew:
            evidence = Evidence.of(own)
            theta, _ = maximise(evidence, target, one, prior, starting_points(prior, STARTS, seed))
            rates, theta = choose_rates(own, target, one, prior, theta)
        elif smoothness == SMOOTHNESS[0] and before is not None:
            rates, theta = before.rates, before.theta
        evidence = Evidence.of(warp(own, rates), smoothness)
        best, value = maximise(evidence, target, one, prior, theta[None], steps=FIRST_STEPS)
        if found and -value < found[0].evidence - FAR_BEHIND * len(own):
            continue
        best, value = maximise(evidence, target, one, prior, best[None], steps=ROUGHER_STEPS)
        found.append(LimitChoice(smoothness, rates, best, -value, len(own), searched))
        if smoothness == SMOOTHNESS[0]:
            theta = best
    more = _first(order, REFINED_ROWS, REFINED_DISTANCES, x.shape[1])
    if len(more) == len(own) or np.exp(found[0].theta[-1]) > NOISELESS:
        return found
    return [_refined(choice, x[more], y[more], prior) for choice in found]


def _first(order: Int[np.ndarray, " n"], most: int, distances: int, inputs: int) -> Int[np.ndarray, " m"]:
    """The first rows of a random order that have at most so many distances, in their own order."""
    return np.sort(order[: min(most, int(np.sqrt(distances / inputs)))])


def _refined(choice: LimitChoice, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], prior: Prior) -> LimitChoice:
    """A choice after a few steps on more rows."""
    evidence = Evidence.of(warp(x, choice.rates), choice.smoothness)
    theta, value = maximise(evidence, y[:, None], np.ones(1), prior, choice.theta[None], steps=REFINED_STEPS)
    return replace(choice, theta=theta, evidence=-value, rows=len(x))


def choose_without(choice: LimitChoice, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"]) -> LimitChoice:
    """The choice that fewer rows make, beginning at that of all: in the same coordinates, of the same smoothness.

    Args:
        choice: of all rows.
        x, y: those that are left.
    """
    evidence, prior = Evidence.of(warp(x, choice.rates), choice.smoothness), Prior.weak(x.shape[1])
    theta, value = maximise(evidence, y[:, None], np.ones(1), prior, choice.theta[None], steps=STEPS_WITHOUT)
    return replace(choice, theta=theta, evidence=-value, rows=len(x))


def draw_hyperparameters(
    choice: LimitChoice, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], seed: int
) -> Float[np.ndarray, "S P"]:
    """Draws from the posterior of the hyperparameters where rows are few, else their most probable values."""
    if not marginalised(*x.shape):
        return choice.theta[None]
    evidence = Evidence.of(warp(x, choice.rates), choice.smoothness)
    return sample(evidence, choice.theta, y[:, None], np.ones(1), Prior.weak(x.shape[1]), seed)
