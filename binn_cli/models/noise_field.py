"""How the noise variance varies over the inputs: its logarithm is a smooth function with a few centres.

log σ²(x) = log σ² + B(x) w, where B are functions of a Gaussian process with a few centres, whitened so that w ~ N(0,
s²) gives g(x) = B(x) w the prior variance s² at the centres. With w = 0, the most probable value before any data, the
noise is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

CENTERS, POINTS_PER_CENTER = 12, 8
"""Most centres, and fewest points for each of them."""
LENGTH, SPREAD = 0.3, 1.5
"""Length of the functions in units of the domain for one input (it grows with √D), and prior standard deviation s of
log σ²."""
FURTHEST = 6.0
"""Largest weight in units of its prior standard deviation."""


@dataclass(frozen=True)
class NoiseField:
    """How the noise variance of every group of outputs varies.

    Attributes:
        centers: (M, D) in scaled units.
        weights: (G, M) w of every group.
    """

    centers: Float[np.ndarray, "M D"]
    weights: Float[np.ndarray, "G M"]

    def factors(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n G"]:
        """By what the noise variance of each group is multiplied at points in scaled units."""
        return np.exp(functions(x, self.centers) @ self.weights.T)

    def tree(self) -> dict[str, Any]:
        """Arrays, for `/surrogate`."""
        return {"noise_centers": self.centers, "noise_weights": self.weights}

    @classmethod
    def of_tree(cls, tree: Mapping[str, Any]) -> NoiseField:
        """The field that `tree` described."""
        return cls(np.atleast_2d(tree["noise_centers"]), np.atleast_2d(tree["noise_weights"]))

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> NoiseField | None:
        """The same, or None where there is none."""
        return cls.of_tree(tree) if "noise_centers" in tree else None


def functions(x: Float[np.ndarray, "n D"], centers: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "n M"]:
    """B(x): the whitened functions of the centres."""
    length = LENGTH * np.sqrt(centers.shape[1])

    def kernel(a: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * np.sum(((a[:, None] - centers) / length) ** 2, axis=2))

    lower = np.linalg.cholesky(kernel(centers) + 1e-6 * np.eye(len(centers)))
    return np.linalg.solve(lower, kernel(x).T).T


def centers_of(x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "M D"]:
    """As many centres as so many points allow."""
    return spread_out(x, max(1, min(CENTERS, len(x) // POINTS_PER_CENTER)))


def spread_out(x: Float[np.ndarray, "n D"], count: int) -> Float[np.ndarray, "M D"]:
    """Points far from one another: each next one is the farthest from those before it."""
    chosen = [int(np.argmin(np.sum((x - x.mean(axis=0)) ** 2, axis=1)))]
    distance = np.sum((x - x[chosen[0]]) ** 2, axis=1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.sum((x - x[chosen[-1]]) ** 2, axis=1))
    return x[chosen]
