"""Learning on from more rows without the old ones: yesterday's posterior is today's prior."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, DataError
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate


def learn_on(model: Any, fitted: Any, data: ProductData, forgetting: float = 1.0) -> FittedSurrogate:
    """The surrogate after more data.

    Args:
        model: the model that it is of.
        fitted: the surrogate so far.
        data: new rows, or new cases on the same other axes.
        forgetting: factor on the precision of everything learned so far, in (0, 1]; below 1 for data that drift.

    Raises:
        BinnError: if the model cannot learn on, or the factor is out of range.
    """
    if not 0.0 < forgetting <= 1.0:
        raise BinnError(f"forgetting must be greater than 0 and at most 1, not {forgetting}")
    if hasattr(model, "update"):
        found: FittedSurrogate = model.update(fitted, data, forgetting)
        return found
    if hasattr(fitted, "update"):
        return fitted.update(data, forgetting)  # type: ignore[no-any-return]
    raise BinnError(
        f"model={model.name} cannot learn on from its surrogate alone; take binn or gp, or run again with all rows "
        f"together"
    )


def as_learned(scope: Scope, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, "n L"], where: str) -> ProductData:
    """New rows on the axes on which the surrogate was learned: whole cases, where it was learned from fields.

    Raises:
        DataError: if some combination of points and cases is missing, or stands there twice.
    """
    if len(scope.widths) == 1:
        return ProductData((Axis("point", x, scope.inputs, scope.input_units),), y, scope.outputs, scope.output_units)
    axes, index, begin = [], [], 0
    for number, width in enumerate(scope.widths):
        columns = slice(begin, begin + width)
        points, own = np.unique(x[:, columns], axis=0, return_inverse=True)
        names = scope.inputs[columns]
        axes.append(
            Axis(
                "case" if number == len(scope.widths) - 1 else ", ".join(names),
                points,
                names,
                scope.input_units[columns],
            )
        )
        index.append(own.ravel())
        begin += width
    shape = tuple(axis.size for axis in axes)
    flat = np.ravel_multi_index(tuple(index), shape)
    if len(np.unique(flat)) != len(flat) or len(flat) != int(np.prod(shape)):
        fields, cases = ", ".join(n for axis in axes[:-1] for n in axis.coordinates), ", ".join(axes[-1].coordinates)
        raise DataError(
            f"{where}: {len(flat):,} rows are not whole cases: {fields} take {int(np.prod(shape[:-1])):,} "
            f"combinations and there are "
            f"{shape[-1]:,} of {cases}; give each combination once"
        )
    values = np.empty((len(flat), y.shape[1]))
    values[flat] = y
    return ProductData(tuple(axes), values.reshape(*shape, -1), scope.outputs, scope.output_units)
