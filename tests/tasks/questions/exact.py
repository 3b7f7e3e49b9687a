"""A surrogate that knows a function exactly, or up to a standard deviation that is stated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from binn_cli.datasets.product import Axis
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FitReport, Prediction
from binn_cli.tasks.questions.source import Source


@dataclass(frozen=True)
class Exact:
    """A function from (n, D) to (n, L) as a fitted surrogate."""

    function: Callable[[np.ndarray], np.ndarray]
    std: float = 0.0
    report: FitReport = field(default_factory=lambda: FitReport(0.0, 0.0, {}))

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The function on the product of the axes."""
        del variance
        sizes = tuple(axis.size for axis in axes)
        index = np.unravel_index(np.arange(int(np.prod(sizes))), sizes)
        table = np.concatenate([axis.points[i] for axis, i in zip(axes, index, strict=True)], axis=1)
        mean = np.asarray(self.function(table)).reshape(*sizes, -1)
        return Prediction(mean, np.full(mean.shape, self.std**2), np.zeros(mean.shape))

    def state(self) -> dict[str, object]:
        """Nothing is kept."""
        return {}


def source_of(
    function: Callable[[np.ndarray], np.ndarray],
    ranges: dict[str, tuple[float, float]],
    outputs: tuple[str, ...] = ("y",),
    *,
    std: float = 0.0,
    widths: tuple[int, ...] = (),
) -> Source:
    """A source whose surrogate is a function."""
    low, high = np.array(list(ranges.values())).T
    names = tuple(ranges)
    scope = Scope(names, ("",) * len(names), outputs, ("",) * len(outputs), low, high, widths)
    return Source(Exact(function, std), scope, "exact", "a run")
