"""The exact Gaussian process on a grid, whose covariance is the Kronecker product of one small matrix an axis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpGridConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError, TooLarge
from binn_cli.models.compilation import one_blas_thread
from binn_cli.models.gp.grid_evidence import Grid, negative_log_evidence
from binn_cli.models.gp.grid_prediction import GridPosterior
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds, starts
from binn_cli.models.gp.learning import first_guess, hyperparameter_diagnostics
from binn_cli.models.gp.memory import available_bytes
from binn_cli.models.gp.search import minimised
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

MOST_ON_AXIS = 3000
"""Points of the largest axis: every evaluation of the evidence decomposes a matrix of this size, which takes seconds."""

TENSORS = 8
"""Arrays of all N values that a fit holds at its peak."""


@dataclass(frozen=True)
class FittedGpGrid:
    """A Gaussian process on a grid after its data.

    Attributes:
        found: hyperparameters of every group of outputs.
        kind: name of the kernel.
        grid: the training points in scaled units.
        values: (n_1, …, n_A, L) the scaled outputs.
        parts: the posterior of every group.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    found: Hyperparameters
    kind: str
    grid: Grid
    values: Float[np.ndarray, "*n L"]
    parts: tuple[GridPosterior, ...]
    units: Units
    report: FitReport

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""
        new = self.units.axes(axes)
        shape = (*(len(points) for points in new), len(self.found.group))
        mean, variance = np.empty(shape), np.empty(shape)
        for group, part in enumerate(self.parts):
            members = self.found.members(group)
            mean[..., members], own = part.predict(new)
            variance[..., members] = own[..., None]
        return self.units.prediction(mean, variance, self.found.output_noise, 0.0)

    def state(self) -> Tree:
        """Grid, values, hyperparameters and units; the spectra are worked out again from them."""
        return {
            "kind": "gp_grid",
            "kernel": self.kind,
            "theta": self.found.theta,
            "group": self.found.group,
            "axes": {f"axis_{a}": points for a, points in enumerate(self.grid.axes)},
            "values": self.values,
            **self.units.tree(),
        }


def _assembled(kind: str, grid: Grid, values: np.ndarray, found: Hyperparameters, units: Units, report: FitReport) -> FittedGpGrid:
    groups = range(len(found.theta))
    parts = tuple(GridPosterior.of(kind, grid, found.theta[g], values[..., found.members(g)]) for g in groups)
    return FittedGpGrid(found, kind, grid, values, parts, units, report)


