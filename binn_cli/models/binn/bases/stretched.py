"""Another basis in a logarithmic coordinate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import Basis, namespace


@dataclass(frozen=True)
class StretchedBasis:
    """Another basis in the logarithmic coordinate of `stretch`."""

    basis: Basis
    rate: float

    @property
    def centers(self) -> Float[np.ndarray, " J"]:
        """Centres in the stretched coordinate."""
        return self.basis.centers

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        return self.basis(stretch(x, self.rate))


def stretch(x: Float[Array, "*n"], rate: float) -> Float[Array, "*n"]:
    """A coordinate on [0, 1] stretched near 0 (rate > 0) or near 1 (rate < 0): log(1 + rate x) / log(1 + rate).

    A fast initial transient, or a parameter that acts through its logarithm, is smooth in such a coordinate.
    """
    if rate == 0.0:
        return x
    xp, size = namespace(x), abs(rate)
    from_end = 1.0 - x if rate < 0 else x
    stretched = xp.log1p(size * xp.maximum(from_end, -0.5 / size)) / np.log1p(size)
    return 1.0 - stretched if rate < 0 else stretched
