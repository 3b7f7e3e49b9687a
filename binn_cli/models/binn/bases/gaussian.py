"""Gaussian basis functions (Eq. 11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import namespace

REACH = 3
"""Neighbours on either side whose values are found from those of one function: round-off grows with every step."""

CLIPPED = 300.0
"""Largest exponent of the ratio of neighbours."""


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

    def at_many(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n J"]:
        """The same but for a few round-offs, in less than half of the time: for the many rows that are learned from.

        Two exponentials give a function and its neighbours: with h between the centres,

            φ_{j±i}(x) = φ_j(x) r^{±i} exp(-(i h)² / (2 l²)),   r = exp(h (x - c_j) / l²).
        """
        count, width = len(self.centers), self.length
        if count <= REACH:
            return self(x)
        spacing = float(self.centers[-1] - self.centers[0]) / (count - 1)
        values = np.empty((count, len(x)))
        for middle in range(REACH, count + REACH, 2 * REACH + 1):
            anchor = min(middle, count - 1)
            scaled = (x - self.centers[anchor]) * (np.sqrt(0.5) / width)
            # Where this is clipped, the function and its neighbours are zero.
            ratio = np.exp(np.clip(scaled * (np.sqrt(2.0) * spacing / width), -CLIPPED, CLIPPED))
            np.multiply(scaled, scaled, out=scaled)
            np.exp(np.negative(scaled, out=scaled), out=values[anchor])
            for side, factor in ((1, ratio), (-1, 1.0 / ratio)):
                for i in range(1, REACH + 1):
                    j = anchor + side * i
                    if not 0 <= j < count:
                        break
                    np.multiply(values[j - side], factor, out=values[j])
                    values[j] *= np.exp(-(i - 0.5) * (spacing / width) ** 2)
        return values.T