@dataclass(frozen=True)
class GpGrid:
    """The exact Gaussian process on grids with the given settings."""

    config: GpGridConfig
    name: str = "gp_grid"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGpGrid:
        """Choose hyperparameters if need be, and decompose every axis; see `Surrogate.fit`. Nothing is compiled.

        A warm start gives the hyperparameters from which their search starts.

        Raises:
            DataError: if an axis has too many points to be one of a grid.
            TooLarge: if the values would not fit into memory.
        """
        began = time.perf_counter()
        _require_grid(data)
        warm = warm_start if isinstance(warm_start, FittedGpGrid) else None
        units = warm.units if warm else Units.of(data, domain, self.config.output_scaling)
        first, former = first_guess(self.config, data, units, warm.found if warm else None)
        grid = Grid.of(units.axes(data.axes))
        values = (data.values - units.outputs.shift) / units.outputs.scale
        found, trace = self._learned(*thinned(grid, values, self.config.evidence_points), first, former)
        kernel, members = self.config.kernel, [found.members(g) for g in range(len(found.theta))]
        evidence = [negative_log_evidence(row, grid, values[..., own], kernel)[0] for row, own in zip(found.theta, members, strict=True)]
        shift = [data.n_points * np.log(units.outputs.scale[own]).sum() for own in members]
        trace = {**hyperparameter_diagnostics(found, units), "log_evidence": -np.array(evidence) - np.array(shift), **trace}
        done = _assembled(kernel, grid, values, found, units, FitReport(0.0, 0.0, {}))
        return replace(done, report=FitReport(0.0, time.perf_counter() - began, trace))

    def _learned(
        self, grid: Grid, values: Float[np.ndarray, "*n L"], first: Hyperparameters, warm: Hyperparameters | None
    ) -> tuple[Hyperparameters, dict[str, np.ndarray]]:
        """Hyperparameters for every group of outputs, and what the search found on its way."""
        if self.config.hyperparameters == "fixed":
            return first, {}
        box = bounds(first.theta.shape[1] - 2)
        box[:-2, 0] = np.log(np.concatenate([_shortest(points) for points in grid.axes]))
        theta, ends, evaluations = [], [], []
        for group in range(len(first.theta)):
            own = values[..., first.members(group)]

            def evaluated(point: np.ndarray, own: np.ndarray = own) -> tuple[float, np.ndarray]:
                # Per value: the first steps of L-BFGS are as long as the gradient, which grows with the data.
                with one_blas_thread():
                    value, gradient = negative_log_evidence(point, grid, own, self.config.kernel)
                return value / own.size, gradient / own.size

            begin = starts(first.theta[group], self.config.starts, self.config.seed) if warm is None else warm.theta[group][None]
            found = minimised(evaluated, begin, box, self.config.iterations)
            theta.append(found.theta)
            ends.append(-found.values * own.size)
            evaluations.append(found.evaluations)
        trace = {"evidence_starts": np.array(ends), "evidence_evaluations": np.array(evaluations)}
        return Hyperparameters(np.array(theta), first.group), {**trace, "evidence_points": np.array(own.size // own.shape[-1])}

    def from_state(self, state: Tree) -> FittedGpGrid:
        """The fitted surrogate that `FittedGpGrid.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        grid = Grid.of([np.asarray(state["axes"][f"axis_{a}"]) for a in range(len(state["axes"]))])
        values = np.asarray(state["values"])
        return _assembled(str(state["kernel"]), grid, values, found, Units.from_tree(state), FitReport(0.0, 0.0, {}))


def thinned(grid: Grid, values: Float[np.ndarray, "*n L"], most: int) -> tuple[Grid, Float[np.ndarray, "*m L"]]:
    """A part of the grid with at most `most` points: every second point of whichever axis is then the longest, again and again.

    The points are counted in the order of their coordinates, so that the part does not depend on the order of the rows.
    """
    picked = [np.lexsort(points.T[::-1]) for points in grid.axes]
    while np.prod([len(rows) for rows in picked]) > most and max(len(rows) for rows in picked) > 2:
        longest = int(np.argmax([len(rows) for rows in picked]))
        picked[longest] = picked[longest][::2]
    if all(len(rows) == len(points) for rows, points in zip(picked, grid.axes, strict=True)):
        return grid, values
    return Grid.of([points[rows] for rows, points in zip(picked, grid.axes, strict=True)]), values[np.ix_(*picked)]


def _shortest(points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " D"]:
    """For each coordinate half the mean distance of its values: with a shorter length its points know nothing of one another."""
    distinct = [len(np.unique(column)) for column in points.T]
    return 0.5 * (points.max(axis=0) - points.min(axis=0) + 1e-3) / np.maximum(np.array(distinct) - 1, 1)


def _require_grid(data: ProductData) -> None:
    """Refuse tables, and grids that do not fit.

    Raises:
        DataError: if the data have one axis of many points.
        TooLarge: if another axis is too long, or the values would not fit into memory.
    """
    largest = max(data.axes, key=lambda axis: axis.size)
    if largest.size > MOST_ON_AXIS:
        if len(data.axes) == 1:
            raise DataError(
                f"model=gp_grid: the data are one axis of {largest.size:,} points, which is a table and no grid; "
                "take gp, or for so many points gp_sparse or binn"
            )
        raise TooLarge(
            f"model=gp_grid: axis {largest.name!r} has {largest.size:,} points, but at most {MOST_ON_AXIS:,} can be decomposed in "
            "reasonable time; take fewer, or gp_sparse or binn"
        )
    needed, available = TENSORS * 8 * data.n_points * len(data.outputs), available_bytes()
    if needed > available:
        raise TooLarge(
            f"model=gp_grid: {data.n_points:,} points of {len(data.outputs)} outputs need {needed / 1e9:.3g} GB, but "
            f"{available / 1e9:.3g} GB are available; take fewer points, or gp_sparse or binn"
        )
