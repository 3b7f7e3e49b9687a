"""Predictions put together from groups of outputs that share hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.gp.hyperparameters import Hyperparameters
from binn_cli.models.gp.kernels import covariance
from binn_cli.models.pointwise import predict_pointwise
from binn_cli.models.surrogate import Prediction
from binn_cli.models.units import Units

EvaluateGroup = Callable[
    [Stopwatch, int, Float[np.ndarray, "b D"]], tuple[Float[np.ndarray, "b l"], Float[np.ndarray, " b"]]
]
"""Mean of the outputs of a group at b points, and the epistemic variance that they share, in scaled units."""


def predict_groups(
    units: Units, axes: Sequence[Axis], found: Hyperparameters, batch: int, evaluate: EvaluateGroup
) -> Prediction:
    """The predictive distribution at every combination of the axes' points; see `predict_pointwise`."""

    def together(watch: Stopwatch, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = (np.empty((len(new), len(found.group))) for _ in range(2))
        for group in range(len(found.theta)):
            members = found.members(group)
            mean[:, members], own = evaluate(watch, group, new)
            variance[:, members] = np.asarray(own)[:, None]
        return mean, variance

    return predict_pointwise(units, axes, found.output_noise, batch, together)


def grouped_mean(
    kind: str, found: Hyperparameters, points: Sequence[Array], weights: Sequence[Array]
) -> Callable[[Array], Array]:
    """The predictive mean in scaled units as a function that JAX can differentiate: Σ k(x, x_i) w_i for every group of
    outputs."""
    order = np.argsort(np.concatenate([found.members(g) for g in range(len(found.theta))]))

    def mean(x: Array) -> Array:
        parts = [
            covariance(kind, jnp.exp(theta[:-2]), jnp.exp(theta[-2]), x, own) @ weight
            for theta, own, weight in zip(jnp.asarray(found.theta), points, weights, strict=True)
        ]
        return jnp.concatenate(parts, axis=1)[:, order]

    return mean
