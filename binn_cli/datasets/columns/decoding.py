"""How stored numbers become values, by the conventions of NetCDF: fill values, limits of what is valid, packed and
unsigned numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.arrays import as_text
from binn_cli.datasets.columns.column_file import without_numbers

NEVER_WRITTEN = (9.969209968386869e36, np.float64(np.float32(9.969209968386869e36)))
"""What NetCDF fills places with that are never written, in its two kinds of floating-point numbers."""
NEVER_WRITTEN_WHOLE = {4: (-2147483647.0,), 8: (-9223372036854775806.0,)}
"""The same of whole numbers by their bytes; of shorter ones any may be meant."""


@dataclass(frozen=True)
class Decoding:
    """How stored numbers become values: (number * scale + offset), unless it stands for a missing one.

    Attributes:
        missing: stored numbers that stand for missing ones.
        scale, offset: attributes `scale_factor` and `add_offset`.
        valid: smallest and largest stored number that is valid: attributes `valid_range`, `valid_min`, `valid_max`.
        unsigned: whether whole numbers are meant without a sign: attribute `_Unsigned`.
    """

    missing: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] = (-np.inf, np.inf)
    unsigned: bool = False

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Decoding:
        """As the attributes of an array say, in the conventions of NetCDF."""
        found = [
            float(v)
            for name in ("_FillValue", "missing_value")
            if name in attributes
            for v in _numbers(attributes[name])
        ]
        scale, offset = (
            _numbers(attributes.get(name, default)) for name, default in (("scale_factor", 1.0), ("add_offset", 0.0))
        )
        return cls(
            tuple(found),
            float(scale[0]) if len(scale) else 1.0,
            float(offset[0]) if len(offset) else 0.0,
            valid_range(attributes),
            as_text(attributes.get("_Unsigned", "")).lower() == "true",
        )

    def __call__(self, stored: np.ndarray) -> Float[np.ndarray, "*shape"]:
        """The values, NaN where one is missing."""
        missing, (low, high) = self.missing, self.valid
        if stored.dtype.kind == "i":
            missing = (*missing, *NEVER_WRITTEN_WHOLE.get(stored.dtype.itemsize, ()))
            if self.unsigned:
                turn = 2.0 ** (8 * stored.dtype.itemsize)
                stored = stored.astype(f"u{stored.dtype.itemsize}")
                missing = tuple(number % turn for number in missing)
        values = np.asarray(stored, dtype=np.float64)
        if values.size and stored.dtype.kind == "f" and not values.max() < NEVER_WRITTEN[0] / 2:
            values = without_numbers(values, NEVER_WRITTEN)
        values = without_numbers(values, missing)
        if np.isfinite(low) or np.isfinite(high):
            values = np.where((values >= low) & (values <= high), values, np.nan)
        return values if (self.scale, self.offset) == (1.0, 0.0) else values * self.scale + self.offset


def valid_range(attributes: Mapping[str, Any]) -> tuple[float, float]:
    """Smallest and largest valid number, as the conventions of NetCDF state them."""
    both = _numbers(attributes.get("valid_range", ()))
    low, high = both if len(both) == 2 else (-np.inf, np.inf)
    least, most = _numbers(attributes.get("valid_min", low)), _numbers(attributes.get("valid_max", high))
    return float(least[0]) if len(least) else float(low), float(most[0]) if len(most) else float(high)


def _numbers(value: Any) -> np.ndarray:
    array = np.atleast_1d(np.asarray(value))
    return array if array.dtype.kind in "biuf" else np.zeros(0)
