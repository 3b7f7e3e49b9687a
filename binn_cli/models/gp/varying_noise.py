"""Noise that varies over the inputs: its logarithm is a smooth function, found together with the hyperparameters.

log σ²(x) = log σ² + B(x) w, where B are functions of a Gaussian process with a few centres, whitened so that w ~ N(0,
s²) gives g(x) = B(x) w the prior variance s² at the centres. θ and w maximise log p(y | θ, w) + log p(w): with w = 0,
the most probable value before any data, the noise is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.evidence import negative_log_normal, noisy_covariance
from binn_cli.models.gp.hyperparameters import bounds
from binn_cli.models.gp.learning import Table
from binn_cli.models.gp.search import minimised

CENTERS, POINTS_PER_CENTER = 12, 8
"""Most centres, and fewest points for each of them."""
LENGTH, SPREAD = 0.3, 1.5
"""Length of the functions in units of the domain for one input (it grows with √D), and prior standard deviation s of
log σ²."""
FURTHEST = 6.0
"""Largest weight in units of its prior standard deviation."""
STEPS = 100
"""Most steps of the search."""


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
    def from_tree(cls, tree: Mapping[str, Any]) -> NoiseField | None:
        """The field that `tree` described; None where there is none."""
        if "noise_centers" not in tree:
            return None
        return cls(np.atleast_2d(tree["noise_centers"]), np.atleast_2d(tree["noise_weights"]))


def functions(x: Float[np.ndarray, "n D"], centers: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "n M"]:
    """B(x): the whitened functions of the centres."""
    length = LENGTH * np.sqrt(centers.shape[1])

    def kernel(a: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * np.sum(((a[:, None] - centers) / length) ** 2, axis=2))

    lower = np.linalg.cholesky(kernel(centers) + 1e-6 * np.eye(len(centers)))
    return np.linalg.solve(lower, kernel(x).T).T


def _objective(
    point: Float[Array, " P"],
    x: Float[Array, "n D"],
    y: Float[Array, "n L"],
    mask: Float[Array, " n"],
    b: Float[Array, "n M"],
    *,
    kind: str,
) -> Float[Array, ""]:
    theta, weights = point[: x.shape[1] + 2], point[x.shape[1] + 2 :]
    relative = jnp.exp(b @ weights)
    return negative_log_normal(noisy_covariance(theta, x, mask, kind, relative), y) + 0.5 * jnp.sum(
        (weights / SPREAD) ** 2
    )


objective = CompiledFunction(jax.value_and_grad(_objective))


def learned_field(
    kind: str, part: Table, theta: Float[np.ndarray, "G P"], members: list[np.ndarray], watch: Stopwatch
) -> tuple[Float[np.ndarray, "G P"], NoiseField]:
    """Hyperparameters and the field, from where a search with noise that is the same everywhere has ended.

    Args:
        kind: name of the kernel.
        part: the points whose evidence is looked at.
        theta: hyperparameters of every group.
        members: outputs of every group.
        watch: counts the seconds of compiling.
    """
    known = part.x[part.mask > 0]
    centers = spread_out(known, max(1, min(CENTERS, len(known) // POINTS_PER_CENTER)))
    b = functions(part.x, centers)
    box = np.concatenate([bounds(part.x.shape[1]), np.tile([-FURTHEST * SPREAD, FURTHEST * SPREAD], (len(centers), 1))])
    found = []
    for row, outputs in zip(theta, members, strict=True):
        y = part.y[:, outputs]

        def evaluated(point: np.ndarray, y: np.ndarray = y) -> tuple[float, np.ndarray]:
            value, gradient = objective(watch, point, part.x, y, part.mask, b, kind=kind)
            return float(value), np.asarray(gradient)

        start = np.concatenate([row, np.zeros(len(centers))])
        found.append(minimised(evaluated, start[None], box, STEPS).theta)
    ends = np.array(found)
    return ends[:, : theta.shape[1]], NoiseField(centers, ends[:, theta.shape[1] :])


def spread_out(x: Float[np.ndarray, "n D"], count: int) -> Float[np.ndarray, "M D"]:
    """Points far from one another: each next one is the farthest from those before it."""
    chosen = [int(np.argmin(np.sum((x - x.mean(axis=0)) ** 2, axis=1)))]
    distance = np.sum((x - x[chosen[0]]) ** 2, axis=1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.sum((x - x[chosen[-1]]) ** 2, axis=1))
    return x[chosen]
