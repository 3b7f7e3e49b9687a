"""The exact Gaussian process on a grid, whose covariance is the Kronecker product of one small matrix an axis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from binn_cli.config.schema.gp import GpGridConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError, TooLarge
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.axis_factor import AxisPlan
from binn_cli.models.gp.grid_evidence import Grid, Solution, solve
from binn_cli.models.gp.grid_gaps import DRAWS, filled_grid, first_fill, gap_draws
from binn_cli.models.gp.grid_prediction import AxisReadout, Readout, predict, readout, scattered_mean
from binn_cli.models.gp.grid_search import learned_on_grid, planned, thinned, unbent
from binn_cli.models.gp.hyperparameters import Hyperparameters, stated
from binn_cli.models.gp.memory import available_bytes
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

MOST_ON_AXIS = 1500
"""Points of the largest axis: every evaluation of the evidence decomposes a matrix of this size, which takes
seconds."""

TENSORS = 10
"""Arrays of all N values that a fit holds at its peak."""

solved = CompiledFunction(solve)


@dataclass(frozen=True)
class FittedGpGrid:
    """A Gaussian process on a grid after its data.

    Attributes:
        plans: how every axis was factorised.
        readouts: what prediction reads, one a group of outputs.
        group: (L,) the group of every output.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    plans: tuple[AxisPlan, ...]
    readouts: tuple[Readout, ...]
    group: Int[np.ndarray, " L"]
    units: Units
    report: FitReport

    @property
    def theta(self) -> Float[np.ndarray, "G P"]:
        """Logarithms of the D lengths, D bends, logarithms of signal and noise variance, of every group."""
        return np.array([np.asarray(part.theta) for part in self.readouts])

    @property
    def noise(self) -> Float[np.ndarray, " L"]:
        """Noise variance of every output, in scaled units."""
        return np.exp(self.theta[self.group, -1])

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""
        points, watch = self.units.axes(axes), Stopwatch()
        mean, variance = (np.empty((len(self.group), *(len(p) for p in points))) for _ in range(2))
        for g, part in enumerate(self.readouts):
            mean[self.group == g], variance[self.group == g] = predict(part, self.plans, points, watch)
        return self.units.prediction(
            np.moveaxis(mean, 0, -1), np.moveaxis(variance, 0, -1), self.noise, watch.compile_seconds
        )

    def mean_function(self) -> Callable[[Array], Array]:
        """See `models.gradient.HasMeanFunction`."""
        order = np.argsort(np.concatenate([np.flatnonzero(self.group == g) for g in range(len(self.readouts))]))
        return lambda x: jnp.concatenate([scattered_mean(part, self.plans, x) for part in self.readouts])[order].T

    def state(self) -> Tree:
        """Hyperparameters, coefficients, directions of every axis and units as plain arrays."""
        groups = {}
        for g, part in enumerate(self.readouts):
            axes = {
                f"axis_{a}": {name: np.asarray(value) for name, value in axis._asdict().items()}
                for a, axis in enumerate(part.axes)
            }
            gaps = {} if part.gaps is None else {"gaps": part.gaps}
            groups[f"group_{g}"] = {"theta": part.theta, "coefficients": part.coefficients, "axes": axes, **gaps}
        plans = np.array([[plan.first, plan.last, plan.features] for plan in self.plans])
        return {
            "kind": "gp_grid",
            "kernel": self.plans[0].kind,
            "plans": plans,
            "group": self.group,
            "groups": groups,
            **self.units.tree(),
        }


