"""Gaussian basis functions (Eq. 11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import namespace


@dataclass(frozen=True)
class GaussianBasis:
    """φ_j(x) = exp(-(x - c_j)² / (2 l²)), Eq. 11, with equispaced centres."""

    centers: Float[np.ndarray, " J"]
    length: float

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        # One division for all: a division per value costs as much as the exponential.
        scaled = (x[:, None] - self.centers) * (np.sqrt(0.5) / self.length)
        return namespace(x).exp(-(scaled * scaled))
