"""Which case to simulate next: each acquisition scores every candidate, and the unlabelled one with the highest score is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.datasets.product import Axis
from binn_cli.models.surrogate import FittedSurrogate


@dataclass
class AcquisitionContext:
    """What an acquisition may look at.

    Attributes:
        fitted: the surrogate of the round before.
        points: the other axes at the acquisition points (X_acq of Algorithm 1); empty where a case is a single point.
        candidates: the whole case axis, n candidates.
        labelled: (n,) which of them the surrogate has seen.
        seed: changes with the round; the only source of randomness.
        compile_seconds: time that scoring has spent compiling so far.
    """

    fitted: FittedSurrogate
    points: Sequence[Axis]
    candidates: Axis
    labelled: Bool[np.ndarray, " n"]
    seed: tuple[int, ...]
    compile_seconds: float = 0.0

    def standard_deviation(self) -> Float[np.ndarray, "p n"]:
        """Epistemic standard deviation at p acquisition points (times outputs, each over its own largest) for every candidate."""
        prediction = self.fitted.predict([*self.points, self.candidates])
        self.compile_seconds += prediction.compile_seconds
        std = np.sqrt(np.moveaxis(prediction.epistemic_var, -1, 0))  # outputs first, candidates last
        largest = std.reshape(len(std), -1).max(axis=1)
        std = std / np.where(largest > 0, largest, 1.0).reshape(-1, *[1] * (std.ndim - 1)) if len(std) > 1 else std
        return std.reshape(-1, self.candidates.size)


def mean_std(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """The mean predictive standard deviation over the acquisition points (Appendix D)."""
    return context.standard_deviation().mean(axis=0)


def max_std(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """The largest predictive standard deviation over the acquisition points."""
    return context.standard_deviation().max(axis=0)


def random(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Uniform at random: the baseline."""
    return np.random.default_rng(context.seed).random(context.candidates.size)


def maximin(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Distance to the nearest labelled case, each coordinate over its range: space filling, blind to the model."""
    points = context.candidates.points
    span = np.ptp(points, axis=0)
    scaled = points / np.where(span > 0, span, 1.0)
    nearest = np.full(len(points), np.inf)
    for seen in scaled[context.labelled]:
        nearest = np.minimum(nearest, np.sum((scaled - seen) ** 2, axis=1))
    return np.sqrt(nearest)


ACQUISITIONS: dict[str, Callable[[AcquisitionContext], Float[np.ndarray, " n"]]] = {
    "mean_std": mean_std,
    "max_std": max_std,
    "random": random,
    "maximin": maximin,
}


def acquisition_points(axes: Sequence[Axis], limit: int) -> list[Axis]:
    """The product of evenly strided points of each axis, at most `limit` in all; every axis keeps its ends where it can."""
    counts = [axis.size for axis in axes]
    while np.prod(counts) > limit and max(counts) > 1:
        longest = int(np.argmax(counts))
        counts[longest] -= 1
    return [_strided(axis, n) for axis, n in zip(axes, counts, strict=True)]


def _strided(axis: Axis, n: int) -> Axis:
    if n == 1:
        # Not an end, where a boundary condition may leave nothing to learn.
        return axis.taken([axis.size // 2])
    return axis.taken(np.linspace(0, axis.size - 1, n).round().astype(int))


def choose(name: str, context: AcquisitionContext, available: np.ndarray) -> int:
    """The row of `candidates` to label next, out of the available rows; ties go to the first."""
    scores = ACQUISITIONS[name](context)[available]
    return int(available[int(np.argmax(scores))])
