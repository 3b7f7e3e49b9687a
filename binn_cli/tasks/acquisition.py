"""Which case to simulate next: each acquisition scores every candidate, and the unlabelled one with the highest score
is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import CaseProcess, FittedSurrogate, KnowsCases
from binn_cli.results.samples import counts_within


@dataclass
class AcquisitionContext:
    """What an acquisition may look at.

    Attributes:
        fitted: the surrogate of the round before.
        slab: the other axes of a case; empty where a case is a single point.
        points: the same at the acquisition points (X_acq of Algorithm 1).
        candidates: the whole case axis, n candidates.
        labelled: (n,) which of them the surrogate has seen.
        seed: changes with the round; the only source of randomness.
        picked: rows taken earlier in the same round, or asked for by somebody else, whose values are not known yet.
        weights: (n,) what every candidate's score is multiplied by, such as its chance of success; None for nothing.
        compile_seconds: time that scoring has spent compiling so far.
    """

    fitted: FittedSurrogate
    slab: Sequence[Axis]
    points: Sequence[Axis]
    candidates: Axis
    labelled: Bool[np.ndarray, " n"]
    seed: tuple[int, ...]
    picked: list[int] = field(default_factory=list)
    weights: Float[np.ndarray, " n"] | None = None
    compile_seconds: float = 0.0
    _process: CaseProcess | None = None
    _std: Float[np.ndarray, "p n"] | None = None

    def standard_deviation(self) -> Float[np.ndarray, "p n"]:
        """Epistemic standard deviation at p acquisition points (times outputs, each over its own largest) for every
        candidate.

        What the cases picked in this round will teach is allowed for: every candidate's is scaled by the root of its
        remaining variance.
        """
        if self._std is None:
            prediction = self.fitted.predict([*self.points, self.candidates])
            self.compile_seconds += prediction.compile_seconds
            std = np.sqrt(np.moveaxis(prediction.epistemic_var, -1, 0))  # outputs first, candidates last
            largest = std.reshape(len(std), -1).max(axis=1)
            std = std / np.where(largest > 0, largest, 1.0).reshape(-1, *[1] * (std.ndim - 1)) if len(std) > 1 else std
            self._std = std.reshape(-1, self.candidates.size)
        if not self.picked:
            return self._std
        before, after = self._cases().variances(), self.process().variances()
        remaining = np.maximum(after, 0.0) / np.where(before > 0, before, 1.0)
        return self._std * np.sqrt(remaining)

    def process(self) -> CaseProcess:
        """What is unknown about all candidates once the cases picked in this round are simulated.

        Raises:
            ConfigError: if the model has no covariance between cases.
        """
        process = self._cases()
        for row in self.picked:
            process = process.observed(row)
        return process

    def _cases(self) -> CaseProcess:
        if self._process is None:
            if not isinstance(self.fitted, KnowsCases):
                raise ConfigError(
                    "task.acquisition",
                    f"this model cannot say what one case would teach about another; {WITHOUT_COVARIANCE}",
                )
            self._process = self.fitted.case_process(self.slab, self.candidates)
            self.compile_seconds += self._process.compile_seconds
        return self._process


WITHOUT_COVARIANCE = (
    "this model cannot say what one case would teach about another; take mean_std, max_std, random or maximin, and "
    "with the first two "
    "task.batch=1"
)


def mean_std(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """The mean predictive standard deviation over the acquisition points (Appendix D)."""
    return context.standard_deviation().mean(axis=0)


def max_std(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """The largest predictive standard deviation over the acquisition points."""
    return context.standard_deviation().max(axis=0)


def ivr(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Expected reduction of the integrated variance: what simulating a case would take off the variance of all
    candidates together.

    For Gaussian posteriors it does not depend on what the simulation will say (Cohn, Ghahramani and Jordan, "Active
    learning with statistical models", 1996).
    """
    unlabelled = np.flatnonzero(~context.labelled)
    scores = np.zeros(context.candidates.size)
    scores[unlabelled] = context.process().reductions(unlabelled)
    return scores


def random(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Uniform at random: the baseline."""
    return np.random.default_rng(context.seed).random(context.candidates.size)


def maximin(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Distance to the nearest labelled or picked case, each coordinate over its range: space filling, blind to the
    model."""
    points = context.candidates.points
    span = np.ptp(points, axis=0)
    scaled = points / np.where(span > 0, span, 1.0)
    nearest = np.full(len(points), np.inf)
    for seen in scaled[[*np.flatnonzero(context.labelled), *context.picked]]:
        nearest = np.minimum(nearest, np.sum((scaled - seen) ** 2, axis=1))
    return np.sqrt(nearest)


ACQUISITIONS: dict[str, Callable[[AcquisitionContext], Float[np.ndarray, " n"]]] = {
    "mean_std": mean_std,
    "max_std": max_std,
    "ivr": ivr,
    "random": random,
    "maximin": maximin,
}


def acquisition_points(axes: Sequence[Axis], limit: int) -> list[Axis]:
    """The product of evenly strided points of each axis, at most `limit` in all; every axis keeps its ends where it
    can."""
    counts = counts_within([axis.size for axis in axes], limit)
    return [_strided(axis, n) for axis, n in zip(axes, counts, strict=True)]


def _strided(axis: Axis, n: int) -> Axis:
    if n == 1:
        # Not an end, where a boundary condition may leave nothing to learn.
        return axis.taken([axis.size // 2])
    return axis.taken(np.linspace(0, axis.size - 1, n).round().astype(int))


def choose(name: str, context: AcquisitionContext, available: Int[np.ndarray, " a"], batch: int) -> list[int]:
    """The rows of `candidates` to label next, out of the available rows, one after the other; ties go to the first.

    Every pick allows for those before it in the same round, so that a batch does not ask twice for the same knowledge.
    """
    for _ in range(min(batch, len(available))):
        scores = ACQUISITIONS[name](context)
        scores = (scores if context.weights is None else scores * context.weights)[available]
        context.picked.append(int(available[int(np.argmax(scores))]))
        available = available[available != context.picked[-1]]
    return list(context.picked)
