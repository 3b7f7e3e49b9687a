"""Observations in a file: known inputs and outputs by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from binn_cli.config.schema import InverseConfig
from binn_cli.datasets.columns.choice import hint_of_unit, listed, same_name
from binn_cli.datasets.columns.column_file import ColumnFile, Reading
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.errors import ConfigError, DataError
from binn_cli.tasks.observed import RUN, observed_columns
from binn_cli.tasks.questions.source import Source


@dataclass(frozen=True)
class Observations:
    """What was observed of one target.

    Attributes:
        label: of the target.
        known: names of the known inputs.
        points: (n, K) their values.
        outputs: which outputs of the surrogate were observed.
        values: (n, L) observations, NaN where there is none.
        notes: what is to be said of the file.
    """

    label: str
    known: tuple[str, ...]
    points: np.ndarray
    outputs: tuple[int, ...]
    values: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many numbers were observed."""
        return int(np.isfinite(self.values).sum())


def read_observations(config: InverseConfig, source: Source) -> list[Observations]:
    """The observations of every target, in the order of the file.

    Raises:
        ConfigError: if a setting is missing, or names what the surrogate does not know.
        DataError: if the file lacks a column or a number, or a point lies outside the training range.
    """
    _require_unknown(config, source)
    if not config.observations:
        raise ConfigError("task.observations", "name the file of observations with task.observations=obs.csv")
    path = Path(config.observations)
    scope = source.scope
    known = tuple(name for name in scope.inputs if name not in config.unknown)
    for name in config.outputs:
        source.output("task.outputs", name)
    wanted = [*known, *config.outputs, *([config.target] if config.target else [])]
    file = opened_columns(path, Reading(choices=scope.choices), wanted)
    outputs = tuple(config.outputs) or _outputs_in(file, scope.outputs)
    which = tuple(scope.outputs.index(name) for name in outputs)
    _require_noise(config, source, which)
    meaning = dict.fromkeys(known, "an input of the run that is not in task.unknown")
    found = observed_columns(file, scope, RUN, known, outputs, label=config.target, meaning=meaning)
    return [
        Observations(f"{label:g}", known, found.points[own], which, found.values[own], found.notes)
        for label in dict.fromkeys(found.labels.tolist())
        for own in [found.labels == label]
    ]


def _outputs_in(file: ColumnFile, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """The outputs that a file has a column for."""
    there = tuple(name for name in outputs if any(same_name(name, column) for column in file.units))
    if not there:
        hint = next(filter(None, (hint_of_unit(name, file.units) for name in outputs)), "")
        raise DataError(
            f"{file.path}: has no column for an output of the run ({listed(outputs)}); the file has "
            f"{listed(file.units)}{hint}"
        )
    return there


def _require_noise(config: InverseConfig, source: Source, outputs: tuple[int, ...]) -> None:
    for name in config.noise_std if isinstance(config.noise_std, Mapping) else ():
        if source.output("task.noise_std", str(name)) not in outputs:
            raise ConfigError("task.noise_std", f"{name!r} is not among the observed outputs")


def _require_unknown(config: InverseConfig, source: Source) -> None:
    if not config.unknown:
        inputs = ", ".join(source.scope.inputs)
        raise ConfigError("task.unknown", f"name the inputs to find, such as [{source.parameters[0]}], of {inputs}")
    for name in config.unknown:
        source.column("task.unknown", name)
        if name in source.scope.choices:
            raise ConfigError("task.unknown", f"{name!r} is a choice; only numbers can be found")
    source.require_among("task.prior", config.unknown, config.prior or ())
