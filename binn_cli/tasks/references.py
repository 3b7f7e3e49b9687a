"""What simulating cases would teach: of the cases that stand for all, and of how unsure other cases still are.

Both need the covariance of a few cases with many. Where the surrogate can give just that, the many are never compared
with one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.datasets.dataset import AsksSolver, Dataset
from binn_cli.datasets.product import Axis
from binn_cli.datasets.random_streams import stream
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import CaseProcess, FittedSurrogate, KnowsCases

CASES, COMPARED = 256, 128
"""Most cases that stand for all, and most of them that are compared with one another where there are more."""

AT_ONCE = 128
"""Cases that are compared with the few together."""

PURPOSE = "reference cases"
"""What they are drawn for."""

WITHOUT_COVARIANCE = (
    "this model cannot say what one case would teach about another; take mean_std, max_std, ei, random or maximin, and "
    "with the first three "
    "task.batch=1"
)

Points = Float[np.ndarray, "n D"]
Some = Float[np.ndarray, "_ D"]


def reference_cases(dataset: Dataset, seed: int) -> Axis:
    """Cases that stand for all that may be asked for: some of the candidates, or points spread over the ranges."""
    if isinstance(dataset, AsksSolver) and not dataset.is_finite:
        from binn_cli.datasets.simulator.design import design

        return dataset.space.axis(design("sobol", dataset.space, dataset.constraints, CASES, seed, PURPOSE))
    return some_of(dataset.candidates, CASES, seed)


def some_of(cases: Axis, most: int, seed: int) -> Axis:
    """All cases, or so many of them at random: an even stride would meet the same few columns of a lattice again and
    again."""
    if cases.size <= most:
        return cases
    return cases.taken(np.sort(stream(seed, PURPOSE).permutation(cases.size)[:most]))


class References:
    """Cases that stand for all, and others that are as good as known.

    Attributes:
        compile_seconds: time that this has spent compiling so far.
    """

    def __init__(
        self,
        fitted: FittedSurrogate,
        slab: Sequence[Axis],
        axis: Axis,
        cases: Some,
        picked: Some,
        others: Some | None = None,
    ) -> None:
        """
        Args:
            fitted: the surrogate.
            slab: the other axes of a case.
            axis: of cases, whichever they are.
            cases: those that stand for all; may be none where only `remaining` is asked for.
            picked: cases whose simulation is under way, or was decided on.
            others: cases that will be asked about, or become known, one after the other.

        Raises:
            ConfigError: if the surrogate knows nothing of whole cases.
        """
        if not isinstance(fitted, KnowsCases):
            raise ConfigError("task.acquisition", WITHOUT_COVARIANCE)
        self._fitted, self._slab, self._axis, self._cases, self._picked = fitted, slab, axis, cases, picked
        beside = picked if others is None else np.concatenate([picked, others])
        beside = beside[~_are_among(beside, cases)]
        self._few = np.concatenate([beside, cases])
        self._over = slice(len(beside), len(self._few))
        self._known = [self._index(point) for point in picked]
        self.compile_seconds = 0.0
        self._before = self._process(self._few)
        self._after = self._conditioned(self._before)

    def knowing(self, point: Float[np.ndarray, " D"]) -> References:
        """The same once one more case is known; its seconds of compiling are those of both."""
        picked = np.concatenate([self._picked, point[None]])
        if not _are_among(point[None], self._few)[0]:
            more = References(self._fitted, self._slab, self._axis, self._cases, picked)
            more.compile_seconds += self.compile_seconds
            return more
        more, index = copy(self), self._index(point)
        more._picked, more._known, more._after = picked, [*self._known, index], self._after.observed(index)
        return more

    def reductions(self, points: Points) -> Float[np.ndarray, " n"]:
        """What simulating each case would take off the variance of those that stand for all."""
        if np.all(_are_among(points, self._few)):
            return self._after.reductions(np.array([self._index(point) for point in points], dtype=int), self._over)
        if self._after.reach is not None:
            return _in_parts(lambda some: self._after.reductions_by(some, self._over), points)

        def together(some: Points) -> Float[np.ndarray, " n"]:
            process = self._conditioned(self._process(np.concatenate([self._few, some])))
            return process.reductions(np.arange(len(self._few), len(self._few) + len(some)), self._over)

        return _in_parts(together, points)

    def gains(self, points: Points) -> Float[np.ndarray, " n"]:
        """Share by which simulating each case is expected to lower the root mean variance of those that stand for
        all."""
        total = float(np.sum(self._after.variances()[self._over]))
        if total <= 0:
            return np.zeros(len(points))
        return 1.0 - np.sqrt(np.maximum(total - self.reductions(points), 0.0) / total)

    def remaining(self, points: Points) -> Float[np.ndarray, " n"]:
        """Share of each case's standard deviation that is left once the picked ones are known."""
        if not self._known:
            return np.ones(len(points))
        return _in_parts(self._remaining, points)

    def _remaining(self, points: Points) -> Float[np.ndarray, " n"]:
        if self._after.reach is not None:
            before, after = self._before.variances_of(points), self._after.variances_of(points)
        else:
            process = self._process(np.concatenate([self._few, points]))
            before, after = (own.variances()[len(self._few) :] for own in (process, self._conditioned(process)))
        return np.sqrt(np.maximum(after, 0.0) / np.where(before > 0, before, 1.0))

    def _process(self, points: Points) -> CaseProcess:
        process: CaseProcess = self._fitted.case_process(self._slab, replace(self._axis, points=points))  # type: ignore[attr-defined]
        self.compile_seconds += process.compile_seconds
        return process

    def _conditioned(self, process: CaseProcess) -> CaseProcess:
        for index in self._known:
            process = process.observed(index)
        return process

    def _index(self, point: Float[np.ndarray, " D"]) -> int:
        """Where a case stands among the few."""
        return int(np.argmax(np.all(self._few == point, axis=1)))


def _are_among(points: Points, others: Some) -> Bool[np.ndarray, " n"]:
    known = {row.tobytes() for row in np.asarray(others, dtype=float) + 0.0}
    return np.array([row.tobytes() in known for row in np.asarray(points, dtype=float) + 0.0], dtype=bool)


def _in_parts(act: Callable[[Points], Float[np.ndarray, " n"]], points: Points) -> Float[np.ndarray, " n"]:
    return np.concatenate([act(points[i : i + AT_ONCE]) for i in range(0, len(points), AT_ONCE)])
