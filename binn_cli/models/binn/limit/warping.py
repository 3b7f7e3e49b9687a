"""Logarithmic coordinates for the limit: an input that acts through its logarithm is smooth in one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.bases.stretched import stretch
from binn_cli.models.binn.limit.hyperparameters import maximise
from binn_cli.models.binn.limit.kernel import Evidence, Prior

RATES = ((3.0, 20.0), (-3.0, -20.0))
"""Candidate rates of every input (see `stretch`) towards either end, beside 0 for the coordinate itself; the second of
an end is tried if the first is any better than none."""

WORTH_WARPING = 5.0
"""Gain in log evidence below which a coordinate is left as it is."""

PROBE, PROMISING = 0.1, 0.1
"""A rate so small that the evidence changes in proportion to it, and the change per nat worth warping below which an
input is left alone; a rate of 3 bends a coordinate 13 times as much."""

STEPS = 6
"""Steps of L-BFGS from the hyperparameters so far by which a candidate is judged."""


def warp(points: Float[np.ndarray, "n D"], rates: Float[np.ndarray, " D"]) -> Float[np.ndarray, "n D"]:
    """Points with every coordinate stretched at its rate."""
    if not np.any(rates):
        return points
    return np.stack([stretch(points[:, d], float(rate)) for d, rate in enumerate(rates)], axis=1)


def choose_rates(
    points: Float[np.ndarray, "n D"],
    targets: Float[np.ndarray, "n R"],
    weights: Float[np.ndarray, " R"],
    prior: Prior,
    theta: Float[np.ndarray, " P"],
    smoothness: str = "gaussian",
) -> tuple[Float[np.ndarray, " D"], Float[np.ndarray, " P"]]:
    """The rate of every input, one after the other, and the hyperparameters that go with them.

    Args:
        points: inputs in units of the domain.
        targets, weights, prior: as for `kernel.Evidence`.
        theta: the most probable hyperparameters without any warping.
        smoothness: which correlation.
    """
    dimensions = points.shape[1]
    rates = np.zeros(dimensions)
    evidence = Evidence.of(points, smoothness)
    value = float(evidence(theta[None], targets, weights, prior)[0][0])
    influence = np.exp(-2.0 * theta[:dimensions]) / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
    for d in map(int, np.argsort(-influence)):  # the input that matters most first
        if len(np.unique(points[:, d])) < 3:
            continue
        probed = _with_rate(points, rates, d, PROBE, smoothness)
        gain = value - float(probed(theta[None], targets, weights, prior)[0][0])
        if abs(gain) < PROMISING * PROBE * WORTH_WARPING:
            continue
        best = (value - WORTH_WARPING, 0.0, theta)
        for rate in RATES[0] if gain > 0.0 else RATES[1]:
            warped = _with_rate(points, rates, d, rate, smoothness)
            found, after = maximise(warped, targets, weights, prior, theta[None], steps=STEPS)
            if after < best[0]:
                best = (after, rate, found)
            if after >= value:
                break
        if best[1]:
            value, rates[d], theta = best
    if np.any(rates):
        theta, _ = maximise(Evidence.of(warp(points, rates), smoothness), targets, weights, prior, theta[None])
    return rates, theta


def _with_rate(
    points: Float[np.ndarray, "n D"], rates: Float[np.ndarray, " D"], d: int, rate: float, smoothness: str
) -> Evidence:
    tried = rates.copy()
    tried[d] = rate
    return Evidence.of(warp(points, tried), smoothness)
