"""The cases that a solver may be asked for: a finite list, or as many as are wanted out of the ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean, shown
from binn_cli.config.schema import SimulatorConfig
from binn_cli.datasets.columns.column_file import Reading, read
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.datasets.simulator.constraints import Constraints
from binn_cli.datasets.simulator.design import design
from binn_cli.datasets.simulator.space import Parameter, Space
from binn_cli.errors import ConfigError, DataError

KEY = "dataset.candidates"
MOST_CANDIDATES = 1_000_000
LISTED = 10_000
"""Cases up to which all are listed where there are only so many, and nobody names candidates."""


def listed_candidates(
    config: SimulatorConfig, space: Space, constraints: Constraints, seed: int, start: Path
) -> Float[np.ndarray, "n D"] | None:
    """The finite list of candidates, inside the constraints: those that a configuration names, or all where there are
    only some; None for anything in the ranges.

    Raises:
        ConfigError: if the list cannot be used.
        DataError: if its file cannot be read.
    """
    given = config.candidates
    if given is None:
        levels = [parameter.levels for parameter in space.parameters]
        if math.prod(len(own) if own is not None else math.inf for own in levels) > LISTED:
            return None
        given = {}  # whole numbers and choices alone: there are no more cases than these
    if isinstance(given, bool) or (isinstance(given, int) and given < 2):
        raise ConfigError(KEY, f"must be at least 2 where it is a number, not {shown(given)}")
    if isinstance(given, int):
        if given > MOST_CANDIDATES:
            raise ConfigError(KEY, f"must be at most {MOST_CANDIDATES:,}, not {given:,}")
        return design("sobol", space, constraints, given, seed, "simulator candidates")
    if isinstance(given, Mapping):
        points = _combinations(given, space)
    elif isinstance(given, str):
        points = _of_file(start / given, space)
    else:
        points = _of_list(given, space)
    distinct = np.unique(points, axis=0, return_index=True)[1]
    points = points[np.sort(distinct)]
    kept = points[constraints.hold(points)]
    if len(kept) < 2:
        raise ConfigError(
            KEY, f"leaves {len(kept)} of {len(points):,} cases that fulfil the constraints; at least 2 are needed"
        )
    return kept


def _combinations(given: Mapping[Any, Any], space: Space) -> Float[np.ndarray, "n D"]:
    """Every combination of some levels of each parameter, the first one outermost."""
    for name in given:
        if str(name) not in space.names:
            raise ConfigError(KEY, f"names {str(name)!r}, which is no parameter{did_you_mean(str(name), space.names)}")
    levels = [_levels(parameter, given.get(parameter.name)) for parameter in space.parameters]
    count = math.prod(map(len, levels))
    if count > MOST_CANDIDATES:
        raise ConfigError(KEY, f"makes {count:,} combinations; at most {MOST_CANDIDATES:,} are possible")
    return np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, len(space))


def _levels(parameter: Parameter, given: Any) -> Float[np.ndarray, " n"]:
    """So many levels, equally spaced on the parameter's scale, or those that are named."""
    name = parameter.name
    if given is None:
        if parameter.levels is None:
            raise ConfigError(KEY, f"says nothing of {name!r}; give its number of levels, or a list of values")
        return parameter.levels
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 1:
            raise ConfigError(KEY, f"must have at least 1 level of {name!r}, not {given}")
        if parameter.choices or parameter.integer:
            raise ConfigError(KEY, f"{name!r} has values of its own; leave it out for all of them, or list some")
        if given == 1:
            return parameter.at(np.array([0.5]))
        if parameter.log:
            return np.clip(np.geomspace(parameter.low, parameter.high, given), parameter.low, parameter.high)
        return np.linspace(parameter.low, parameter.high, given)
    if not isinstance(given, list) or not given:
        raise ConfigError(KEY, f"must be a whole number or a list of values for {name!r}, not {shown(given)}")
    try:
        return np.array([parameter.read(value) for value in given])
    except DataError as error:
        raise ConfigError(KEY, str(error)) from error


def _of_list(given: list[Any], space: Space) -> Float[np.ndarray, "n D"]:
    rows = []
    for number, item in enumerate(given, 1):
        row = item if isinstance(item, Mapping) else None
        if row is None and isinstance(item, list) and len(item) == len(space):
            row = dict(zip(space.names, item, strict=True))
        if row is None:
            raise ConfigError(
                KEY, f"case {number} must have a value for each of {', '.join(space.names)}, not {shown(item)}"
            )
        try:
            rows.append(space.read({str(key): value for key, value in row.items()}))
        except DataError as error:
            raise ConfigError(KEY, f"case {number}: {error}") from error
    return np.array(rows).reshape(len(rows), len(space))


def _of_file(path: Path, space: Space) -> Float[np.ndarray, "n D"]:
    texts = [parameter.name for parameter in space.parameters if parameter.has_texts]
    if texts:
        raise ConfigError(
            KEY, f"a file cannot hold the texts of {texts[0]!r}; list the cases, or give {{NAME: values}}"
        )
    file = opened_columns(path, Reading(), space.names)
    missing = [name for name in space.names if name not in file.units]
    if missing:
        raise DataError(
            f"{path}: there is no column {missing[0]!r}; every parameter needs one: {', '.join(space.names)}"
        )
    table = read(file, space.names)
    points = []
    for i, row in enumerate(table):
        try:
            points.append(space.read(dict(zip(space.names, row.tolist(), strict=True))))
        except DataError as error:
            raise DataError(f"{path}, {file.place(i)}: {error}") from error
    return np.array(points).reshape(len(points), len(space))
