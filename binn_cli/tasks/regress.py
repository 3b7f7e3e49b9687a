"""One fit on the training split, scored on every split."""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema import RegressConfig
from binn_cli.datasets.dataset import Dataset, OnSurface, StreamsRows
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.rows import RowChunks, picked, spread
from binn_cli.models.surrogate import FittedSurrogate, Surrogate
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Predictions, Step
from binn_cli.results.recorder import Recorder
from binn_cli.results.samples import training_sample
from binn_cli.results.surface import SurfacePrediction
from binn_cli.tasks.evaluation import PhaseTimings, Timer, domain_of, fitted_on, fitted_on_rows, scores_of


class Regress:
    """The `regress` task: a single step. Of training rows that are read in chunks, only a sample is scored and kept."""

    def __init__(self, config: RegressConfig, max_points: int) -> None:
        """`max_points` limits how many predictions, and how many training points, are kept."""
        self.config = config
        self.max_points = max_points

    def run(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> None:
        """Label, fit, score and record."""
        recorder.plan(1)
        if recorder.record.steps:
            return
        timings = PhaseTimings()
        with Timer() as timer:
            rows = dataset.rows() if isinstance(dataset, StreamsRows) else None
            train = dataset.training(recorder.announce) if rows is None else spread(rows, self.max_points)
            available = train.n_points if rows is None else rows.n_points
            domain = domain_of(dataset, train)
            if self.config.train_points is not None and self.config.train_points < available:
                train, rows = self._drawn(train, rows, available), None
            evaluation = dataset.evaluation(recorder.announce)
        timings.data = timer.seconds
        n_train = train.n_points if rows is None else rows.n_points
        recorder.announce(f"fitting {n_train:,} points; the first fit also compiles", 0, 1)
        if rows is None:
            fitted = fitted_on(model, train, timings, domain=domain)
        else:
            fitted = fitted_on_rows(model, rows, timings, recorder.announce)
        metrics, predictions = scores_of(fitted, {"train": train, **evaluation}, timings)
        step = Step(
            n_train=n_train,
            metrics=metrics,
            timings=timings.as_dict(),
            peak_rss_bytes=peak_rss_bytes(),
            diagnostics=fitted.report.diagnostics,
            warnings=_told(n_train, available),
        )
        kept = Predictions.of(evaluation["test"], predictions["test"], self.max_points)
        surface = _surface(dataset, fitted, recorder)
        recorder.step(step, predictions=kept, surface=surface, surrogate=fitted.state(), state=training_sample(train, self.max_points))

    def _drawn(self, train: ProductData, rows: RowChunks | None, available: int) -> ProductData:
        """A random part of the training points, as a table."""
        assert self.config.train_points is not None
        draw = stream(self.config.seed, "training points")
        wanted = np.sort(draw.choice(available, self.config.train_points, replace=False))
        if rows is not None:
            return picked(rows, wanted)
        points, values = train.table(wanted)
        units = tuple(unit for axis in train.axes for unit in axis.units)
        return ProductData((Axis("point", points, train.inputs, units),), values, train.outputs, train.output_units)


def _told(used: int, available: int) -> tuple[str, ...]:
    return () if used == available else (f"only {used:,} of the {available:,} training points were used (task.train_points)",)


def _surface(dataset: Dataset, fitted: FittedSurrogate, recorder: Recorder) -> SurfacePrediction | None:
    """A test case on its whole surface, where the data set has one."""
    if not isinstance(dataset, OnSurface):
        return None
    case = dataset.surface(recorder.announce)
    return SurfacePrediction.of(case, fitted.predict(case.data.axes))
