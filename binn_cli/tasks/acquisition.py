"""Which case to simulate next: each acquisition scores every candidate, and the unlabelled one with the highest score
is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import FittedSurrogate, Prediction
from binn_cli.results.samples import counts_within
from binn_cli.tasks.references import COMPARED, References, some_of

FEW = 256
"""Candidates up to which all of them are compared with one another; of more, `COMPARED` stand for all."""


@dataclass(frozen=True)
class Aim:
    """An output that is to become small or large, as its mean over a case.

    Attributes:
        output: which one.
        sign: 1 for small, -1 for large.
    """

    output: int
    sign: int

    @classmethod
    def of(cls, config: ActiveLearnConfig, outputs: Sequence[str]) -> Aim | None:
        """That of a task; None for acquisitions that have none.

        Raises:
            ConfigError: if the output is not known, or is one of several and not named.
        """
        if config.acquisition != "ei":
            return None
        sign = 1 if config.goal == "minimize" else -1
        if not config.output and len(outputs) > 1:
            raise ConfigError("task.output", f"name the output that is to become better: {', '.join(outputs)}")
        if config.output and config.output not in outputs:
            near = did_you_mean(config.output, outputs)
            raise ConfigError("task.output", f"{config.output!r} is no output: {', '.join(outputs)}{near}")
        return cls(outputs.index(config.output) if config.output else 0, sign)

    def moments(self, prediction: Prediction) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Mean of what is to become small, and its standard deviation as if errors within a case were one, for cases on
        the last axis."""
        mean = np.asarray(prediction.mean)[..., self.output]
        unit = np.broadcast_to(prediction.unit, prediction.mean.shape[-1:])[self.output]
        std = unit * np.sqrt(np.maximum(np.asarray(prediction.epistemic_var)[..., self.output], 0.0))
        within = tuple(range(mean.ndim - 1))
        return self.sign * mean.mean(axis=within), std.mean(axis=within)


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
        aim: what shall become better, for expected improvement.
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
    aim: Aim | None = None
    compile_seconds: float = 0.0
    _references: References | None = None
    _allowed_for: int = 0
    _std: Float[np.ndarray, "p n"] | None = None
    _aimed: tuple[np.ndarray, np.ndarray] | None = None

    def standard_deviation(self) -> Float[np.ndarray, "p n"]:
        """Epistemic standard deviation at p acquisition points (times outputs, each over its own largest) for every
        candidate.

        What the cases picked in this round will teach is allowed for: every candidate's is scaled by the root of its
        remaining variance.
        """
        if self._std is None:
            prediction = self.fitted.predict([*self.points, self.candidates])
            self.compile_seconds += prediction.compile_seconds
            std = np.moveaxis(prediction.epistemic_std, -1, 0)  # outputs first, candidates last
            largest = std.reshape(len(std), -1).max(axis=1)
            std = std / np.where(largest > 0, largest, 1.0).reshape(-1, *[1] * (std.ndim - 1)) if len(std) > 1 else std
            self._std = std.reshape(-1, self.candidates.size)
        return self._std * self.remaining() if self.picked else self._std

    def improvable(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """What is to become small, and its standard deviation once the picked cases are known, for every candidate."""
        if self._aimed is None:
            assert self.aim is not None
            prediction = self.fitted.predict([*self.points, self.candidates])
            self.compile_seconds += prediction.compile_seconds
            self._aimed = self.aim.moments(prediction)
        mean, std = self._aimed
        return mean, std * self.remaining() if self.picked else std

    def remaining(self) -> Float[np.ndarray, " n"]:
        """Share of the standard deviation of every candidate that is left once the picked cases are known.

        Raises:
            ConfigError: if the model has no covariance between cases.
        """
        picked = self.candidates.points[self.picked]
        found = References(self.fitted, self.slab, self.candidates, picked[:0], picked)
        left = found.remaining(self.candidates.points)
        self.compile_seconds += found.compile_seconds
        return left

    def reductions(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """What simulating each of these candidates would take off the variance of all, or of those that stand for
        them, once the picked ones are known.

        Raises:
            ConfigError: if the model has no covariance between cases.
        """
        points, known = self.candidates.points, self._references
        compiled = 0.0 if known is None else known.compile_seconds
        if known is None:
            most = FEW if self.candidates.size <= FEW else COMPARED
            some = some_of(self.candidates, most, self.seed[0])
            known = References(self.fitted, self.slab, self.candidates, some.points, points[self.picked])
        else:
            for row in self.picked[self._allowed_for :]:
                known = known.knowing(points[row])
        self._references, self._allowed_for = known, len(self.picked)
        reductions = known.reductions(points[rows])
        self.compile_seconds += known.compile_seconds - compiled
        return reductions


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
    scores[unlabelled] = context.reductions(unlabelled)
    return scores


def ei(context: AcquisitionContext) -> Float[np.ndarray, " n"]:
    """Expected improvement on the best case so far (Jones, Schonlau and Welch, "Efficient global optimization of
    expensive black-box functions", 1998).

    Cases picked in this round are believed to come out at their mean, so that a batch does not ask twice in one place.
    """
    mean, std = context.improvable()
    known = [*np.flatnonzero(context.labelled), *context.picked]
    return improvement(mean, std, float(np.min(mean[known])) if known else float(np.max(mean)))


def improvement(mean: Float[np.ndarray, " n"], std: Float[np.ndarray, " n"], best: float) -> Float[np.ndarray, " n"]:
    """E max(best - f, 0) of normal f; where it is next to nothing, a small share of the standard deviation decides."""
    safe = np.where(std > 0, std, 1.0)
    z = (best - mean) / safe
    found = np.where(
        std > 0, std * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)), np.maximum(best - mean, 0.0)
    )
    return np.asarray(np.maximum(found, 0.0) + 1e-12 * std)


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
    "ei": ei,
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
