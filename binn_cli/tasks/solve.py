"""The task `solve`: an equation instead of data, with an estimate of the error, until a tolerance is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import SolveConfig
from binn_cli.datasets.compatibility import misfits
from binn_cli.datasets.dataset import Dataset
from binn_cli.datasets.problem import PARAMETER, KnowsTruth, Problem, StatesProblem
from binn_cli.datasets.product import ProductData
from binn_cli.errors import ConfigError
from binn_cli.models.galerkin.error import Estimate
from binn_cli.models.galerkin.model import Attempt, Galerkin, Solved
from binn_cli.models.galerkin.system import Resolution
from binn_cli.models.scope import Scope, kept
from binn_cli.models.surrogate import Surrogate
from binn_cli.results.answers import Answer
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.evaluation import PhaseTimings, Timer
from binn_cli.tasks.scoring import scores_of
from binn_cli.tasks.sensors import OBSERVATIONS, informed_by, read_sensors

TRUTH = "truth"
"""The split of random points of the whole domain, where the exact solution is known."""

FIRST_POINTS = 9
"""Points along a coordinate with which the search for a tolerance begins."""

TOO_COARSE = (
    "the error estimate is a guess: solutions with more points do not come closer to each other yet; take more points"
)

UNKNOWN = (
    "the error is not estimated, as the solutions with more functions by which it would be known are too large; the "
    "intervals are as wide as the solution itself"
)

UNSETTLED = (
    "the alternation over the inputs still changed the solution when it ended; the estimated error holds, but more "
    "products of functions than this method allows would lower it"
)

STALLED = 0.7
"""Ratio of one estimate to the one before it, of half the points, from which round-off is what is left."""


@runtime_checkable
class Remarks(Protocol):
    """A data set that has something to say of its equation."""

    def remarks(self) -> tuple[str, ...]:
        """Sentences for the user."""
        ...


class Solve:
    """One step for a stated number of points; with a tolerance one for every number that was tried, each twice the one
    before."""

    def __init__(self, config: SolveConfig, max_points: int) -> None:
        """`max_points` limits how many predictions are kept."""
        self.config = config
        self.max_points = max_points

    def run(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> None:
        """Solve, estimate, score and record.

        Raises:
            ConfigError: if the data set states no equation, or the model solves none.
        """
        problem, solver = equation_of(dataset), solver_of(model)
        if recorder.record.steps:
            return
        # The matrices are small: several threads of the linear algebra wait for each other more than they help.
        with threadpool_limits(1, user_api="blas"):
            with Timer() as timer:
                seed = self.config.seed
                truth = dataset.truth(self.config.truth_points, seed) if isinstance(dataset, KnowsTruth) else None
            remarks = (*misfits(problem), *(dataset.remarks() if isinstance(dataset, Remarks) else ()))
            _Run(self, dataset, problem, solver, truth, remarks, recorder).steps(timer.seconds)


def equation_of(dataset: Dataset) -> Problem:
    """The equation of a data set.

    Raises:
        ConfigError: if it states none.
    """
    if not isinstance(dataset, StatesProblem):
        problem = (
            f"{dataset.name} states no equation; task=solve takes poisson, poisson_nd, heat, heat3d, helmholtz, "
            "advection and equation"
        )
        raise ConfigError("dataset", problem)
    return dataset.problem()


def solver_of(model: Surrogate) -> Galerkin:
    """A model as one that solves equations.

    Raises:
        ConfigError: if it does not.
    """
    if not isinstance(model, Galerkin):
        raise ConfigError(
            "model", f"{model.name} learns from data and solves no equation; task=solve takes model=galerkin"
        )
    return model


def _widths(problem: Problem) -> tuple[int, ...]:
    """Parameters that come last are the case: questions are about these, over the field of the others."""
    fields = [variable.kind != PARAMETER for variable in problem.variables]
    parameters = fields.count(False)
    together = parameters and not any(fields[len(fields) - parameters :])
    return (*[1] * (len(fields) - parameters), parameters) if together else ()


class _Run:
    """The steps of one run."""

    def __init__(
        self,
        task: Solve,
        dataset: Dataset,
        problem: Problem,
        solver: Galerkin,
        truth: ProductData | None,
        remarks: tuple[str, ...],
        recorder: Recorder,
    ) -> None:
        self.task, self.problem, self.solver, self.truth, self.remarks, self.recorder = (
            task,
            problem,
            solver,
            truth,
            remarks,
            recorder,
        )
        self.errors: list[tuple[float, float, float]] = []
        units = tuple(variable.unit for variable in problem.variables)
        low, high = problem.domain.T
        self.scope = Scope(problem.inputs, units, (problem.output,), ("",), low, high, _widths(problem))
        self.sensors = read_sensors(task.config, problem, self.scope) if task.config.observations else None

    def steps(self, data_seconds: float) -> None:
        """Solve for the stated number of points, or for more and more of them."""
        tolerance = self.task.config.tolerance
        if tolerance is None:
            self.recorder.plan(1)
            solved = self._judged(self._attempt(self.solver.resolution(self.problem)))
            self._record(solved, data_seconds, self.remarks, ends=True)
            return
        resolution = self.solver.resolution(self.problem, FIRST_POINTS)
        while True:
            solved = self._judged(self._attempt(resolution))
            found = solved.estimate.relative
            met = solved.estimate.sure and found <= tolerance
            resolution = resolution.finer
            over = resolution.points > self.task.config.most_points
            stalled = bool(self.errors) and found > STALLED * self.errors[-1][1] and found < 1e-6
            # Where richer solutions are too large, so are those of twice as many points.
            ends = met or over or stalled or bool(solved.refused)
            missed = () if met or not ends or solved.refused else (_missed(tolerance, over),)
            self._record(solved, data_seconds, (*self.remarks, *missed), ends)
            if ends:
                return
            data_seconds = 0.0

    def _attempt(self, resolution: Resolution) -> Attempt:
        return self.solver.attempt(self.problem, resolution, lambda text: self.recorder.announce(text, 0, 1))

    def _judged(self, own: Attempt) -> Solved:
        self.recorder.announce(f"estimating the error of {own.resolution.points} points an axis", 0, 1)
        return self.solver.judged(self.problem, own, self.task.config.seed)

    def _record(self, solved: Solved, data_seconds: float, warnings: tuple[str, ...], ends: bool) -> None:
        timings = PhaseTimings(data=data_seconds, fit=solved.attempt.seconds)
        metrics: Mapping[str, Mapping[str, np.ndarray]] = {}
        predictions, true = None, np.nan
        if self.truth is not None:
            scores = scores_of(solved.fitted, {TRUTH: self.truth}, timings, keep=self.task.max_points, kept_split=TRUTH)
            metrics, predictions = scores.metrics, scores.predictions
            true = float(metrics[TRUTH]["rmse"][0])
        estimate, surrogate = solved.estimate, kept(solved.fitted, self.scope)
        self.errors.append((estimate.rmse, estimate.relative, true))
        answers: dict[str, Answer] = {"error_estimate": self._answer()}
        notes: tuple[str, ...] = (_said(estimate, true, solved.attempt.resolution.points),)
        if not solved.attempt.diagnostics.get("converged", np.array(1.0)):
            warnings = (*warnings, UNSETTLED)
        if solved.refused:
            warnings = (*warnings, f"{UNKNOWN} ({solved.refused})")
        elif not estimate.sure:
            warnings = (*warnings, TOO_COARSE)
        seconds: dict[str, float] = {}
        if ends and self.sensors is not None:
            self.recorder.announce(f"learning {', '.join(self.task.config.unknown)} from the observations", 0, 1)
            with Timer() as timer:
                learned = informed_by(solved.fitted, self.sensors, self.problem, self.task.config)
            seconds = {"observations": timer.seconds}
            scores = scores_of(
                learned.fitted,
                {OBSERVATIONS: learned.data},
                timings,
                keep=self.task.max_points,
                kept_split=OBSERVATIONS,
            )
            metrics, predictions = {**metrics, **scores.metrics}, scores.predictions
            surrogate = kept(learned.fitted, learned.scope(self.scope))
            answers |= learned.answers
            notes, warnings = (*notes, *learned.notes), (*warnings, *learned.warnings)
        diagnostics = {
            "relative_error": np.array(true / estimate.size if estimate.size > 0 else np.nan),
            **solved.fitted.report.diagnostics,
        }
        step = Step(
            n_train=0 if self.sensors is None else len(self.sensors.values),
            coordinates={"points": solved.attempt.resolution.points, "unknowns": solved.attempt.unknowns},
            metrics=metrics,
            timings=timings.as_dict() | {"estimate": solved.estimate_seconds} | seconds,
            peak_rss_bytes=peak_rss_bytes(),
            diagnostics=diagnostics,
            warnings=warnings,
            notes=notes,
        )
        self.recorder.step(
            step,
            predictions=predictions,
            surrogate=surrogate,
            outputs=(self.problem.output,),
            answers=answers,
        )

    def _answer(self) -> Answer:
        """The estimates of all steps so far."""
        rmse, relative, true = np.array(self.errors).T
        with np.errstate(invalid="ignore", divide="ignore"):
            effectivity = rmse / true
        columns = {"rmse": rmse, "relative": relative, "effectivity": effectivity}
        return Answer(
            {"step": np.arange(len(rmse))},
            {name: (values, ("step",)) for name, values in columns.items()},
            attributes={
                "norm": (
                    "root mean square over the domain; relative to that of the solution; effectivity is estimate over "
                    "truth"
                )
            },
        )


def _said(estimate: Estimate, true: float, points: int) -> str:
    """The estimate for people."""
    if np.isnan(estimate.rmse):
        return f"{points} points an axis: error not estimated"
    found = f"{points} points an axis: estimated error {estimate.rmse:.2g}, {estimate.relative:.2g} of the solution"
    return found if not true > 0 else f"{found}; {estimate.rmse / true:.2g} times the true one"


def _missed(tolerance: float, over: bool) -> str:
    if over:
        return (
            f"the tolerance {tolerance:g} is not met with as many points as task.most_points allows; allow more, or "
            "raise model.degree"
        )
    return (
        f"the tolerance {tolerance:g} is not met: more points do not lower the error any more, which is that of "
        "round-off"
    )
