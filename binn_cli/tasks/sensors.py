"""Observations of the solution of an equation in a file: known inputs and the unknown of the equation, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema import SolveConfig
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.problem import PARAMETER, Problem
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import ConfigError
from binn_cli.models.galerkin.informed import Findings, InformedGalerkin, informed
from binn_cli.models.galerkin.model import FittedGalerkin
from binn_cli.models.scope import Scope
from binn_cli.results.answers import Answer, units_along
from binn_cli.tasks.observed import EQUATION, observed_columns

OBSERVATIONS = "observations"
"""The split of what was observed."""


@dataclass(frozen=True)
class Sensors:
    """What was observed.

    Attributes:
        unknown: numbers of the inputs that are to be learned, rising.
        known: names of the others.
        points: (n, K) values of these.
        values: (n,) what was observed there.
        digest: of the file.
        notes: what is to be said of it.
    """

    unknown: tuple[int, ...]
    known: tuple[str, ...]
    points: Float[np.ndarray, "n K"]
    values: Float[np.ndarray, " n"]
    digest: str
    notes: tuple[str, ...] = ()


def read_sensors(config: SolveConfig, problem: Problem, scope: Scope) -> Sensors:
    """Read the file of `task.observations`.

    Raises:
        ConfigError: if an unknown input is no parameter of the equation, or none is named.
        DataError: if the file lacks a column or a number, or a point lies outside of the equation's domain.
    """
    unknown = unknown_of(config, problem)
    known = tuple(name for name in problem.inputs if name not in config.unknown)
    path = Path(config.observations)
    meaning = dict.fromkeys(known, "an input that is not in task.unknown")
    file = opened_columns(path, Reading(), [*known, problem.output])
    found = observed_columns(
        file, scope, EQUATION, known, [problem.output],
        meaning={**meaning, problem.output: "the unknown of the equation"},
    )  # fmt: skip
    return Sensors(unknown, known, found.points, found.values[:, 0], file_digest(path), found.notes)


def unknown_of(config: SolveConfig, problem: Problem) -> tuple[int, ...]:
    """The numbers of the inputs that are to be learned from observations.

    Raises:
        ConfigError: if one of them is no parameter of the equation, or none is named.
    """
    parameters = [variable.name for variable in problem.variables if variable.kind == PARAMETER]
    if not parameters:
        raise ConfigError("task.observations", "the equation has no parameter that could be learned from observations")
    listed = ", ".join(parameters)
    if not config.unknown:
        raise ConfigError("task.unknown", f"name what is to be learned from the observations, of {listed}")
    for name in config.unknown:
        if name not in parameters:
            problem_text = f'"{name}" is no parameter of the equation: {listed}{did_you_mean(name, parameters)}'
            raise ConfigError("task.unknown", problem_text)
    return tuple(number for number, name in enumerate(problem.inputs) if name in config.unknown)


LITTLE = 0.9
"""Posterior over prior standard deviation from which observations say next to nothing."""


@dataclass(frozen=True)
class Learned:
    """What observations have taught.

    Attributes:
        fitted: the field.
        data: the observations.
        answers: groups `posterior` and `estimate`.
        notes, warnings: sentences.
    """

    fitted: InformedGalerkin
    data: ProductData
    answers: dict[str, Answer]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def scope(self, whole: Scope) -> Scope:
        """What the field is of, given that of the solution for all parameters."""
        rows = list(self.fitted.known)
        inputs, units = (tuple(texts[row] for row in rows) for texts in (whole.inputs, whole.input_units))
        return Scope(inputs, units, whole.outputs, whole.output_units, whole.low[rows], whole.high[rows])


def informed_by(solved: FittedGalerkin, sensors: Sensors, problem: Problem, config: SolveConfig) -> Learned:
    """Learn the unknown parameters and the field from observations."""
    fitted, found = informed(solved, sensors.unknown, sensors.points, sensors.values, config.noise_std, config.seed)
    names = [problem.inputs[number] for number in sensors.unknown]
    units = [problem.variables[number].unit for number in sensors.unknown]
    low, high = problem.domain[list(sensors.unknown)].T
    mean, std = found.draws.mean(axis=0), found.draws.std(axis=0, ddof=1)
    prior = (high - low) / np.sqrt(12)
    warnings = tuple(
        f"the observations say next to nothing of {name}: its posterior is about as wide as its prior"
        for name, own, before in zip(names, std, prior, strict=True)
        if own > LITTLE * before
    )
    if len(sensors.values) < len(names):
        warnings += (f"there are fewer observations ({len(sensors.values)}) than unknowns ({len(names)})",)
    if not np.isfinite(found.draws).all() or _contradicted(fitted, sensors, config.noise_std):
        warnings += (
            "the observations contradict the equation: they are much farther from its solutions than the noise",
        )
    notes = sensors.notes + tuple(
        f"{name} = {a:.5g} ± {b:.2g}{f' {unit}' if unit else ''} (mean and standard deviation)"
        for name, unit, a, b in zip(names, units, mean, std, strict=True)
    )
    if config.noise_std is None:
        notes += (f"noise {np.median(found.noise_std):.2g}",)
    axis = Axis("point", sensors.points, sensors.known)
    data = ProductData((axis,), sensors.values[:, None], (problem.output,))
    return Learned(fitted, data, _answers(found, names, units, problem.output, sensors), notes, warnings)


def _contradicted(fitted: InformedGalerkin, sensors: Sensors, noise_std: float | None) -> bool:
    """Whether even the best draws leave residuals that such noise would hardly ever leave."""
    if noise_std is None:
        return False
    variance = noise_std**2 + fitted.own_variance(sensors.points)
    with np.errstate(divide="ignore"):
        misfits = np.sum((fitted.fields(sensors.points) - sensors.values) ** 2 / variance, axis=1)
    count = len(sensors.values)
    return bool(misfits.min() > count + 6 * np.sqrt(2 * count))


def _answers(found: Findings, names: list[str], units: list[str], output: str, sensors: Sensors) -> dict[str, Answer]:
    every = dict(zip(names, found.draws.T, strict=True))
    every[f"noise_std of {output}"] = found.noise_std
    arrays = {name: (column[None], ("chain", "draw")) for name, column in every.items()}
    told: dict[str, str | float | int] = {
        "drawn_by": "a population from prior to posterior",
        "powers": found.powers,
        "acceptance": found.acceptance,
    }
    posterior = Answer(arrays=arrays, attributes={**told, "observations": sensors.digest})
    estimate = Answer(
        {"unknown": np.array(names, dtype=object), "bound": np.array(["low", "high"], dtype=object)},
        {
            "mean": (found.draws.mean(axis=0), ("unknown",)),
            "maxima": (found.best[None], ("maximum", "unknown")),
            "std": (found.draws.std(axis=0, ddof=1), ("unknown",)),
            "interval_95": (np.quantile(found.draws, [0.025, 0.975], axis=0).T, ("unknown", "bound")),
            **units_along("unknown", units),
        },
    )
    return {"posterior": posterior, "estimate": estimate}
