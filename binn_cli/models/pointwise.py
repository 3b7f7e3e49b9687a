"""Prediction of models that know no axes: the product of the axes as a table, in batches of one shape that compiles
once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.surrogate import Prediction
from binn_cli.models.units import Units

FEWEST = 64
"""Smallest number of points that prediction is compiled for; fewer are padded, so that small sets share one
executable."""

Evaluate = Callable[[Stopwatch, Float[np.ndarray, "b D"]], tuple[Float[np.ndarray, "b L"], ...]]
"""Mean and epistemic variance at b points, all in scaled units; of a model whose noise varies, its variance as well."""


def predict_pointwise(
    units: Units, axes: Sequence[Axis], noise: Float[np.ndarray, " L"] | None, batch: int, evaluate: Evaluate
) -> Prediction:
    """The predictive distribution at every combination of the axes' points.

    Args:
        units: the units in which `evaluate` works.
        axes: as for `FittedSurrogate.predict`.
        noise: variance of the observation noise in scaled units; None where `evaluate` gives it at every point.
        batch: points in one call of `evaluate`; the last call is filled up with its own last point.
        evaluate: the model.

    Raises:
        DataError: if the axes have not the coordinates that were learned.
    """
    points = units.axes(axes)
    sizes = tuple(len(p) for p in points)
    total = int(np.prod(sizes))
    # A power of two, so that splits of similar size share an executable.
    batch = min(batch, max(FEWEST, 1 << max(total - 1, 1).bit_length()))
    watch = Stopwatch()
    outputs = len(units.outputs.scale)
    parts = tuple(np.empty((total, outputs)) for _ in range(3 if noise is None else 2))
    for begin in range(0, total, batch):
        rows = np.minimum(np.arange(begin, begin + batch), total - 1)
        indices = np.unravel_index(rows, sizes)
        table = np.concatenate([p[i] for p, i in zip(points, indices, strict=True)], axis=1)
        found = evaluate(watch, table)
        kept = slice(begin, min(begin + batch, total))
        for part, new in zip(parts, found, strict=True):
            part[kept] = np.asarray(new)[: kept.stop - begin]
    mean, variance, *varying = (part.reshape(*sizes, outputs) for part in parts)
    return units.prediction(mean, variance, varying[0] if noise is None else noise, watch.compile_seconds)
