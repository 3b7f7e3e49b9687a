"""Features of one input: a basis in the coordinates in which its prior is a unit normal distribution.

A basis of J functions with weights w ~ N(0, Λ) is Φ w = (Φ T) z with z ~ N(0, I). Here Λ is that of the kernel
(1 - s) + s exp(-(x - x')² / (2 ℓ²)): a constant, and closely spaced, padded Gaussians of length ℓ / √2 (section 3.4).
Directions that are invisible on the whole domain are left out, so K is a handful for a smooth function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import Basis, namespace
from binn_cli.models.binn.bases.build import basis_of, basis_tree, build_basis
from binn_cli.models.binn.bases.gaussian import GaussianBasis
from binn_cli.models.binn.bases.stretched import StretchedBasis, stretch

INVISIBLE = 1e-11
"""Share of the largest variance on the domain below which a direction is left out."""

ROUND_OFF = 1e-30
"""The same for a stated basis, all of whose freedom is meant."""

CACHED_ENTRIES = 2**15
"""Values of the basis that are found together where points are many (256 kB)."""

DENSE_POINTS = 257
"""Points of the domain on which directions are judged."""

PADDING = 6.0
"""How many lengths of the Gaussians centres reach beyond either end."""

SHORTEST, LONGEST = 0.02, 12.0
"""Lengths outside this range are as good as its ends: the domain has length one."""


@dataclass(frozen=True)
class Features:
    """K functions of one input on [0, 1] whose weights have unit prior variance; the first may be the constant.

    Attributes:
        basis: the J functions that they are made of.
        transform: (J, K) each feature in the basis.
        constant: value of a leading constant feature; 0 where there is none.
    """

    basis: Basis
    transform: Float[np.ndarray, "J K"]
    constant: float = 0.0

    @property
    def size(self) -> int:
        """Number of features, the constant included."""
        return self.transform.shape[1] + (self.constant > 0.0)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n K"]:
        """Values at n points."""
        values = self.basis(x) @ self.transform
        if not self.constant:
            return values
        xp = namespace(x)
        return xp.concatenate([xp.full((x.shape[0], 1), self.constant), values], axis=1)

    def at_many(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n K"]:
        """The same but for round-off, in parts that stay in the cache: for the many rows that are learned from."""
        found, begin = np.empty((len(x), self.size)), int(self.constant > 0.0)
        found[:, :begin] = self.constant
        step = max(64, CACHED_ENTRIES // len(self.basis.centers))
        for first in range(0, len(x), step):
            rows = slice(first, first + step)
            found[rows, begin:] = _at_many(self.basis, x[rows]) @ self.transform
        return found


def _at_many(basis: Basis, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n J"]:
    if isinstance(basis, StretchedBasis):
        return _at_many(basis.basis, stretch(x, basis.rate))
    return basis.at_many(x) if isinstance(basis, GaussianBasis) else basis(x)


def smooth_features(length: float, share: float, rate: float = 0.0) -> Features:
    """Features of the kernel (1 - s) + s exp(-(x - x')² / (2 ℓ²)), in the logarithmic coordinate of a rate."""
    length = float(np.clip(length, SHORTEST, LONGEST))
    own = length / np.sqrt(2.0)
    count = max(2, int(np.ceil(2.0 / own)) + 1)
    padding = int(np.ceil(PADDING * own * (count - 1)))
    basis = build_basis("gaussian", count, padding, own, rate)
    return Features(basis, np.sqrt(share) * whitening(basis), float(np.sqrt(1.0 - share)))


def whitening(basis: Basis, negligible: float = INVISIBLE) -> Float[np.ndarray, "J K"]:
    """The basis's visible directions, scaled so that unit weights give a unit prior variance, averaged over the
    domain."""
    values = basis(np.linspace(0.0, 1.0, DENSE_POINTS))
    mean = np.mean(np.sum(values**2, axis=1))
    _, singular, right = np.linalg.svd(values / np.sqrt(mean), full_matrices=False)
    kept = singular**2 > negligible * singular[0] ** 2
    # w = c z with z ~ N(0, I) in all J directions; those that are seen are rotated into the leading ones.
    return right[kept].T / np.sqrt(mean)


def of_basis(basis: Basis, variance: float, *, per_weight: bool) -> Features:
    """Features of a stated basis.

    Args:
        basis: the basis.
        variance: prior variance of every weight, or of the function on average over the domain.
        per_weight: which of both.
    """
    size = float(np.sqrt(variance))
    if per_weight:
        return Features(basis, size * np.eye(len(basis.centers)))
    return Features(basis, size * whitening(basis, ROUND_OFF))


def features_tree(features: Features) -> dict[str, Any]:
    """Features as names, arrays and numbers, for `/surrogate`."""
    return {"basis": basis_tree(features.basis), "transform": features.transform, "constant": features.constant}


def features_of(tree: Mapping[str, Any]) -> Features:
    """The features that `features_tree` described."""
    return Features(basis_of(tree["basis"]), np.asarray(tree["transform"]), float(tree["constant"]))