@dataclass(frozen=True)
class GpGrid:
    """The exact Gaussian process on grids with the given settings."""

    config: GpGridConfig
    name: str = "gp_grid"
    learns_incomplete: ClassVar[bool] = True

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGpGrid:
        """Choose hyperparameters if need be, and decompose every axis; see `Surrogate.fit`.

        A warm start gives the hyperparameters from which their search starts. Of a grid with gaps the posterior is that
        of what was observed; the evidence is that of the grid filled up, first by tensor completion, then by the
        posterior mean, and the noise that it finds is taken to be that of the observed share alone.

        Raises:
            DataError: if an axis has too many points to be one of a grid.
            TooLarge: if the values would not fit into memory.
        """
        watch, began = Stopwatch(), time.perf_counter()
        _require_grid(data, capacity)
        warm = warm_start if isinstance(warm_start, FittedGpGrid) else None
        whole = data if data.observed is None else first_fill(data)
        units = warm.units if warm else Units.of(whole, domain, self.config.output_scaling)
        grid = _filled(whole, units, capacity)
        missing = _missing(data, grid)
        first = unbent(stated(self.config, data.inputs, len(data.outputs), units.inputs))
        former = warm.theta if warm and warm.theta.shape == first.theta.shape else None
        plans = planned(self.config.kernel, grid)
        found, trace = learned_on_grid(self.config, thinned(grid, self.config.evidence_points), first, former, watch)
        residuals = np.zeros(len(data.outputs))
        if missing is not None:
            if self.config.hyperparameters == "evidence":
                grid, _ = _refilled(grid, found, missing, plans, watch)
                part = thinned(grid, self.config.evidence_points)
                found, trace = learned_on_grid(self.config, part, first, found.theta, watch)
                found.theta[:, -1] -= np.log(data.n_observed / data.n_points)
            grid, residuals = _refilled(grid, found, missing, plans, watch)
        solutions, readouts = [], []
        for g, theta in enumerate(found.theta):
            own = grid._replace(values=grid.values[found.members(g)])
            solution = jax.tree.map(np.asarray, solved(watch, theta, own, plans=plans))
            gaps = None
            if missing is not None:
                draws = grid._replace(values=gap_draws(theta, grid, missing, plans, self.config.seed, watch))
                gaps = np.asarray(solved(watch, theta, draws, plans=plans).coefficients)
            solutions.append(solution)
            readouts.append(readout(theta, grid.points, grid.masks, solution, gaps))
        done = FittedGpGrid(plans, tuple(readouts), found.group, units, FitReport(0.0, 0.0, {}))
        diagnostics = {**_diagnostics(done, solutions, data.n_points), **trace}
        seconds = time.perf_counter() - began - watch.compile_seconds
        notes: tuple[str, ...] = ()
        if missing is not None:
            diagnostics["gap_residual"] = residuals
            notes = (_said_of_gaps(data, residuals),)
        return replace(done, report=FitReport(watch.compile_seconds, seconds, diagnostics, notes))

    def from_state(self, state: Tree) -> FittedGpGrid:
        """The fitted surrogate that `FittedGpGrid.state` described."""
        kind = str(state["kernel"])
        plans = tuple(
            AxisPlan(int(first), int(last), int(features), kind)
            for first, last, features in np.atleast_2d(state["plans"])
        )
        readouts = []
        for g in range(len(state["groups"])):
            part = state["groups"][f"group_{g}"]
            kept = [part["axes"][f"axis_{a}"] for a in range(len(plans))]
            axes = tuple(AxisReadout(**{name: np.asarray(axis[name]) for name in AxisReadout._fields}) for axis in kept)
            gaps = np.asarray(part["gaps"]) if "gaps" in part else None
            readouts.append(Readout(np.asarray(part["theta"]), np.asarray(part["coefficients"]), axes, gaps))
        return FittedGpGrid(
            plans, tuple(readouts), np.atleast_1d(state["group"]), Units.from_tree(state), FitReport(0.0, 0.0, {})
        )


