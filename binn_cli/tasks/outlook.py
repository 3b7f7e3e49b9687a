"""What a surrogate expects of itself: its error over all cases that may be asked for, and what one more simulation
would take off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.dataset import AsksSolver, Dataset
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.surrogate import FittedSurrogate, KnowsCases
from binn_cli.results.record import EXPECTED_GAIN, PREDICTED_RMSE, SURPRISE, Step
from binn_cli.tasks.acquisition import acquisition_points
from binn_cli.tasks.evaluation import PhaseTimings, Timer
from binn_cli.tasks.references import COMPARED, References, reference_cases, some_of
from binn_cli.tasks.scoring import Scores, scores_of

POINTS = 512
"""Most points of a case over which the variance is integrated."""
REMEMBERED = 8
"""Cases, the latest ones, whose prediction before they were known says how far the surrogate's own error can be
trusted."""

COMPARED_FIRST, UNTRUSTED = 4, 3.0
"""Until so many cases have been compared with their predictions, those that lack count as if they had been so many
standard deviations away before a rule may end a run: the first surrogates may be far too sure of themselves."""


@dataclass(frozen=True)
class Outlook:
    """What to expect.

    Attributes:
        rmse: (L,) root mean epistemic variance over the cases and their points, in units of the outputs.
        gain: share by which the best single simulation is expected to lower it; NaN where the model cannot tell.
        surprises: of every new case, how far it was from its prediction.
        caution: by how much the error must be below a tolerance, since few predictions have been put to the test.
        compile_seconds: time that finding this out spent compiling.
    """

    rmse: Float[np.ndarray, " L"]
    gain: float
    compile_seconds: float = 0.0
    surprises: tuple[float, ...] = ()
    caution: float = 1.0


def outlook(fitted: FittedSurrogate, slab: Sequence[Axis], cases: Axis, seed: int) -> Outlook:
    """What a surrogate expects of itself over some cases, of whose posterior covariance the gain follows in closed
    form.

    Args:
        fitted: the surrogate.
        slab: the other axes of a case.
        cases: cases that stand for all.
        seed: says which of them are compared with one another, where they are many.
    """
    prediction = fitted.predict([*acquisition_points(slab, POINTS), cases])
    variance = np.asarray(prediction.epistemic_var)
    rmse = np.sqrt(np.maximum(variance.reshape(-1, variance.shape[-1]), 0.0).mean(axis=0)) * prediction.unit
    compiling = prediction.compile_seconds
    gain = float("nan")
    if isinstance(fitted, KnowsCases):
        some = some_of(cases, COMPARED, seed).points
        references = References(fitted, slab, cases, some, some[:0])
        gain = float(np.max(references.gains(some)))
        compiling += references.compile_seconds
    return Outlook(rmse, gain, compiling)


class Outlooks:
    """The outlook of every round of a run, corrected by how far the new cases were from their predictions."""

    def __init__(self, config: ActiveLearnConfig, dataset: Dataset, steps: Sequence[Step] = ()) -> None:
        """`steps` are those that an interrupted run has already.

        An outlook costs predictions and so is only made where somebody looks at it: a rule to stop, or a user whose
        solver it saves.
        """
        self._dataset, self._config = dataset, config
        self._wanted = config.stop.looks_ahead or isinstance(dataset, AsksSolver)
        self._surprises = [float(value) for step in steps for value in np.ravel(step.diagnostics.get(SURPRISE, ()))]
        self._cases: Axis | None = None
        self._newest: tuple[float, ...] = ()

    def of(
        self,
        fitted: FittedSurrogate,
        before: FittedSurrogate | None,
        slab: ProductData | None,
        axes: Sequence[Axis],
        timings: PhaseTimings,
    ) -> Outlook | None:
        """The outlook after a fit, None where nobody wants to know.

        Args:
            fitted: the surrogate.
            before: the one that chose the new cases.
            slab: the new cases, None where there are none.
            axes: the other axes of a case.
            timings: what it costs is added here.
        """
        if not self._wanted:
            return None
        with Timer() as timer:
            if self._cases is None:
                self._cases = reference_cases(self._dataset, self._config.seed)
            self._newest = surprises(before, slab) if before is not None and slab is not None else ()
            self._surprises += self._newest
            found = outlook(fitted, axes, self._cases, self._config.seed)
            latest = self._surprises[-REMEMBERED:]
            factor = max(1.0, float(np.sqrt(np.mean(np.square(latest))))) if latest else 1.0
        timings.compile += found.compile_seconds
        timings.acquire += timer.seconds - found.compile_seconds
        lacking = max(0, COMPARED_FIRST - len(latest))
        squares = [factor**2] * (COMPARED_FIRST - lacking) + [max(UNTRUSTED, factor) ** 2] * lacking
        caution = float(np.sqrt(np.mean(squares))) / factor
        return replace(found, rmse=factor * found.rmse, surprises=self._newest, caution=caution)


def surprises(before: FittedSurrogate, slab: ProductData) -> tuple[float, ...]:
    """How far each new case was from its prediction: root mean square error over its points, in standard deviations of
    an observation."""
    points = [axis.taken(np.arange(0, axis.size, max(1, axis.size // 16))) for axis in slab.axes[:-1]]
    values = slab.values
    for a, axis in enumerate(slab.axes[:-1]):
        values = np.take(values, np.arange(0, axis.size, max(1, axis.size // 16)), axis=a)
    prediction = before.predict([*points, slab.axes[-1]])
    variance = np.asarray(prediction.epistemic_var) + np.asarray(prediction.noise_var)
    squares = (
        np.moveaxis(((values - prediction.mean) / prediction.unit) ** 2, -2, 0)
        .reshape(slab.axes[-1].size, -1)
        .mean(axis=1)
    )
    expected = np.moveaxis(variance, -2, 0).reshape(slab.axes[-1].size, -1).mean(axis=1)
    return tuple(np.sqrt(squares / np.maximum(expected, np.finfo(float).tiny)).tolist())


def diagnostics_of(expected: Outlook | None) -> dict[str, np.ndarray]:
    """What is kept of an outlook."""
    if expected is None:
        return {}
    found = {PREDICTED_RMSE: expected.rmse, EXPECTED_GAIN: np.array([expected.gain])}
    return {**found, SURPRISE: np.array(expected.surprises)} if expected.surprises else found


def spread_of(data: ProductData) -> Float[np.ndarray, " L"]:
    """Standard deviation of every output."""
    return np.asarray(np.nanstd(data.values.reshape(-1, len(data.outputs)), axis=0))


def scores_ahead(
    before: FittedSurrogate | None, slab: ProductData | None, timings: PhaseTimings, keep: int
) -> Scores | None:
    """Scores of the new cases as they were predicted before they were known; None where there are none."""
    return None if before is None or slab is None else scores_of(before, {"test": slab}, timings, keep=keep)
