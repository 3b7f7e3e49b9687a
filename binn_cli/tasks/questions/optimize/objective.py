"""What is to be best: an output at chosen inputs, averaged over the field, under constraints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema import OptimizeConfig
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.errors import ConfigError
from binn_cli.tasks.observed import RUN, observed_columns
from binn_cli.tasks.questions.source import Group, Source, grid_groups

_COMPARISON = re.compile(r"^(.+?)(<=|>=|<|>)(.+)$")
KEY = "task.constraints"
ROUND_OFF = 1e-9
"""By how much a bound may be missed, in units of itself."""


@dataclass(frozen=True)
class Constraint:
    """`name <= value`, or the other way round.

    Attributes:
        text: as the user wrote it.
        name: of an output or an input.
        sign: 1 where the value is an upper bound, -1 where it is a lower one.
        value: the bound.
    """

    text: str
    name: str
    sign: int
    value: float


def constraints_of(texts: Sequence[str], source: Source) -> tuple[Constraint, ...]:
    """Constraints as they were written.

    Raises:
        ConfigError: if one cannot be read, names what the surrogate does not know, or two contradict each other.
    """
    names = (*source.scope.outputs, *source.scope.inputs)
    found = []
    for text in map(str, texts):
        parts = _COMPARISON.match(text.strip())
        sides = None if parts is None else (parts[1].strip(), parts[3].strip())
        if parts is None or sides is None:
            raise ConfigError(KEY, f'"{text}" is no comparison; write such as "{names[0]} <= 2.5"')
        sign = 1 if parts[2].startswith("<") else -1
        name, number = sides
        if name not in names and number in names:
            name, number, sign = number, name, -sign
        try:
            value = float(number)
        except ValueError as error:
            raise ConfigError(KEY, f'"{text}": {number} is no number; write such as "{names[0]} <= 2.5"') from error
        if name not in names:
            raise ConfigError(KEY, f'"{text}": {name} is neither an output nor an input{did_you_mean(name, names)}')
        found.append(Constraint(text, name, sign, value))
    for one in found:
        for other in found:
            if one.name == other.name and one.sign > 0 > other.sign and one.value < other.value:
                raise ConfigError(KEY, f'"{one.text}" and "{other.text}" contradict each other; drop one of them')
    return tuple(found)


@dataclass(frozen=True)
class Objective:
    """A question for the best inputs.

    Attributes:
        source: the surrogate.
        names: inputs that may be chosen.
        output: which output counts.
        sign: 1 to make it small, -1 to make it large.
        fixed: inputs that stay, as a group of one point; without names where there are none.
        field: the others.
        wanted: (F,) what the output is to be over the field; None where it is to be extreme.
        constraints: what must hold.
        notes: what is to be said of the file of a wanted field.
    """

    source: Source
    names: tuple[str, ...]
    output: int
    sign: int
    fixed: Group
    field: tuple[Group, ...]
    wanted: np.ndarray | None
    constraints: tuple[Constraint, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: OptimizeConfig, source: Source) -> Objective:
        """The question that settings ask.

        Raises:
            ConfigError: if they do not fit the surrogate.
            DataError: if the file of a wanted field does not.
        """
        output = _output(config, source)
        fixed = dict(config.fixed or {})
        for name, value in fixed.items():
            column = source.column("task.fixed", name)
            if source.scope.outside(np.array([[value]]), slice(column, column + 1)).any():
                low, high = source.range_of(name)
                raise ConfigError("task.fixed", f"{name} is {value:g}, outside its range {low:g} to {high:g}")
        for name in config.inputs:
            source.column("task.inputs", name)
            if name in fixed:
                raise ConfigError("task.inputs", f"{name} is fixed by task.fixed; it cannot be chosen too")
        names = tuple(config.inputs) or tuple(name for name in source.parameters if name not in fixed)
        if not names:
            raise ConfigError("task.inputs", "no input is left to choose; fix fewer with task.fixed")
        rest = tuple(name for name in source.scope.inputs if name not in (*names, *fixed))
        still = Group(tuple(fixed), np.array([list(fixed.values())]).reshape(1, len(fixed)))
        field, wanted = tuple(grid_groups(source, rest, config.field_points, middles=True)), None
        notes: tuple[str, ...] = ()
        if config.goal == "target" and isinstance(config.target, str):
            field, wanted, notes = _wanted_field(Path(config.target), source, output, rest)
        elif config.goal == "target":
            wanted = np.full(max(1, int(np.prod([len(group.points) for group in field]))), float(config.target))
        constraints = constraints_of(config.constraints, source)
        for constraint in constraints:
            if constraint.name in rest or constraint.name in fixed:
                raise ConfigError(KEY, f'"{constraint.text}": {constraint.name} is not an input that may be chosen')
        sign = -1 if config.goal == "maximize" else 1
        return cls(source, names, output, sign, still, field, wanted, constraints, notes)

    def groups(self, points: np.ndarray) -> list[Group]:
        """The surrogate's inputs at chosen ones (n, d)."""
        return [Group(self.names, points), *([self.fixed] if self.fixed.names else []), *self.field]

    def values(self, points: np.ndarray) -> np.ndarray:
        """Mean (n, F, L) over the field's points F."""
        found = self.source.mean(self.groups(points))
        return found.reshape(len(points), -1, found.shape[-1])

    def merit(self, values: np.ndarray) -> np.ndarray:
        """What is to be small: (…) of values (…, F, L)."""
        own = values[..., self.output]
        if self.wanted is not None:
            return np.asarray(np.mean((own - self.wanted) ** 2, axis=-1))
        return np.asarray(self.sign * own.mean(axis=-1))

    def violation(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """By how much each constraint is missed, (…, C), negative where it holds; points (…, d), values (…, F, L)."""
        means, found = values.mean(axis=-2), []
        for c in self.constraints:
            if c.name in self.source.scope.outputs:
                own = means[..., self.source.scope.outputs.index(c.name)]
            elif c.name in self.names:
                own = np.broadcast_to(points[..., self.names.index(c.name)], means.shape[:-1])
            found.append(c.sign * (own - c.value) - ROUND_OFF * (1.0 + abs(c.value)))
        return np.stack(found, axis=-1) if found else np.zeros((*means.shape[:-1], 0))


def _output(config: OptimizeConfig, source: Source) -> int:
    outputs = source.scope.outputs
    if config.output:
        return source.output("task.output", config.output)
    if len(outputs) > 1:
        raise ConfigError("task.output", f"name the output that is to be best: {', '.join(outputs)}")
    return 0


def _wanted_field(
    path: Path, source: Source, output: int, rest: tuple[str, ...]
) -> tuple[tuple[Group, ...], np.ndarray, tuple[str, ...]]:
    """The points of the field, what is wanted there, and what is to be said of the file."""
    name = source.scope.outputs[output]
    file = opened_columns(path, Reading(choices=source.scope.choices), [*rest, name])
    meaning = dict.fromkeys(rest, "an input that is neither chosen nor fixed") | {name: "the output that is wanted"}
    found = observed_columns(file, source.scope, RUN, rest, [name], meaning=meaning)
    if not rest:
        return (), np.array([found.values.mean()]), found.notes
    return (Group(rest, found.points),), found.values[:, 0], found.notes
