"""What the blocks of a sum of products see of an axis: features at its points, and their products.

Symbols: A axes; n_a points of axis a; K_d features of dimension d; M modes; C_a (n_a, M) the columns of axis a, the
products of the functions of its dimensions; Γ_a = C_aᵀ C_a. An axis of one coordinate is whitened, Φ = U S Vᵀ: its
points are then the K directions of U, in which the data are projected, and its design is diag(S) Vᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.cp.moments import MANY_ROWS

KEPT_ENTRIES = 2**25
"""Numbers of the features of an axis's points up to which they are kept (256 MB); else they are computed chunk by
chunk."""

ROW_LOOP = 6
"""Numbers per row from which on a loop over them is long enough."""

MANY_POINTS = 4096
"""Points from which on features are evaluated in the way that is fast rather than exact to the last bits."""


@dataclass(frozen=True)
class AxisDesign:
    """One axis: the features of its coordinates at its points, kept, or computed from the points when they are read.

    Attributes:
        points: n.
        sizes: K of every coordinate.
        designs: for each coordinate (n, K) its features, or nothing where they are not kept.
        features: of every coordinate; nothing on a whitened axis, whose designs are all there is.
        x: (n, D) the points.
        projection: (n, R) orthonormal columns in which the data are compressed, or None for R = n.
    """

    points: int
    sizes: tuple[int, ...]
    designs: tuple[Float[np.ndarray, "n K"], ...] = ()
    features: tuple[Features, ...] = ()
    x: Float[np.ndarray, "n D"] | None = None
    projection: Float[np.ndarray, "n R"] | None = None

    @classmethod
    def of(
        cls, features: Sequence[Features], x: Float[np.ndarray, "n D"], projection: np.ndarray | None = None
    ) -> AxisDesign:
        """The axis of points."""
        sizes = tuple(f.size for f in features)
        kept = len(x) * sum(sizes) <= KEPT_ENTRIES and not (len(sizes) == 1 and len(x) >= MANY_ROWS)
        many = len(x) >= MANY_POINTS
        designs = tuple((f.at_many if many else f)(x[:, c]) for c, f in enumerate(features)) if kept else ()
        return cls(len(x), sizes, designs, tuple(features), x, projection)

    @classmethod
    def whitened(cls, features: Features, x: Float[np.ndarray, " n"]) -> tuple[AxisDesign, Float[np.ndarray, "n K"]]:
        """The axis of one coordinate in the coordinates U of Φ = U S Vᵀ, in which data are to be projected; and U."""
        left, singular, right = np.linalg.svd(features(x), full_matrices=False)
        return cls(len(singular), (right.shape[1],), (singular[:, None] * right,)), left

    def design(self, coordinate: int, rows: slice = slice(None)) -> Float[np.ndarray, "r K"]:
        """Features of a coordinate at some of the points."""
        if self.designs:
            return self.designs[coordinate][rows]
        assert self.x is not None
        return self.features[coordinate].at_many(self.x[rows, coordinate])

    def taken(self, rows: np.ndarray) -> AxisDesign:
        """Some of the points of a table."""
        assert self.x is not None and self.projection is None
        return AxisDesign(len(rows), self.sizes, tuple(phi[rows] for phi in self.designs), self.features, self.x[rows])

    @property
    def count(self) -> int:
        """D."""
        return len(self.sizes)


def prefix_suffix(functions: Sequence[Float[np.ndarray, "n M"]]) -> list[Float[np.ndarray, "n M"]]:
    """For each function the product of all the others, without a division."""
    count = len(functions)
    others: list[np.ndarray] = [np.ones((1, 1))] * count
    before: np.ndarray = np.ones((1, 1))
    for d in range(count):
        others[d], before = before, before * functions[d]
    after: np.ndarray = np.ones((1, 1))
    for d in reversed(range(count)):
        others[d], after = others[d] * after, after * functions[d]
    return [np.broadcast_to(other, functions[0].shape) for other in others]


def jacobian(
    designs: Sequence[Float[np.ndarray, "n K"]], functions: Sequence[Float[np.ndarray, "n M"]]
) -> Float[np.ndarray, "n P"]:
    """Derivatives of every mode's product with respect to its own weights, dimension by dimension, (K, M) each.

    Column (d, k, m) at point i is φ_dk(x_i) ∏_{e≠d} f_e^(m)(x_i): the design row g ⊗ φ of every block (Eq. 18), side by
    side.
    """
    modes = functions[0].shape[1]
    ends = np.cumsum([0, *(phi.shape[1] * modes for phi in designs)])
    found = np.empty((len(functions[0]), ends[-1]))
    for phi, g, begin, end in zip(designs, prefix_suffix(functions), ends[:-1], ends[1:], strict=True):
        face_splitting(g, phi, found[:, begin:end])
    return found


def face_splitting(
    g: Float[np.ndarray, "n M"], phi: Float[np.ndarray, "n K"], out: Float[np.ndarray, "n P"] | None = None
) -> Float[np.ndarray, "n P"]:
    """Row by row the Kronecker product φ ⊗ g, (K, M) in one row: the transposed Khatri-Rao product."""
    width, modes = phi.shape[1], g.shape[1]
    found = np.empty((len(phi), width * modes)) if out is None else out
    if modes >= ROW_LOOP:
        np.einsum("nk,nm->nkm", phi, g, out=found.reshape(len(phi), width, modes))
        return found
    # One long loop for each mode: NumPy's loop over a few numbers per row costs more.
    for m in range(modes):
        np.multiply(phi, g[:, m, None], out=found[:, m::modes])
    return found


def contract_others(
    data: Float[np.ndarray, "*R"], columns: Sequence[Float[np.ndarray, "R M"]], keep: int
) -> Float[np.ndarray, "R M"]:
    """The data contracted with the columns of every axis but one, mode by mode (the MTTKRP)."""
    others = [a for a in range(data.ndim) if a != keep]
    if not others:
        return data[:, None]
    # The first contraction, that of the longest axis, makes the axis of modes, along which the others go side by side.
    first = max(others, key=lambda a: data.shape[a])
    found = np.expand_dims(np.tensordot(data, columns[first], axes=(first, 0)), first)
    for a in others:
        if a != first:
            found = np.sum(
                found * np.expand_dims(columns[a], tuple(b for b in range(data.ndim) if b != a)), axis=a, keepdims=True
            )
    return found.reshape(data.shape[keep], -1)
