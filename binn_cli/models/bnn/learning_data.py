"""From product data to the points that a network learns from: scaled, in a canonical order, thinned where asked, filled
up to a shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import ProductData
from binn_cli.models.bnn.density import Points
from binn_cli.models.canonical import canonical_table, room_for
from binn_cli.models.units import Units

REFERENCES = 48
"""Points at which convergence is judged."""

_SPREAD = 2 * np.sqrt(3.0)
"""Standard deviation 1 for inputs uniform over the domain."""


def standardised(x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Inputs on [0, 1] mapped onto [-√3, √3]: zero mean and unit variance where they fill the domain evenly."""
    return _SPREAD * (x - 0.5)


@dataclass(frozen=True)
class LearningData:
    """Training points in scaled units.

    Attributes:
        points: those that are learned from, and behind them zeros that only fill up a shape.
        references: (r, D) inputs at which convergence is judged.
        units: the maps of units.
        used: how many points are learned from.
        available: N, how many points there were.
    """

    points: Points
    references: Any
    units: Units
    used: int
    available: int


def learning_data(
    data: ProductData,
    units: Units,
    *,
    precision: str,
    subsample: int = 0,
    seed: int = 0,
    capacity: int | None = None,
) -> LearningData:
    """Scale the data; with `subsample` above 0, learn from at most so many points, drawn at random.

    Args:
        data: in original units.
        units: the maps of inputs and outputs.
        precision: `float32` or `float64`.
        subsample: 0 for all points.
        seed: of the subsample.
        capacity: as for `Surrogate.fit`.
    """
    flat, size = np.arange(data.n_points), room_for(data, capacity)
    if 0 < subsample < data.n_points:
        flat = np.sort(np.random.default_rng([seed, 1]).choice(data.n_points, subsample, replace=False))
    if subsample > 0:
        size = min(size, max(subsample, len(flat)))
    inputs, y = canonical_table(units, data, flat)
    x = standardised(inputs)
    spread = np.linspace(0, len(x) - 1, min(REFERENCES, len(x))).round().astype(int)
    fill = ((0, size - len(x)), (0, 0))
    learned = Points(
        jnp.asarray(np.pad(x, fill), precision), jnp.asarray(np.pad(y, fill), precision), jnp.asarray(len(x))
    )
    return LearningData(learned, jnp.asarray(x[spread], precision), units, len(x), data.n_points)
