"""What simulating cases would teach: of the cases that stand for all, and of how unsure other cases still are.

Both need the covariance of a few cases with many. Where the surrogate can give just that, the many are never compared
with one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import CaseProcess, FittedSurrogate, KnowsCases

AT_ONCE = 128
"""Cases that are compared with the few together."""

WITHOUT_COVARIANCE = (
    "this model cannot say what one case would teach about another; take mean_std, max_std, ei, random or maximin, and "
    "with the first three "
    "task.batch=1"
)

Points = Float[np.ndarray, "n D"]


class References:
    """Cases that stand for all, and others that are as good as known.

    Attributes:
        compile_seconds: time that this has spent compiling so far.
    """

    def __init__(
        self, fitted: FittedSurrogate, slab: Sequence[Axis], axis: Axis, cases: Points, picked: Points
    ) -> None:
        """
        Args:
            fitted: the surrogate.
            slab: the other axes of a case.
            axis: of cases, whichever they are.
            cases: those that stand for all; may be none where only `remaining` is asked for.
            picked: cases whose simulation is under way, or was decided on.

        Raises:
            ConfigError: if the surrogate knows nothing of whole cases.
        """
        if not isinstance(fitted, KnowsCases):
            raise ConfigError("task.acquisition", WITHOUT_COVARIANCE)
        self._fitted, self._slab, self._axis, self._picked = fitted, slab, axis, len(picked)
        self._few = np.concatenate([picked, cases])
        self.compile_seconds = 0.0
        self._before = self._process(self._few)
        self._after = self._known(self._before)

    def reductions(self, points: Points) -> Float[np.ndarray, " n"]:
        """What simulating each case would take off the variance of those that stand for all."""
        over = slice(self._picked, len(self._few))
        if self._after.reach is not None:
            return _in_parts(lambda some: self._after.reductions_by(some, over), points)

        def together(some: Points) -> Float[np.ndarray, " n"]:
            process = self._known(self._process(np.concatenate([self._few, some])))
            return process.reductions(np.arange(over.stop, over.stop + len(some)), over)

        return _in_parts(together, points)

    def remaining(self, points: Points) -> Float[np.ndarray, " n"]:
        """Share of each case's standard deviation that is left once the picked ones are known."""
        if self._picked == 0:
            return np.ones(len(points))
        return _in_parts(self._remaining, points)

    def _remaining(self, points: Points) -> Float[np.ndarray, " n"]:
        if self._after.reach is not None:
            before, after = self._before.variances_of(points), self._after.variances_of(points)
        else:
            process = self._process(np.concatenate([self._few, points]))
            before, after = (own.variances()[len(self._few) :] for own in (process, self._known(process)))
        return np.sqrt(np.maximum(after, 0.0) / np.where(before > 0, before, 1.0))

    def _process(self, points: Points) -> CaseProcess:
        process: CaseProcess = self._fitted.case_process(self._slab, replace(self._axis, points=points))  # type: ignore[attr-defined]
        self.compile_seconds += process.compile_seconds
        return process

    def _known(self, process: CaseProcess) -> CaseProcess:
        for i in range(self._picked):
            process = process.observed(i)
        return process


def _in_parts(act: Callable[[Points], Float[np.ndarray, " n"]], points: Points) -> Float[np.ndarray, " n"]:
    return np.concatenate([act(points[i : i + AT_ONCE]) for i in range(0, len(points), AT_ONCE)])
