"""What a run has learned, in the user's hands: predict, differentiate, learn on, keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray

from binn_cli.errors import BinnError
from binn_cli.models.gradient import gradient_of
from binn_cli.models.learning_on import as_learned, learn_on
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.prediction.asked import answered, numbers_of, point_coordinates, table_of


@dataclass(frozen=True)
class Learned:
    """A fitted surrogate with the names, units and ranges of what it is of; immutable.

    Attributes:
        model: the model with its hyperparameters, which can learn on.
        surrogate: the fitted surrogate.
        scope: names, units and ranges.
    """

    model: Any
    surrogate: FittedSurrogate
    scope: Scope

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order in which the surrogate takes them."""
        return self.scope.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.scope.outputs

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest training value of every input, of those where they are known."""
        bounds = zip(self.scope.inputs, self.scope.low, self.scope.high, strict=True)
        return {name: (float(low), float(high)) for name, low, high in bounds if np.isfinite([low, high]).all()}

    def predict(self, points: Mapping[str, Any] | Any, *, grid: bool = False, std: bool = True) -> xarray.Dataset:
        """What the surrogate says at some points, in original units.

        Args:
            points: values by the name of the input, arrays of one length or single numbers; or an array (n, D) with
                its columns as `inputs`. A table of pandas counts as values by name.
            grid: whether the values are those of axes, at whose every combination is to be predicted.
            std: whether standard deviations are wanted; a mean alone takes less time.

        Returns:
            `mean`, `std_epistemic` (what it does not know) and `std_total` (of a new observation), dimensions
            (point, output), or an input per dimension and (output) of a grid; `outside` says which points lie outside
            the training range of an input. The points are coordinates, and so are the units of the outputs.

        Raises:
            BinnError: if an input is missing, unknown or not finite.
        """
        return answered(self.surrogate, self.scope, points, grid=grid, std=std)

    def gradient(self, points: Mapping[str, Any] | Any) -> xarray.DataArray:
        """Derivatives of the mean, exact, in units of the outputs per unit of the inputs.

        Args:
            points: as of `predict`.

        Returns:
            Dimensions (point, output, input).

        Raises:
            BinnError: if an input is missing, unknown or not finite, or the model offers no derivative.
        """
        table = table_of(points, self.scope)
        slopes = gradient_of(self.surrogate, self.model.name, table)
        coordinates = {**point_coordinates(self.scope, table), "input": list(self.inputs)}
        return xarray.DataArray(slopes, coordinates, ("point", "output", "input"), "gradient")

    def update(self, rows: Mapping[str, Any] | Any, forgetting: float = 1.0) -> Learned:
        """The surrogate after more rows: what it has learned so far is the prior.

        Args:
            rows: inputs and outputs by name, arrays of one length; a table of pandas will do. Of a surrogate of fields
                whole cases, every combination of points and cases once.
            forgetting: factor on the precision of everything learned so far, in (0, 1]; below 1 for data that drift.

        Returns:
            A new one; this one stays as it is.

        Raises:
            BinnError: if the model cannot learn on.
            DataError: if a column is missing or not finite, or rows are not whole cases.
        """
        x, y = (_columns(rows, names, self.scope) for names in (self.inputs, self.outputs))
        return self.after(x, y, "rows", forgetting)

    def after(self, x: np.ndarray, y: np.ndarray, where: str, forgetting: float = 1.0) -> Learned:
        """As `update`, of rows as tables (n, D) and (n, L); `where` they are from, for errors."""
        data = as_learned(self.scope, x, y, where)
        fitted = learn_on(self.model, self.surrogate, data, forgetting)
        return Learned(self.model, fitted, self.scope.joined(Scope.of(data)))


def _columns(rows: Any, names: Sequence[str], scope: Scope) -> np.ndarray:
    """(n, k) values of the named columns; there may be others."""
    known = {str(name): name for name in (rows.columns if hasattr(rows, "columns") else rows)}
    if missing := [name for name in names if name not in known]:
        raise BinnError(
            f"rows: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; give every input and output"
        )
    columns = [numbers_of(rows[known[name]], name, scope) for name in names]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise BinnError("rows: give one-dimensional arrays of one length")
    for name, column in zip(names, columns, strict=True):
        if not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column)))
            raise BinnError(f"rows: {name} of row {row} is {column[row]}; every number must be finite")
    return np.stack(columns, axis=1)
