"""Points that are asked about in Python, and the answers as xarray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.prediction.blocks import answers_at_points, answers_on_grid

RESERVED = ("point", "output", "input", "unit", "mean", "std_epistemic", "std_total", "outside")
"""Names of variables and dimensions that are no inputs."""


def answered(
    surrogate: FittedSurrogate, scope: Scope, points: Any, *, grid: bool = False, std: bool = True
) -> xarray.Dataset:
    """See `binn_cli.loading.Run.predict`."""
    if grid:
        axes = grid_axes(points, scope)
        names = tuple(_free(axis.name) for axis in axes)
        coordinates = _output_coordinates(scope) | {
            name: (name, axis.points[:, 0]) for name, axis in zip(names, axes, strict=True)
        }
        answers = list(answers_on_grid(surrogate, scope, axes, std=std))
        shape = tuple(axis.size for axis in axes)
    else:
        table = table_of(points, scope)
        names, shape = ("point",), (len(table),)
        coordinates = point_coordinates(scope, table)
        answers = list(answers_at_points(surrogate, scope, [table], std=std))
    found: dict[str, np.ndarray] = {
        name: np.empty((*shape, len(scope.outputs))) for name in (answers[0].arrays if answers else ("mean",))
    }
    outside = np.empty(shape, dtype=bool)
    for answer in answers:
        where = tuple(slice(c, c + n) for c, n in zip(answer.corner, answer.outside.shape, strict=True))
        for name, array in answer.arrays.items():
            found[name][where] = array
        outside[where] = answer.outside
    variables = {name: ((*names, "output"), array) for name, array in found.items()}
    return xarray.Dataset({**variables, "outside": (names, outside)}, coordinates)


def _output_coordinates(scope: Scope) -> dict[str, Any]:
    return {"output": list(scope.outputs), "unit": ("output", list(scope.output_units))}


def point_coordinates(scope: Scope, table: np.ndarray) -> dict[str, Any]:
    """Outputs with their units, and the inputs of every point."""
    columns = {
        name: np.array(scope.choices[name])[column.astype(int)] if name in scope.choices else column
        for name, column in zip(scope.inputs, table.T, strict=True)
    }
    return _output_coordinates(scope) | {_free(name): ("point", column) for name, column in columns.items()}


def _free(name: str) -> str:
    return f"{name} (input)" if name in RESERVED else name


def grid_axes(points: Any, scope: Scope) -> tuple[Axis, ...]:
    """An axis per input, in the surrogate's order.

    Raises:
        BinnError: if an input is missing, unknown, not finite or no row of numbers.
    """
    given = _by_name(points, scope)
    axes = []
    for name, unit in zip(scope.inputs, scope.input_units, strict=True):
        values = np.atleast_1d(given[name])
        if values.ndim != 1 or len(values) == 0:
            raise BinnError(f"points: {name} must be a row of numbers to be an axis, not of shape {values.shape}")
        _require_finite(values[:, None], (name,))
        axes.append(Axis(name, values[:, None], (name,), (unit,)))
    return tuple(axes)


def numbers_of(values: Any, name: str, scope: Scope) -> np.ndarray:
    """Values of an input as numbers, texts as their places among its choices.

    Raises:
        BinnError: for a text that is none of them, or anything that is no number.
    """
    array, texts = np.asarray(values), scope.choices.get(name, ())
    if array.dtype.kind not in "biuf" and texts:
        other = next((text for text in map(str, array.ravel()) if text not in texts), None)
        if other is not None:
            raise BinnError(
                f"points: {name} is {other!r}, which is none of its choices "
                f"{', '.join(texts)}{did_you_mean(other, texts)}"
            )
        return np.array([texts.index(str(text)) for text in array.ravel()], dtype=float).reshape(array.shape)
    try:
        return array.astype(float)
    except (ValueError, TypeError) as error:
        raise BinnError(f"points: {name} is not a row of numbers ({error})") from error


def _by_name(points: Any, scope: Scope) -> dict[str, np.ndarray]:
    """Values of every input; outputs beside them, as in a table of known rows, are passed over."""
    inputs = scope.inputs
    columns = points.columns if hasattr(points, "columns") else points
    named = [name for name in columns if str(name) in inputs or str(name) not in scope.outputs]
    for name in map(str, named):
        if name not in inputs:
            raise BinnError(f"points: {name} is no input; there are {', '.join(inputs)}{did_you_mean(name, inputs)}")
    given = {str(name): numbers_of(points[name], str(name), scope) for name in named}
    if missing := [name for name in inputs if name not in given]:
        raise BinnError(
            f"points: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; give a value of every input"
        )
    return given


def table_of(points: Any, scope: Scope) -> np.ndarray:
    """(n, D) values in the order of the inputs.

    Raises:
        BinnError: if an input is missing, unknown or not finite, or the numbers of values differ.
    """
    inputs = scope.inputs
    if not isinstance(points, Mapping) and not hasattr(points, "columns"):
        table = np.asarray(points, dtype=float)
        if table.ndim != 2 or table.shape[1] != len(inputs):
            shape = " x ".join(map(str, table.shape)) or "a single number"
            raise BinnError(f"points: must have {len(inputs)} columns ({', '.join(inputs)}), not {shape}")
    else:
        given = _by_name(points, scope)
        try:
            table = np.stack(np.broadcast_arrays(*(np.atleast_1d(given[name]) for name in inputs)), axis=-1)
        except ValueError as error:
            lengths = ", ".join(f"{name} has {given[name].size}" for name in inputs)
            raise BinnError(f"points: the values differ in number: {lengths}; with grid=True they may") from error
    if table.ndim != 2:
        raise BinnError("points: give one-dimensional arrays, or single numbers")
    _require_finite(table, inputs)
    return table


def _require_finite(table: np.ndarray, inputs: Sequence[str]) -> None:
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise BinnError(f"points: {inputs[column]} of point {row} is {table[row, column]}; every input must be finite")
