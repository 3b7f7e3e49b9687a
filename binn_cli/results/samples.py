"""Samples of a split that are small enough to keep."""

from __future__ import annotations

from math import gcd

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.product import ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.rows import RowChunks
from binn_cli.models.surrogate import Tree


def strided(data: ProductData | RowChunks, max_points: int) -> Int[np.ndarray, " n"]:
    """Flat rows of at most `max_points` points, evenly strided, that see every point of every axis where they can."""
    total = data.n_points
    stride = max(1, -(-total // max_points))
    if not isinstance(data, ProductData):
        return np.arange(0, total, stride)
    # a stride that shares a factor with an axis would keep only some of its points, and perhaps only one of the cases
    while stride > 1 and len(data.axes) > 1 and any(gcd(stride, axis.size) > 1 for axis in data.axes):
        stride += 1
    rows = np.arange(0, total, stride)
    if data.observed is None:
        return rows
    seen = rows[data.observed.ravel()[rows]]
    return seen if len(seen) else data.observed_rows[: max(1, max_points)]


def drawn(total: int, count: int) -> Int[np.ndarray, " count"]:
    """Rising rows of a split of `total` points: one at random out of each of `count` equal parts, always the same ones."""
    ends = np.linspace(0, total, count + 1).astype(np.int64)
    return stream(total, "scored points").integers(ends[:-1], ends[1:])


def training_sample(data: ProductData, max_points: int) -> Tree:
    """At most `max_points` training points for a run's state: `train_inputs` (n, D) and `train_truth` (n, L), as they were observed."""
    inputs, truth = data.table(strided(data, max_points))
    return {"train_inputs": inputs, "train_truth": truth}
