"""One axis of product data as a Tucker decomposition sees it: whitened once, so that every later step is diagonal.

With the basis values Φ = U S Vᵀ at the axis's points and whitened weights z = Vᵀ w, the Gram matrix of z is S² and the
data enter only through Uᵀ Y. A nodal axis, whose points are their own functions, is the case U = S = V = I.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.bases.base import Basis

NEGLIGIBLE = 1e-15
"""Singular values below this share of the largest are round-off; those directions keep their prior."""


@dataclass(frozen=True)
class GridAxis:
    """An axis in whitened coordinates.

    Attributes:
        left: (n, K) U, or None for a nodal axis.
        squared: (K,) S², or (1,) of ones for a nodal axis.
        directions: (J, K) V, or None for a nodal axis.
        projection: (R, K) the factor in the coordinates of the compressed data is `projection @ z.T`.
    """

    left: Float[np.ndarray, "n K"] | None
    squared: Float[np.ndarray, " s"]
    directions: Float[np.ndarray, "J K"] | None
    projection: Float[np.ndarray, "R K"]

    @classmethod
    def of_basis(cls, basis: Basis, x: Float[np.ndarray, " n"]) -> GridAxis:
        """The axis of one coordinate, before its data are compressed."""
        left, singular, right = np.linalg.svd(basis(x), full_matrices=False)
        kept = singular > NEGLIGIBLE * singular[0]
        return cls(left[:, kept], singular[kept] ** 2, right[kept].T, np.zeros((0, int(kept.sum()))))

    @classmethod
    def nodal(cls) -> GridAxis:
        """An axis whose points are their own functions, before its data are compressed."""
        return cls(None, np.ones(1), None, np.zeros((0, 0)))

    def compressed(self, vectors: Float[np.ndarray, "K R"]) -> GridAxis:
        """The axis once its data are written in the R leading singular vectors of their unfolding."""
        return replace(self, projection=vectors.T * np.sqrt(self.squared))

    @property
    def size(self) -> int:
        """K."""
        return self.projection.shape[1]

    def gram(self, mean: Float[np.ndarray, "R K"]) -> Float[np.ndarray, "R R"]:
        """Gram matrix of functions over the axis's points."""
        return (mean * self.squared) @ mean.T


def complement(
    mean: Float[np.ndarray, "Q K"], squared: Float[np.ndarray, " K"]
) -> tuple[Float[np.ndarray, "K C"], Float[np.ndarray, " C"], Float[np.ndarray, "K s"]]:
    """Orthonormal whitened directions N that leave the functions' span, with NᵀS²N diagonal and W S² N = 0; the
    diagonal; and the rest of the directions."""
    moved = (mean * squared).T  # (K, Q)
    left, singular, _ = np.linalg.svd(moved, full_matrices=True)
    rank = int(np.sum(singular > 1e-12 * max(singular[0], np.finfo(float).tiny))) if len(singular) else 0
    rest = left[:, rank:]
    values, vectors = np.linalg.eigh(rest.T @ (squared[:, None] * rest))
    return rest @ vectors, np.maximum(values, 0.0), left[:, :rank]
