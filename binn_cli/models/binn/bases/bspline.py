"""Cubic B-splines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import namespace


@dataclass(frozen=True)
class BSplineBasis:
    """Cubic B-splines on equispaced knots; they span every cubic spline on the domain, polynomials up to degree 3
    included."""

    centers: Float[np.ndarray, " J"]
    spacing: float

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        xp = namespace(x)
        u = xp.abs(x[:, None] - self.centers) / self.spacing
        inner = 2.0 / 3.0 - u**2 + u**3 / 2.0
        outer = xp.maximum(0.0, 2.0 - u) ** 3 / 6.0
        return xp.where(u < 1.0, inner, outer)
