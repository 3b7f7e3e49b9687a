"""The model `galerkin`: solves an equation in products of one-dimensional spaces, and is a fitted surrogate like any
other afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import GalerkinConfig
from binn_cli.datasets.problem import Problem
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, ConfigError, DataError, TooLarge
from binn_cli.models.galerkin.alternation import solve_alternating
from binn_cli.models.galerkin.diagonal import MOST_COMBINATIONS, combinations, solve_diagonal
from binn_cli.models.galerkin.error import ErrorBars, Estimate, unknown
from binn_cli.models.galerkin.informed import InformedGalerkin
from binn_cli.models.galerkin.modes import NotDiagonal, TooManyModes
from binn_cli.models.galerkin.richer import judged_by
from binn_cli.models.galerkin.system import Resolution, System
from binn_cli.models.galerkin.train import Train
from binn_cli.models.galerkin.transport import solve_transport
from binn_cli.models.surrogate import FitReport, FittedSurrogate, Prediction, Tree

Announce = Callable[[str], None]

ROUND_OFF = 1e-12
"""Share of an input's range by which a point may exceed it."""

MANY = 1_000_000
"""Combinations of eigenvalues of four coordinates and more beyond which alternation is faster than all of them."""


@dataclass(frozen=True)
class FittedGalerkin:
    """The solution of an equation for all its parameters, with the standard deviation of its discretisation error.

    Attributes:
        solution: the unknown as a function of all inputs.
        bars: the standard deviation.
        size: root mean square of the solution over the domain.
        domain: ends of every input.
        report: what it cost.
    """

    solution: Train
    bars: ErrorBars
    size: float
    domain: Float[np.ndarray, "D 2"]
    report: FitReport

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The solution at every combination of the axes' points.

        Outside of the domain the equation says nothing: the standard deviation there is at least the
        solution's size, and that of what is predicted.

        Raises:
            DataError: if the axes have not the inputs of the equation.
        """
        points = [axis.points for axis in axes]
        width = sum(table.shape[1] for table in points)
        if width != len(self.domain):
            raise DataError(f"the axes have {width} coordinates, but the equation has {len(self.domain)}")
        mean = self.solution(points)[..., None]
        spread = self._spread(points, mean[..., 0])[..., None] ** 2 if variance else np.full(mean.shape, np.nan)
        return Prediction(mean, spread, np.zeros(mean.shape))

    def gradient(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
        """Derivatives of the solution with respect to every input."""
        return self.solution.gradient(points)[:, None, :]

    def _spread(
        self, points: Sequence[Float[np.ndarray, "n K"]], mean: Float[np.ndarray, "*points"]
    ) -> Float[np.ndarray, "*points"]:
        spread, dimension, outside = self.bars(points), 0, np.array(False)
        for table in points:
            low, high = self.domain[dimension : dimension + table.shape[1]].T
            slack = ROUND_OFF * np.maximum(np.maximum(np.abs(low), np.abs(high)), high - low)
            outside = np.logical_or.outer(outside, ((table < low - slack) | (table > high + slack)).any(axis=1))
            dimension += table.shape[1]
        return np.where(outside, np.maximum(np.maximum(spread, np.abs(mean)), self.size), spread)

    def state(self) -> Tree:
        """All that `from_state` needs."""
        parts = {"solution": self.solution.tree(), "bars": self.bars.tree()}
        return {"kind": Galerkin.name, "size": self.size, "domain": self.domain, **parts}


@dataclass(frozen=True)
class Attempt:
    """A solution in spaces of one resolution.

    Attributes:
        resolution: the spaces.
        solution: the unknown.
        seconds: what it took.
        unknowns: how many products of basis functions there are.
        diagnostics: how it went.
    """

    resolution: Resolution
    solution: Train
    seconds: float
    unknowns: int
    diagnostics: dict[str, np.ndarray]


@dataclass(frozen=True)
class Solved:
    """A solution with its estimated error.

    Attributes:
        fitted: the surrogate.
        estimate: of its error.
        attempt: the solution's own.
        estimate_seconds: what the estimate took.
        refused: why there is no estimate; empty where there is one.
    """

    fitted: FittedGalerkin
    estimate: Estimate
    attempt: Attempt
    estimate_seconds: float
    refused: str = ""


class Galerkin:
    """Equations in products of one-dimensional spaces; see the settings of conf/model/galerkin.yaml."""

    name = "galerkin"
    compiles = False

    def __init__(self, config: GalerkinConfig) -> None:
        """Nothing is solved before it is asked for."""
        self.config = config

    def fit(
        self,
        data: ProductData,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedSurrogate:
        """Refuse: this model has an equation instead of data.

        Raises:
            BinnError: always.
        """
        raise BinnError("model=galerkin solves equations and learns from no data: use task=solve, or another model")

    def from_state(self, state: Tree) -> FittedGalerkin | InformedGalerkin:
        """The fitted surrogate that `state` describes."""
        train, bars = Train.from_tree(state["solution"]), ErrorBars.from_tree(state["bars"])
        domain = np.atleast_2d(state["domain"])
        fitted = FittedGalerkin(train, bars, float(state["size"]), domain, FitReport(0.0, 0.0, {}))
        return InformedGalerkin.of(fitted, state) if "informed" in state else fitted

    def resolution(self, problem: Problem, points: int | None = None) -> Resolution:
        """The spaces of the configuration, with so many breakpoints; those of the configuration or the problem where
        none are stated."""
        config = self.config
        parameter_degree = config.parameter_degree or problem.parameter_degree
        return Resolution(
            points or config.points or problem.points, config.basis, config.degree, config.time_degree, parameter_degree
        )

    def attempt(
        self,
        problem: Problem,
        resolution: Resolution,
        announce: Announce = lambda text: None,
        *,
        must_be_direct: bool = False,
        loosest: float = 0.0,
    ) -> Attempt:
        """Solve in spaces of a resolution.

        Args:
            problem: the equation.
            resolution: the spaces.
            announce: called with what is being done.
            must_be_direct: whether alternation will not do.
            loosest: what compression or the last sweep may change, over the norm, where the settings allow less.

        Raises:
            TooLarge: if the spaces are too large.
            BinnError: if the equation has no unique solution.
        """
        began = time.perf_counter()
        system, method = System(problem, resolution), self.config.method
        announce(f"solving with {resolution.points} points an axis")
        try:
            solution, diagnostics = self._directly(system, loosest)
        except NotDiagonal as reason:
            if must_be_direct or (method == "diagonal" and isinstance(reason, TooManyModes)):
                raise TooLarge(f"no direct solution with {resolution.points} points: {reason}") from reason
            if method == "diagonal":
                problem_text = (
                    f"diagonal needs two symmetric forms along every input but time, and {reason}; take auto or "
                    "alternating"
                )
                raise ConfigError("model.method", problem_text) from reason

            def sweep(number: int, residual: float) -> None:
                announce(f"sweep {number}, residual {residual:.1e}")

            solution, progress = solve_alternating(system, max(self.config.tolerance, loosest), sweep)
            diagnostics = {
                "residual": progress.residuals,
                "change": progress.changes,
                "converged": np.array(float(progress.converged)),
            }
        diagnostics["ranks"] = np.array(solution.ranks, dtype=np.float64)
        return Attempt(resolution, solution, time.perf_counter() - began, system.unknowns, diagnostics)

    def _directly(self, system: System, loosest: float) -> tuple[Train, dict[str, np.ndarray]]:
        """By eigenvectors, where there are such.

        Raises:
            NotDiagonal: if there are none, or (TooManyModes) too many.
        """
        method, tolerance = self.config.method, max(self.config.rank_tolerance, loosest)
        if method == "alternating":
            raise NotDiagonal("alternating is asked for")
        try:
            static_and_wide = system.problem.time is None and len(system.assemblies) > 3
            if method == "auto" and combinations(system) > (MANY if static_and_wide else MOST_COMBINATIONS):
                raise TooManyModes("there are too many combinations of modes")
            solution, spectrum = solve_diagonal(system, tolerance)
        except NotDiagonal as reason:
            try:
                return solve_transport(system, tolerance), {}
            except NotDiagonal as flowing:
                raise (flowing if isinstance(flowing, TooManyModes) else reason) from None
        return solution, {"smallest_eigenvalue": np.array(spectrum.smallest)}

    def judged(self, problem: Problem, own: Attempt, seed: int) -> Solved:
        """A solution with the estimate of its error from richer ones (`richer.py`); without one where these are too
        large.

        Raises:
            BinnError: if a richer one has no unique solution.
        """
        began = time.perf_counter()
        degree = own.resolution.parameter_degree
        # Along time alternation takes long for what is too large.
        direct = problem.time is not None and "residual" not in own.diagnostics

        def richer(points: int, added: int, tolerance: float) -> Train:
            resolution = own.resolution.richer(points, degree + added)
            return self.attempt(problem, resolution, must_be_direct=direct, loosest=tolerance).solution

        count, refused = own.resolution.points, ""
        try:
            estimate, bars = judged_by(problem, own.solution, count, richer, seed)
        except TooLarge as reason:
            # What has been solved is not lost with what would have judged it.
            (estimate, bars), refused = unknown(problem, own.solution, count, seed), str(reason)
        report = FitReport(0.0, own.seconds, own.diagnostics | {"error_rest": np.array(estimate.rest)})
        fitted = FittedGalerkin(own.solution, bars, estimate.size, problem.domain, report)
        return Solved(fitted, estimate, own, time.perf_counter() - began, refused)
