"""Noise that varies over the inputs: its logarithm is a smooth function, found together with the hyperparameters.

With the field of `models.noise_field`, θ and its weights w maximise log p(y | θ, w) + log p(w).
"""

from __future__ import annotations

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
from binn_cli.models.noise_field import FURTHEST, SPREAD, NoiseField, centers_of, functions

STEPS = 100
"""Most steps of the search."""


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
    centers = centers_of(known)
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
