"""Piecewise linear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import namespace


@dataclass(frozen=True)
class HatBasis:
    """φ_j(x) = max(0, 1 - |x - c_j| / h): piecewise linear interpolation between equispaced nodes."""

    centers: Float[np.ndarray, " J"]
    spacing: float

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        xp = namespace(x)
        return xp.maximum(0.0, 1.0 - xp.abs(x[:, None] - self.centers) / self.spacing)
