"""From product data to the points that a network learns from: scaled, in a canonical order, and thinned where asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.bnn.density import Points
from binn_cli.models.normalization import InputMap, OutputMap

DECIMALS = 8
"""Scaled values are rounded to so many decimals, finer than float32. Sampling amplifies round-off without bound, so that otherwise the
same data in other units would give another, equally good, answer."""

REFERENCES = 48
"""Points at which convergence is judged."""

_SPREAD = 2 * np.sqrt(3.0)
"""Standard deviation 1 for inputs uniform over the domain."""


def standardised(inputs: InputMap, axes: Sequence[Axis]) -> list[Float[np.ndarray, "n K"]]:
    """Every axis's points with the domain mapped onto [-√3, √3]: zero mean and unit variance where they fill it evenly."""
    ends = np.cumsum([0] + [axis.points.shape[1] for axis in axes])
    scaled = (inputs(axis.points, slice(int(b), int(e))) for axis, b, e in zip(axes, ends, ends[1:], strict=False))
    return [np.round(_SPREAD * (points - 0.5), DECIMALS) for points in scaled]


def rows_of(axes: Sequence[Float[np.ndarray, "n K"]], flat: np.ndarray) -> Float[np.ndarray, "N D"]:
    """Combinations of the axes' points at flat indices (C order), without building the others."""
    indices = np.unravel_index(flat, [len(points) for points in axes])
    return np.concatenate([points[i] for points, i in zip(axes, indices, strict=True)], axis=1)


@dataclass(frozen=True)
class LearningData:
    """Training points in scaled units.

    Attributes:
        points: those that are learned from.
        references: (r, D) inputs at which convergence is judged.
        inputs, outputs: the maps of units.
        available: N, how many points there were.
    """

    points: Points
    references: Any
    inputs: InputMap
    outputs: OutputMap
    available: int

    @property
    def used(self) -> int:
        """How many points are learned from."""
        return len(self.points.x)


def learning_data(
    data: ProductData,
    domain: Float[np.ndarray, "D 2"] | None,
    maps: tuple[InputMap, OutputMap] | None,
    *,
    precision: str,
    subsample: int = 0,
    seed: int = 0,
) -> LearningData:
    """Scale the data; with `subsample` above 0, learn from at most so many points, drawn at random.

    The points of every axis are sorted, so that the order in which data come does not choose another chain of random numbers.

    Args:
        data: in original units.
        domain: smallest and largest value of each input.
        maps: those of the surrogate that a warm start goes on from, whose weights mean something in them only.
        precision: `float32` or `float64`.
        subsample: 0 for all points.
        seed: of the subsample.
    """
    inputs, outputs = maps or (InputMap.of(data, domain), OutputMap.of(data, "standard"))
    axes = standardised(inputs, data.axes)
    values = np.round((data.values - outputs.shift) / outputs.scale, DECIMALS)
    for number, points in enumerate(axes):
        keys = [points] if len(axes) > 1 else [points, values]
        order = np.lexsort(np.concatenate(keys, axis=1).T[::-1])
        axes[number], values = points[order], np.take(values, order, axis=number)
    flat = np.arange(data.n_points)
    if 0 < subsample < data.n_points:
        flat = np.sort(np.random.default_rng([seed, 1]).choice(data.n_points, subsample, replace=False))
    x = rows_of(axes, flat)
    y = values.reshape(-1, len(data.outputs))[flat]
    learned = Points(jnp.asarray(x, precision), jnp.asarray(y, precision))
    spread = np.linspace(0, len(x) - 1, min(REFERENCES, len(x))).round().astype(int)
    return LearningData(learned, learned.x[spread], inputs, outputs, data.n_points)