def _filled(data: ProductData, units: Units, capacity: int | None) -> Grid:
    """The data in scaled units, the last axis filled up to its final number of cases, so that new ones do not compile
    again."""
    points = units.axes(data.axes)
    masks = [np.ones(len(p)) for p in points]
    values = np.moveaxis((data.values - units.outputs.shift) / units.outputs.scale, -1, 0)
    short = max(0, (capacity or 0) - len(points[-1]))
    if short:
        points[-1] = np.concatenate([points[-1], np.repeat(points[-1][-1:], short, axis=0)])
        masks[-1] = np.concatenate([masks[-1], np.zeros(short)])
        values = np.concatenate([values, np.zeros((*values.shape[:-1], short))], axis=-1)
    return Grid(tuple(points), tuple(masks), values)


SETTLED = 1e-6
"""Relative residual of the filled values above which a fit says that they have not settled."""


def _missing(data: ProductData, grid: Grid) -> Bool[np.ndarray, "*n"] | None:
    """Which cells of the grid have no value; cases that only fill up count as observed."""
    if data.observed is None:
        return None
    missing = np.zeros(grid.values.shape[1:], dtype=bool)
    missing[..., : data.observed.shape[-1]] = ~data.observed
    return missing


def _refilled(
    grid: Grid, found: Hyperparameters, missing: np.ndarray, plans: tuple[AxisPlan, ...], watch: Stopwatch
) -> tuple[Grid, Float[np.ndarray, " L"]]:
    """The grid with the gaps of every output at their posterior mean, and the residuals of the equations for them."""
    values, residuals = np.array(grid.values), np.zeros(len(grid.values))
    for g, theta in enumerate(found.theta):
        members = found.members(g)
        own, residuals[members] = filled_grid(theta, grid._replace(values=values[members]), missing, plans, watch)
        values[members] = own.values
    return grid._replace(values=values), residuals


def _said_of_gaps(data: ProductData, residuals: np.ndarray) -> str:
    """What a run says of the gaps of its grid."""
    gaps = data.n_points - data.n_observed
    told = f"{gaps:,} of {data.n_points:,} cells have no value; the posterior is that of the others"
    if residuals.max() <= SETTLED:
        return told
    return f"{told}, but its equations are solved to {residuals.max():.1e} only: too much of the grid is missing"


def _diagnostics(fitted: FittedGpGrid, solutions: Sequence[Solution], points: int) -> dict[str, np.ndarray]:
    """What stands in `/diagnostics`: lengths in units of the domain and bends, one row a group; the rest in the units
    of the outputs."""
    theta, group, scale, dimensions = fitted.theta, fitted.group, fitted.units.outputs.scale, fitted.units.dimensions
    shift = np.array([points * np.log(scale[group == g]).sum() for g in range(len(theta))])
    return {
        "length_scales": np.exp(theta[:, :dimensions]),
        "bends": theta[:, dimensions : 2 * dimensions],
        "signal_std": np.exp(0.5 * theta[group, -2]) * scale,
        "noise_std": np.sqrt(fitted.noise) * scale,
        "ranks": np.array([part.coefficients.shape[1:] for part in fitted.readouts]),
        "log_evidence": np.array([float(solution.evidence) for solution in solutions]) - shift,
        "effective_parameters": np.array([float(solution.degrees) for solution in solutions])[group],
    }


def _require_grid(data: ProductData, capacity: int | None) -> None:
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
                "take gp, or for so many points gp_sparse, gp_local or binn"
            )
        raise TooLarge(
            f"model=gp_grid: axis {largest.name!r} has {largest.size:,} points, but at most {MOST_ON_AXIS:,} can be "
            f"decomposed in "
            "reasonable time; take fewer, or gp_sparse, gp_local or binn"
        )
    cases = data.axes[-1].size
    points = data.n_points // cases * max(cases, capacity or 0)
    tensors = TENSORS * len(data.outputs) + (0 if data.observed is None else 3 * DRAWS)
    needed, available = 8 * points * tensors, available_bytes()
    if needed > available:
        raise TooLarge(
            f"model=gp_grid: {points:,} points of {len(data.outputs)} outputs need {needed / 1e9:.3g} GB, but "
            f"{available / 1e9:.3g} GB are available; take fewer points, or gp_sparse, gp_local or binn"
        )
