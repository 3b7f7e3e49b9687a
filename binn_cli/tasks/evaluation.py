"""Fitting, timed phase by phase: what every task does in a step before it scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.dataset import Announce, Dataset, StatesRanges
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks, Watched
from binn_cli.errors import BinnError
from binn_cli.models.surrogate import FitsRows, FittedSurrogate, Surrogate, Updates, learnable
from binn_cli.results.provenance import peak_rss_bytes


@dataclass
class PhaseTimings:
    """Seconds by phase of one step."""

    data: float = 0.0
    compile: float = 0.0
    fit: float = 0.0
    acquire: float = 0.0
    predict: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The phases by name."""
        return dict(vars(self))


@dataclass
class Timer:
    """Measures how long a `with` block takes."""

    seconds: float = field(default=0.0, init=False)
    _began: float = field(default=0.0, init=False)

    def __enter__(self) -> Timer:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began


def compiling(model: Surrogate) -> str:
    """What is to be said of a first fit beside its size: that it also compiles, if it does."""
    return "; the first fit also compiles" if getattr(model, "compiles", True) else ""


def domain_of(dataset: Dataset, data: ProductData) -> Float[np.ndarray, "D 2"]:
    """Smallest and largest value of every input that the surrogate will be asked about: the data's and the whole
    pool's."""
    return _with_stated(dataset, data.inputs, _reach(data.inputs, [*data.axes, dataset.candidates]))


def domain_of_drawn(dataset: Dataset, data: ProductData) -> Float[np.ndarray, "D 2"]:
    """The same where all that is known are these points, drawn out of more rows than fit into memory."""
    return _with_stated(dataset, data.inputs, _reach(data.inputs, data.axes))


def domain_of_rows(dataset: Dataset, rows: RowChunks) -> Float[np.ndarray, "D 2"] | None:
    """The same before any row is read: what the user states for all inputs, or None."""
    unknown = np.full((len(rows.inputs), 2), np.nan)
    domain = _with_stated(dataset, rows.inputs, unknown)
    return None if np.isnan(domain).any() else domain


def _reach(inputs: Sequence[str], axes: Sequence[Axis]) -> Float[np.ndarray, "D 2"]:
    """Smallest and largest value of every input on axes that may share some of them."""
    found: dict[str, tuple[float, float]] = {}
    for axis in axes:
        for name, low, high in zip(axis.coordinates, axis.points.min(axis=0), axis.points.max(axis=0), strict=True):
            before = found.get(name, (low, high))
            found[name] = (min(before[0], low), max(before[1], high))
    return np.array([found[name] for name in inputs])


def _with_stated(dataset: Dataset, inputs: Sequence[str], reach: Float[np.ndarray, "D 2"]) -> Float[np.ndarray, "D 2"]:
    if not isinstance(dataset, StatesRanges):
        return reach
    stated = dataset.stated_ranges(inputs)
    return np.where(np.isnan(stated), reach, stated)


def fitted_on(
    model: Surrogate,
    data: ProductData,
    timings: PhaseTimings,
    *,
    domain: Float[np.ndarray, "D 2"],
    warm_start: FittedSurrogate | None = None,
    capacity: int | None = None,
) -> FittedSurrogate:
    """Fit, and add what it cost to the timings; data with gaps as the model can learn them."""
    learned = learnable(model, data)
    if capacity is not None and learned is not data:
        capacity *= data.n_points // data.axes[-1].size  # rows instead of cases
    fitted = model.fit(learned, warm_start=warm_start, domain=domain, capacity=capacity)
    timings.compile += fitted.report.compile_seconds
    timings.fit += fitted.report.fit_seconds
    return fitted


def updated_with(model: Updates, fitted: FittedSurrogate, slab: ProductData, timings: PhaseTimings) -> FittedSurrogate:
    """Learn on from new cases, and add what it cost to the timings."""
    grown = model.update(fitted, slab)
    timings.compile += grown.report.compile_seconds
    timings.fit += grown.report.fit_seconds
    return grown


def fitted_on_rows(
    model: Surrogate,
    rows: RowChunks,
    timings: PhaseTimings,
    announce: Announce,
    domain: Float[np.ndarray, "D 2"] | None = None,
) -> FittedSurrogate:
    """Fit to rows that are read in chunks, saying how far a pass has come and the most memory used so far.

    Raises:
        BinnError: if the model needs all data at once.
    """
    if not isinstance(model, FitsRows):
        raise BinnError(f"model={model.name} needs all data in memory; set dataset.stream=false, or take model=binn")

    def reading(done: int) -> None:
        announce(
            f"reading {rows.n_points:,} rows, at most {peak_rss_bytes() / 2**20:,.0f} MB of memory used",
            done,
            rows.n_points,
        )

    fitted = model.fit_rows(Watched(rows, reading), domain=domain)
    timings.compile += fitted.report.compile_seconds
    timings.fit += fitted.report.fit_seconds
    return fitted
