"""The model of one run in memory: what a results file holds, and nothing that a view or a task would have to look up
elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.calls import Calls
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.rows import RowChunks
from binn_cli.models.surrogate import Prediction, Tree
from binn_cli.results.answers import Answer
from binn_cli.results.samples import strided
from binn_cli.results.surface import SurfacePrediction

STATUSES = ("running", "complete", "failed")
PHASES = ("data", "compile", "fit", "acquire", "predict")
"""The phases that are timed, in the order in which they happen."""

PREDICTED_RMSE, EXPECTED_GAIN, SURPRISE = "predicted_rmse", "expected_gain", "surprise"
"""Diagnostics of active learning: the error (L,) that a surrogate expects of itself, by which share one more simulation
would lower it, and how far each new case was from its prediction, in predicted standard deviations."""

_SPLITS = ("train", "test", "ahead", "offgrid")


@dataclass(frozen=True)
class Header:
    """What a run is, known before it starts.

    Attributes:
        task: the option of the `task` group.
        dataset: the option of the `dataset` group.
        model: the option of the `model` group.
        config_id: hash of the resolved scientific configuration.
        seed: the seed of the run.
        config: the resolved configuration as YAML.
        note: what every view says of the data beside their name, such as "synthetic"; mostly empty.
    """

    task: str
    dataset: str
    model: str
    config_id: str
    seed: int
    config: str
    note: str = ""

    @property
    def data(self) -> str:
        """The data set as every view shall call it, with its note."""
        return f"{self.dataset} ({self.note})" if self.note else self.dataset


Coordinates = float | tuple[float, ...]
"""One coordinate of the case that a step acquired, or of the several cases."""


def one_or_all(cases: Float[np.ndarray, " batch"]) -> Coordinates:
    """A coordinate of one case as a number, of several as a tuple; NaN stands for no case."""
    known = tuple(float(case) for case in cases if not np.isnan(case))
    return known[0] if len(known) == 1 else known


@dataclass(frozen=True)
class Step:
    """One fit and its scores: the only one of `regress`, one size of `scaling`, one round of `active_learn`.

    Attributes:
        n_train: number of training points.
        coordinates: where in the task the step stands, such as `{"round": 3}` or `{"size": 1000, "repeat": 0}`.
        metrics: values (L,) by split and name.
        timings: seconds by phase (see `PHASES`).
        peak_rss_bytes: the largest resident memory of the process so far.
        acquired: coordinates of the case acquired in this step by name, or of all of them; None where none was.
        diagnostics: arrays of any shape by name, such as the residual of every sweep.
        scored: how many points of a split its metrics are from, where that is a sample of the split.
        warnings: sentences about what makes the step doubtful, without line breaks; the recorder adds those of
            `cautions`.
        notes: sentences on what the model chose, such as which decomposition.
        cases: how many cases, or rows of a table, a split's metrics rest on; known while the run goes on.
        predicted: points that were predicted in the seconds of that phase; 0 where nobody counted.
    """

    n_train: int
    coordinates: Mapping[str, float | int] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Float[np.ndarray, " L"]]] = field(default_factory=dict)
    timings: Mapping[str, float | int] = field(default_factory=dict)
    peak_rss_bytes: int = 0
    acquired: Mapping[str, Coordinates] | None = None
    diagnostics: Mapping[str, np.ndarray] = field(default_factory=dict)
    scored: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cases: Mapping[str, int] = field(default_factory=dict)
    predicted: int = 0


@dataclass(frozen=True)
class Predictions:
    """What the last fit predicts on the test split, at a sample of its points.

    Attributes:
        inputs: (n, D) points, in `input_units`.
        truth: (n, L) values, in `output_units`.
        mean: (n, L) predictive mean.
        std_epistemic: (n, L) standard deviation due to what the model does not know.
        std_total: (n, L) standard deviation of a new observation.
        input_names, output_names: the D and L names.
        stride: one in so many of the split's points is kept.
        n_points_total: how many points the split has.
    """

    inputs: Float[np.ndarray, "n D"]
    truth: Float[np.ndarray, "n L"]
    mean: Float[np.ndarray, "n L"]
    std_epistemic: Float[np.ndarray, "n L"]
    std_total: Float[np.ndarray, "n L"]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    stride: int
    n_points_total: int
    input_units: tuple[str, ...] = ()
    output_units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_units", tuple(self.input_units) or ("",) * len(self.input_names))
        object.__setattr__(self, "output_units", tuple(self.output_units) or ("",) * len(self.output_names))

    @classmethod
    def of(cls, data: ProductData, prediction: Prediction, max_points: int) -> Predictions:
        """A sample of at most `max_points` points of a split and its prediction, evenly strided over the flat
        points."""
        rows = strided(data, max_points)
        mean, epistemic, noise = (
            np.asarray(a).reshape(-1, len(data.outputs))[rows]
            for a in (prediction.mean, prediction.epistemic_var, prediction.noise_var)
        )
        return cls.at(data.table(rows), data, Prediction(mean, epistemic, noise, unit=prediction.unit), rows)

    @classmethod
    def at(
        cls,
        points: tuple[Float[np.ndarray, "n D"], Float[np.ndarray, "n L"]],
        split: ProductData | RowChunks,
        prediction: Prediction,
        rows: Int[np.ndarray, " n"],
    ) -> Predictions:
        """Evenly strided points of a split.

        Args:
            points: inputs and values at the points.
            split: where they come from.
            prediction: (n, L) at the points.
            rows: which points of the split they are.
        """
        mean, epistemic, total = (
            np.asarray(a, dtype=np.float64) for a in (prediction.mean, prediction.epistemic_std, prediction.total_std)
        )
        return cls(
            inputs=points[0],
            truth=points[1],
            mean=mean,
            std_epistemic=epistemic,
            std_total=total,
            input_names=split.inputs,
            output_names=split.outputs,
            stride=int(rows[1] - rows[0]) if len(rows) > 1 else split.n_points,
            n_points_total=split.n_observed if isinstance(split, ProductData) else split.n_points,
            input_units=tuple(unit for axis in split.axes for unit in axis.units)
            if isinstance(split, ProductData)
            else (),
            output_units=split.output_units if isinstance(split, ProductData) else (),
        )


@dataclass(frozen=True)
class RunRecord:
    """A run so far, as its results file holds it.

    Attributes:
        header: what the run is.
        status: one of `STATUSES`.
        reason: why a failed run failed.
        provenance: where, when and with what it ran.
        steps: the steps in order.
        outputs: the L names of the outputs.
        predictions: of the last step that had some.
        surrogate: the last fitted surrogate.
        state: what a task needs to resume; for active learning also which cases it saw: `initial` (n0, D), `acquired`
            (r, D), `held_out` (m, D) and `case_coordinates` (their names); for regress a sample of the training points
            (see `training_sample`); for scaling why a size failed, `reason_SIZE`.
        surface: what the last fit predicts on a whole surface, where the data have one.
        calls: what became of every case that a solver was asked for; None where nobody asks one.
        conclusion: why a run ended before all that was planned, and what that saved; empty where it did not.
        answers: what was asked beside predictions, by the name of its group; see `binn_cli.results.answers`.
    """

    header: Header
    status: str = "running"
    reason: str | None = None
    provenance: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    outputs: tuple[str, ...] = ()
    predictions: Predictions | None = None
    surrogate: Tree | None = None
    state: Tree | None = None
    surface: SurfacePrediction | None = None
    calls: Calls | None = None
    conclusion: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that any step was scored on: train, test, offgrid, then others."""
        seen = _seen(step.metrics for step in self.steps)
        return tuple(sorted(seen, key=lambda name: _SPLITS.index(name) if name in _SPLITS else len(_SPLITS)))

    @property
    def judging_split(self) -> str:
        """The split that says best how well the model does where it has not learned: `test`, `ahead`, or else the
        first."""
        return judging(self.splits)

    @property
    def case_coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates of acquired cases; empty where the task acquires none."""
        return _seen(step.acquired or {} for step in self.steps)

    @property
    def without_arrays(self) -> RunRecord:
        """The record without predictions, surrogate, state and surface, which may be large."""
        return replace(self, predictions=None, surrogate=None, state=None, surface=None)

    def series(self, split: str, metric: str) -> Float[np.ndarray, "steps L"]:
        """One metric over the steps; NaN where a step lacks it."""
        empty = np.full(max(1, len(self.outputs)), np.nan)
        rows = [np.asarray(step.metrics.get(split, {}).get(metric, empty), dtype=np.float64) for step in self.steps]
        return np.array(rows).reshape(len(rows), empty.size)


def judging(splits: Iterable[str]) -> str:
    """The split out of some that says best how well a model does."""
    known = tuple(splits)
    return next((name for name in ("test", "ahead") if name in known), next(iter(known), "test"))


def _seen(mappings: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for mapping in mappings for name in mapping))
