"""Observations in a file: known inputs and outputs by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from binn_cli.config.schema import InverseConfig
from binn_cli.datasets.columns.choice import (
    chosen,
    hint_of_unit,
    require_units,
    said_of_unknown_units,
    said_of_unused,
)
from binn_cli.datasets.columns.column_file import ColumnFile, Reading
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.errors import ConfigError, DataError
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
    outputs = tuple(config.outputs) or tuple(name for name in scope.outputs if name in file.units)
    if not outputs:
        there = ", ".join(file.units)
        wanted_outputs = ", ".join(scope.outputs)
        hint = next(filter(None, (hint_of_unit(name, file.units) for name in scope.outputs)), "")
        raise DataError(
            f"{path}: has no column for an output of the run ({wanted_outputs}); its columns are {there}{hint}"
        )
    for name in known:
        if name not in file.units and name not in file.left_out:
            there = ", ".join(file.units)
            raise DataError(
                f"{path}: there is no column {name}, an input of the run that is not among the unknown; there are "
                f"{there}: add it, or name {name} in task.unknown{hint_of_unit(name, file.units)}"
            )
    names = [*known, *outputs, *([config.target] if config.target else [])]
    columns = chosen(file, names, (), outputs_needed=False).inputs
    units = [*(scope.unit_of(name) for name in (*known, *outputs)), *([""] if config.target else [])]
    require_units(file, columns, units, "in the run")
    stated = len(known) + len(outputs)
    notes = said_of_unused(file, names) + said_of_unknown_units(file, columns[:stated], units[:stated], "the run")
    table = np.concatenate([np.zeros((0, len(columns))), *file.chunks(columns)])
    points, values = table[:, : len(known)], table[:, len(known) : len(known) + len(outputs)]
    rows = np.flatnonzero(np.isfinite(values).any(axis=1))
    if len(rows) == 0:
        raise DataError(f"{path}: holds no observation; give at least one row with a number for {', '.join(outputs)}")
    _require_points(source, file, known, points, rows)
    which = tuple(scope.outputs.index(name) for name in outputs)
    labels = table[rows, -1] if config.target else np.zeros(len(rows))
    if not np.isfinite(labels).all():
        row = int(rows[np.argmin(np.isfinite(labels))])
        raise DataError(f"{path}, {file.place(row)}: {config.target} is missing; it tells which target the row is of")
    return [
        Observations(f"{label:g}", known, points[rows[labels == label]], which, values[rows[labels == label]], notes)
        for label in dict.fromkeys(labels.tolist())
    ]


def _require_unknown(config: InverseConfig, source: Source) -> None:
    if not config.unknown:
        inputs = ", ".join(source.scope.inputs)
        raise ConfigError("task.unknown", f"name the inputs to find, such as [{source.parameters[0]}], of {inputs}")
    for name in config.unknown:
        source.column("task.unknown", name)
        if name in source.scope.choices:
            raise ConfigError("task.unknown", f"{name!r} is a choice; only numbers can be found")


def _require_points(
    source: Source, file: ColumnFile, known: tuple[str, ...], points: np.ndarray, rows: np.ndarray
) -> None:
    for k, name in enumerate(known):
        column = source.scope.inputs.index(name)
        missing = rows[~np.isfinite(points[rows, k])]
        if len(missing):
            where = file.place(int(missing[0]))
            raise DataError(f"{file.path}, {where}: {name} is missing; every known input of an observation is needed")
        outside = source.scope.outside(points[rows][:, [k]], slice(column, column + 1))[:, 0]
        if outside.any():
            row = int(rows[int(np.argmax(outside))])
            low, high = source.range_of(name)
            raise DataError(
                f"{file.path}, {file.place(row)}: {name} is {points[row, k]:g}, outside the range {low:g} to {high:g} "
                f"on which the surrogate was trained; leave the row out, or train on a wider range"
            )
