"""Units: inputs are mapped to [0, 1] per dimension, outputs are shifted and scaled, and everything reported is mapped
back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError

FAR_FROM_ZERO = 10.0
"""Mean over standard deviation from which on an output is centred although its zero may mean something."""

SQUARABLE = 1e-130, 1e130
"""Scales between which variances, some 1e-30 of the squared scale too, are numbers."""

ROWS_AT_ONCE = 64
"""Points that are scaled as one row of numbers."""


def squarable_unit(size: Float[np.ndarray, " L"]) -> Float[np.ndarray, " L"]:
    """(L,) a unit in which values of such sizes can be squared: 1 for all but the smallest and the largest."""
    return np.where((size == 0.0) | ((size > SQUARABLE[0]) & (size < SQUARABLE[1])), 1.0, size)


@dataclass(frozen=True)
class InputMap:
    """The affine map of every coordinate onto [0, 1].

    Attributes:
        low: (D,) the smallest value of each coordinate.
        span: (D,) its range; 1 for a coordinate that never changes.
    """

    low: Float[np.ndarray, " D"]
    span: Float[np.ndarray, " D"]

    @classmethod
    def of(cls, data: ProductData, domain: Float[np.ndarray, "D 2"] | None) -> InputMap:
        """The map of the stated domain, widened to the data where they reach beyond it."""
        low = np.concatenate([axis.points.min(axis=0) for axis in data.axes])
        high = np.concatenate([axis.points.max(axis=0) for axis in data.axes])
        if domain is not None:
            low, high = np.minimum(low, domain[:, 0]), np.maximum(high, domain[:, 1])
        return cls(low, np.where(high > low, high - low, 1.0))

    def __call__(self, points: Float[np.ndarray, "n K"], dimensions: slice) -> Float[np.ndarray, "n K"]:
        """Points of the given dimensions in units of the domain."""
        low, span = self.low[dimensions], self.span[dimensions]
        scaled = np.empty(points.shape)
        whole = len(points) // ROWS_AT_ONCE * ROWS_AT_ONCE
        # Many rows as one long one: NumPy's inner loop would else be over the few coordinates of a single point.
        long = points[:whole].reshape(-1, ROWS_AT_ONCE * len(low)), scaled[:whole].reshape(-1, ROWS_AT_ONCE * len(low))
        np.subtract(long[0], np.tile(low, ROWS_AT_ONCE), out=long[1])
        np.divide(long[1], np.tile(span, ROWS_AT_ONCE), out=long[1])
        scaled[whole:] = (points[whole:] - low) / span
        return scaled

    def axes(self, axes: Sequence[Axis]) -> list[Float[np.ndarray, "n K"]]:
        """The points of every axis in units of the domain.

        Raises:
            DataError: if the axes have not the D coordinates that were learned.
        """
        ends = np.cumsum([0] + [axis.points.shape[1] for axis in axes])
        if ends[-1] != len(self.low):
            raise DataError(f"the axes have {ends[-1]} coordinates, but the surrogate has learned {len(self.low)}")
        return [self(axis.points, slice(int(a), int(b))) for axis, a, b in zip(axes, ends, ends[1:], strict=False)]


@dataclass(frozen=True)
class OutputMap:
    """The affine map that standardises every output.

    Attributes:
        shift: (L,) what is subtracted.
        scale: (L,) what is divided by; 1 for an output that never changes.
    """

    shift: Float[np.ndarray, " L"]
    scale: Float[np.ndarray, " L"]

    @classmethod
    def of(cls, data: ProductData, scaling: str) -> OutputMap:
        """The map that `scaling` names.

        `standard` gives the data zero mean and unit variance. `scale` divides by their root mean square only, which
        keeps homogeneous boundary values at zero, where the prior has its mean. `scale_or_standard` is `scale` unless
        the mean is so far from zero that the signal would drown in it. `none` leaves them as they are.
        """
        outputs = len(data.outputs)
        if scaling == "none":
            return cls(np.zeros(outputs), np.ones(outputs))
        # In units of the largest value, so that no square underflows or overflows.
        values = np.ascontiguousarray(data.values.reshape(-1, outputs).T)  # sums must not depend on what lies beside
        largest = np.max(np.abs(values), axis=1)
        unit = np.where(largest > 0.0, largest, 1.0)
        relative = values / unit[:, None]
        mean = relative.mean(axis=1)
        deviation = np.sqrt(np.mean((relative - mean[:, None]) ** 2, axis=1))
        centred = np.full(outputs, scaling == "standard")
        if scaling == "scale_or_standard":
            centred = np.abs(mean) > FAR_FROM_ZERO * deviation
        size = np.where(centred, deviation, np.sqrt(np.mean(relative**2, axis=1)))
        return cls._guarded(np.asarray(np.where(centred, mean, 0.0) * unit), np.asarray(size * unit))

    @property
    def variance_unit(self) -> Float[np.ndarray, " L"]:
        """(L,) in whose squares variances are given: 1, or the scale where its square is no number."""
        return squarable_unit(self.scale)

    @classmethod
    def from_sums(
        cls,
        n: int,
        total: Float[np.ndarray, " L"],
        squares: Float[np.ndarray, " L"],
        about: Float[np.ndarray, " L"],
        scaling: str,
        unit: Float[np.ndarray, " L"] | float = 1.0,
    ) -> OutputMap:
        """The same map from sums over n values and their squares, both taken about the value `about`, all four in
        `unit`."""
        if scaling == "none":
            return cls(np.zeros(len(total)), np.ones(len(total)))
        mean = total / n
        if scaling == "standard":
            return cls._guarded((about + mean) * unit, np.sqrt(np.maximum(squares / n - mean**2, 0.0)) * unit)
        size = np.sqrt(np.maximum(squares / n + 2.0 * about * mean + about**2, 0.0))
        return cls._guarded(np.zeros(len(total)), size * unit)

    @classmethod
    def _guarded(cls, shift: Float[np.ndarray, " L"], size: Float[np.ndarray, " L"]) -> OutputMap:
        # A constant output leaves nothing but round-off of its own size, which is not a scale.
        constant = size <= 1e-14 * np.maximum(np.abs(shift), np.finfo(float).tiny)
        return cls(shift, np.where(constant | (size == 0), 1.0, size))
