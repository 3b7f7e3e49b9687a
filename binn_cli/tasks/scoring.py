"""Scores of every split, part after part, so that memory does not grow with the splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.row_selection import ROWS_AT_ONCE
from binn_cli.datasets.rows import RowChunks, spans
from binn_cli.metrics import Tally
from binn_cli.models.cores import meanwhile
from binn_cli.models.surrogate import FittedSurrogate, Prediction
from binn_cli.results.record import Predictions
from binn_cli.results.samples import counts_within, drawn, strided
from binn_cli.tasks.evaluation import PhaseTimings, Timer

SCORED_POINTS, SCORED_PRODUCT = 20_000, 100_000
"""Most training points that are scored, of a table and of a product of axes, whose points cost a surrogate of products
a fiftieth as much (0.6 and 30 microseconds with error bars): these scores say whether the fit went well, for which two
digits are enough, and the whole split would cost more than all others. One point is drawn at random out of each of
equal parts of the table, or of every axis."""

POINTS_AT_ONCE = 2**19
"""Points that are predicted at a time, or one whole case, if that has more."""

STREAMED_AT_ONCE = 2**12
"""The same for rows that are read in chunks: who streams is short of memory, and a surrogate may need a hundred numbers
a point or more."""

KEPT = "test"
"""The split whose predictions are kept unless another is asked for."""

Split = ProductData | RowChunks


@dataclass(frozen=True)
class Scores:
    """What a fitted surrogate is worth.

    Attributes:
        metrics: (L,) values by split and name.
        scored: number of points by split, where its metrics are from a sample.
        predictions: at a sample of the split `test`, or of another that was asked for; None where none was asked for.
        cases: how many cases, or rows of a table, every split's metrics rest on.
        predicted: points of all splits together, which took the seconds of prediction.
    """

    metrics: dict[str, dict[str, np.ndarray]]
    scored: dict[str, int]
    predictions: Predictions | None
    cases: dict[str, int]
    predicted: int = 0


def scores_of(
    fitted: FittedSurrogate,
    splits: Mapping[str, Split],
    timings: PhaseTimings,
    *,
    capacity: int | None = None,
    keep: int = 0,
    kept_split: str = KEPT,
    announce: Announce = silent,
) -> Scores:
    """Metrics of every split, the training split's from a sample where it has more than `SCORED_POINTS`.

    Prediction is timed, reading counts as data, scoring is not timed, and compilation goes to its own phase.

    Args:
        fitted: the surrogate.
        splits: data by name.
        timings: what it costs is added here.
        capacity: cases that the training split will have; it is predicted as if it had them already, so that it
            compiles once.
        keep: predictions of one split that are kept at most.
        kept_split: that split.
        announce: told which split is predicted and how far it is.
    """
    scored, cases, kept, predicted = {}, {}, None, 0
    tallies = _Tallies()
    for name, split in splits.items():
        width = None
        if name == "train" and isinstance(split, ProductData):
            before, (split, width) = split.n_observed, _training(split, capacity)
            if split.n_observed < before:
                scored[name] = split.n_observed
        cases[name] = split.axes[-1].size if isinstance(split, ProductData) else split.n_points
        wanted = strided(split, keep) if keep and name == kept_split else np.zeros(0, dtype=int)
        sample = _Sample(wanted, split)
        done, told = 0, 0
        for first, part in _parts(split, timings):
            if done >= told + POINTS_AT_ONCE:
                announce(f"predicting the split {name}", done, split.n_points)
                told = done
            prediction = _predicted(fitted, part, width or _cases_at_once(split), timings)
            tallies.add(name, part, prediction)
            sample.add(first, part, prediction)
            done += part.n_points
        predicted += done
        kept = sample.predictions() if len(wanted) else kept
    return Scores(tallies.metrics(), scored, kept, cases, predicted)


def _training(split: ProductData, capacity: int | None) -> tuple[ProductData, int]:
    """The points of a training split that are scored, and how many of the last axis there will be in the end."""
    *others, cases = split.axes
    final = max(cases.size, capacity or 0)
    if not others:
        most = min(final, SCORED_POINTS)
        count = min(cases.size, most)
        return split if count == cases.size else _part(split, [drawn(cases.size, count)]), most
    most = min(final, SCORED_PRODUCT)
    counts = counts_within([axis.size for axis in others], SCORED_PRODUCT // most)
    counts.append(min(cases.size, most))
    rows = [drawn(axis.size, count, axis.name) for axis, count in zip(split.axes, counts, strict=True)]
    if _points(counts) == split.n_points:
        return split, most
    if split.observed is not None and not split.observed[np.ix_(*rows)].any():
        return _training(split.scattered(), None)
    return _part(split, rows), most


def _part(split: ProductData, rows: Sequence[np.ndarray]) -> ProductData:
    """The product of some rows of every axis."""
    axes = tuple(axis.taken(own) for axis, own in zip(split.axes, rows, strict=True))
    here = np.ix_(*rows)
    seen = None if split.observed is None else split.observed[here]
    return ProductData(axes, split.values[here], split.outputs, split.output_units, seen)


def _points(counts: Sequence[int]) -> int:
    return int(np.prod(counts))


def _slab(split: ProductData) -> int:
    """Points of a case."""
    return int(np.prod([axis.size for axis in split.axes[:-1]]))


def _cases_at_once(split: Split) -> int:
    """Points of the last axis in a part; as few parts as can be, and as even."""
    if not isinstance(split, ProductData):
        return min(STREAMED_AT_ONCE, split.n_points)
    most, cases = max(1, POINTS_AT_ONCE // _slab(split)), split.axes[-1].size
    return -(-cases // -(-cases // most))


def _parts(split: Split, timings: PhaseTimings) -> Iterator[tuple[int, ProductData]]:
    """Parts of a split along its last axis, each with where it begins there."""
    size = _cases_at_once(split)
    if isinstance(split, ProductData):
        *others, cases = split.axes
        for first in range(0, cases.size, size):
            rows = np.arange(first, min(first + size, cases.size))
            if len(rows) == cases.size:
                yield 0, split
                return
            seen = None if split.observed is None else split.observed[..., rows]
            if seen is None or seen.any():
                axes = (*others, cases.taken(rows))
                yield first, ProductData(axes, split.values[..., rows, :], split.outputs, split.output_units, seen)
        return
    first, chunks = 0, split.chunks(ROWS_AT_ONCE)
    while True:
        with Timer() as timer:
            chunk = next(chunks, None)
        timings.data += timer.seconds
        if chunk is None:
            return
        for begin, end in spans(size, 0, len(chunk[0])):
            x, y = (table[begin:end] for table in chunk)
            yield first + begin, ProductData((Axis("point", x, split.inputs),), y, split.outputs)
        first += len(chunk[0])


def _predicted(fitted: FittedSurrogate, part: ProductData, width: int, timings: PhaseTimings) -> Prediction:
    """The prediction of a part, with its last case repeated up to `width` while it is computed."""
    *others, cases = part.axes
    with Timer() as timer:
        found = fitted.predict([*others, cases.taken(np.minimum(np.arange(max(width, cases.size)), cases.size - 1))])
    timings.compile += found.compile_seconds
    timings.predict += timer.seconds - found.compile_seconds
    own = (slice(None),) * len(others) + (slice(0, cases.size),)
    return Prediction(found.mean[own], found.epistemic_var[own], found.noise_var[own], unit=found.unit)


def _tally(part: ProductData, prediction: Prediction) -> Tally:
    """The sums over the combinations that have values."""
    seen = part.observed
    if seen is None:
        return Tally.of(part.values, prediction)
    there = Prediction(
        prediction.mean[seen], prediction.epistemic_var[seen], prediction.noise_var[seen], unit=prediction.unit
    )
    return Tally.of(part.values[seen], there)


class _Tallies:
    """The sums of every split: those of a part are made on the second core while the next part is predicted."""

    def __init__(self) -> None:
        self._found: dict[str, Tally] = {}
        self._waiting: tuple[str, Callable[[], Tally]] | None = None

    def add(self, name: str, part: ProductData, prediction: Prediction) -> None:
        """Take a part of a split, once the one before it is done with: memory holds two."""
        self._take()
        self._waiting = name, meanwhile(partial(_tally, part, prediction))

    def metrics(self) -> dict[str, dict[str, np.ndarray]]:
        """(L,) values by split and name, of all parts so far."""
        self._take()
        return {name: tally.metrics() for name, tally in self._found.items()}

    def _take(self) -> None:
        if self._waiting is not None:
            name, own = self._waiting[0], self._waiting[1]()
            self._found[name] = self._found[name] + own if name in self._found else own
            self._waiting = None


class _Sample:
    """Wanted points of a split, collected from its parts."""

    def __init__(self, wanted: np.ndarray, split: Split) -> None:
        self._wanted, self._split = wanted, split
        self._cases = split.axes[-1].size if isinstance(split, ProductData) else split.n_points
        shape = (len(wanted), len(split.outputs))
        self._inputs = np.empty((len(wanted), len(split.inputs)))
        self._columns = [np.empty(shape) for _ in range(4)]
        self._unit: np.ndarray | float = 1.0

    def add(self, first: int, part: ProductData, prediction: Prediction) -> None:
        """Take what is wanted out of a part that begins at a row of the last axis."""
        size = part.axes[-1].size
        outer, case = np.divmod(self._wanted, self._cases)
        here = np.flatnonzero((case >= first) & (case < first + size))
        rows = outer[here] * size + case[here] - first
        self._inputs[here], truth = part.table(rows)
        found, self._unit = (prediction.mean, prediction.epistemic_var, prediction.noise_var), prediction.unit
        for column, values in zip(
            self._columns, (truth, *(a.reshape(part.n_points, -1)[rows] for a in found)), strict=True
        ):
            column[here] = values

    def predictions(self) -> Predictions:
        """All that was wanted."""
        truth, mean, epistemic, noise = self._columns
        found = Prediction(mean, epistemic, noise, unit=self._unit)
        return Predictions.at((self._inputs, truth), self._split, found, self._wanted)
