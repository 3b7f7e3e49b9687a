"""Training points in an order and with digits that do not depend on how the data came, so that the same data give the
same fit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import ProductData
from binn_cli.models.units import Units

DECIMALS = 8
"""Scaled values are rounded to so many decimals, finer than float32. Sampling and training amplify round-off without
bound, so that otherwise the same data in other units would give another, equally good, answer."""


def canonical(units: Units, data: ProductData) -> tuple[list[Float[np.ndarray, "n K"]], Float[np.ndarray, "*n L"]]:
    """The points of every axis on [0, 1], sorted, and the scaled values in their order; both rounded.

    The points of a single axis are sorted by their values too, since the same point may have been observed twice.
    """
    axes = [np.round(points, DECIMALS) for points in units.axes(data.axes)]
    values = np.round((data.values - units.outputs.shift) / units.outputs.scale, DECIMALS)
    for number, points in enumerate(axes):
        keys = [points] if len(axes) > 1 else [points, values]
        order = np.lexsort(np.concatenate(keys, axis=1).T[::-1])
        axes[number], values = points[order], np.take(values, order, axis=number)
    return axes, values


def canonical_table(
    units: Units, data: ProductData, rows: np.ndarray | None = None
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N L"]]:
    """The same as a plain table of inputs and outputs; `rows` picks flat indices of it (C order) without building the
    rest."""
    axes, values = canonical(units, data)
    flat = np.arange(data.n_points) if rows is None else rows
    indices = np.unravel_index(flat, [len(points) for points in axes])
    inputs = np.concatenate([points[i] for points, i in zip(axes, indices, strict=True)], axis=1)
    return inputs, values.reshape(-1, values.shape[-1])[flat]


def room_for(data: ProductData, capacity: int | None) -> int:
    """Points to compile for: those of `capacity` cases, or of a half, a quarter, … of them, while they suffice.

    So a growing data set compiles anew at most when it doubles, and never computes with more than twice its points.
    """
    cases = data.axes[-1].size
    size = data.n_points // cases * max(cases, capacity or 0)
    while size > data.n_points and -(-size // 2) >= data.n_points:
        size = -(-size // 2)
    return size
