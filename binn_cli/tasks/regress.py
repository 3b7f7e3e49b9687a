"""One fit on the training split, scored on every split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import RegressConfig
from binn_cli.datasets.dataset import Dataset, OnSurface, StreamsRows, reading_of
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.row_selection import picked, spread
from binn_cli.datasets.rows import RowChunks, TableRows
from binn_cli.errors import DataError
from binn_cli.models.scope import Measured, Scope, kept
from binn_cli.models.surrogate import FittedSurrogate, Surrogate
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder
from binn_cli.results.samples import training_sample
from binn_cli.results.surface import SurfacePrediction
from binn_cli.tasks.evaluation import (
    PhaseTimings,
    Timer,
    compiling,
    domain_of,
    domain_of_drawn,
    domain_of_rows,
    fitted_on,
    fitted_on_rows,
)
from binn_cli.tasks.scoring import Split, scores_of


@dataclass(frozen=True)
class _Given:
    """What the surrogate learns from.

    Attributes:
        train: the training points or, where they are read in chunks, a sample of them.
        rows: the training rows that are read in chunks, or None.
        available: how many training points there are.
        domain: range of every input, or None where the rows are to be looked at for it.
        evaluation: the splits that are never trained on.
    """

    train: ProductData
    rows: RowChunks | None
    available: int
    domain: Float[np.ndarray, "D 2"] | None
    evaluation: Mapping[str, Split]


class Regress:
    """The `regress` task: a single step. Of training rows that are read in chunks, only a sample is scored and kept."""

    def __init__(self, config: RegressConfig, max_points: int) -> None:
        """`max_points` limits how many predictions, and how many training points, are kept."""
        self.config = config
        self.max_points = max_points

    def run(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> None:
        """Label, fit, score and record.

        Raises:
            DataError: if there is a single point, which would be taken for a constant that is known exactly.
        """
        recorder.plan(1)
        if recorder.record.steps:
            return
        timings = PhaseTimings()
        with Timer() as timer:
            recorder.describe(reading_of(dataset, recorder.announce))
            given = self._given(dataset, recorder)
        timings.data = timer.seconds
        train, rows = given.train, given.rows
        n_train = train.n_observed if rows is None else rows.n_points
        if n_train < 2:  # active learning goes on from such a start, and asks for more
            varies = f"says nothing of how {', '.join(train.outputs)} varies"
            raise DataError(f"there is 1 point to learn from, which {varies}; two are the least")
        recorder.announce(f"fitting {n_train:,} points{compiling(model)}", 0, 1)
        if rows is None:
            assert given.domain is not None
            fitted = fitted_on(model, train, timings, domain=given.domain)
            scope = Scope.of(train)
        else:
            measured = Measured(rows)
            fitted = fitted_on_rows(model, measured, timings, recorder.announce, given.domain)
            scope = measured.scope(train)
        splits: dict[str, Split] = {"train": train if rows is None else TableRows(train), **given.evaluation}
        scores = scores_of(fitted, splits, timings, keep=self.max_points, announce=recorder.announce)
        step = Step(
            n_train=n_train,
            metrics=scores.metrics,
            scored=scores.scored | ({} if rows is None else {"train": train.n_points}),
            timings=timings.as_dict(),
            peak_rss_bytes=peak_rss_bytes(),
            diagnostics=fitted.report.diagnostics,
            notes=fitted.report.notes,
            cases=scores.cases,
            predicted=scores.predicted,
            warnings=(
                *_told(n_train, given.available),
                *(dataset.remarks() if isinstance(dataset, StreamsRows) else ()),
            ),
        )
        surface = _surface(dataset, fitted, recorder)
        recorder.step(
            step,
            predictions=scores.predictions,
            surface=surface,
            surrogate=kept(fitted, scope),
            state=training_sample(train, self.max_points),
        )

    def _given(self, dataset: Dataset, recorder: Recorder) -> _Given:
        """What the surrogate learns from; nothing of a streamed data set is read but the points that are kept."""
        rows = dataset.rows() if isinstance(dataset, StreamsRows) else None
        count = self.config.train_points
        if rows is None:
            train = dataset.training(recorder.announce)
            drawn = train if count is None or count >= train.n_observed else self._drawn(train, count)
            return _Given(
                drawn, None, train.n_observed, domain_of(dataset, train), dataset.evaluation(recorder.announce)
            )
        assert isinstance(dataset, StreamsRows)
        evaluation = dataset.evaluation_rows()
        if count is not None and count < rows.n_points:
            drawn = self._drawn(rows, count)
            return _Given(drawn, None, rows.n_points, domain_of_drawn(dataset, drawn), evaluation)
        return _Given(spread(rows, self.max_points), rows, rows.n_points, domain_of_rows(dataset, rows), evaluation)

    def _drawn(self, available: ProductData | RowChunks, count: int) -> ProductData:
        """A random part of the training points, as a table."""
        many = available.n_observed if isinstance(available, ProductData) else available.n_points
        wanted = np.sort(stream(self.config.seed, "training points").choice(many, count, replace=False))
        if not isinstance(available, ProductData):
            return picked(available, wanted)
        points, values = available.table(available.observed_rows[wanted])
        units = tuple(unit for axis in available.axes for unit in axis.units)
        return ProductData(
            (Axis("point", points, available.inputs, units),), values, available.outputs, available.output_units
        )


def _told(used: int, available: int) -> tuple[str, ...]:
    return (
        ()
        if used == available
        else (f"only {used:,} of the {available:,} training points were used (task.train_points)",)
    )


def _surface(dataset: Dataset, fitted: FittedSurrogate, recorder: Recorder) -> SurfacePrediction | None:
    """A test case on its whole surface, where the data set has one."""
    if not isinstance(dataset, OnSurface):
        return None
    case = dataset.surface(recorder.announce)
    return SurfacePrediction.of(case, fitted.predict(case.data.axes))
