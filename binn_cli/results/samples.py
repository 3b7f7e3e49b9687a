"""Samples of a split that are small enough to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def counts_within(sizes: Sequence[int], limit: int) -> list[int]:
    """So many points of each axis that their product has at most `limit`, the longest axes losing theirs first; at
    least one each."""
    low, high = 1, max(sizes, default=1)
    while low < high:
        middle = -(-(low + high) // 2)
        low, high = (middle, high) if math.prod(min(size, middle) for size in sizes) <= limit else (low, middle - 1)
    counts = [min(size, low + 1) for size in sizes]
    while math.prod(counts) > limit and max(counts) > 1:
        counts[counts.index(max(counts))] -= 1
    return counts


def drawn(total: int, count: int, purpose: str = "") -> Int[np.ndarray, " count"]:
    """Rising numbers below `total`: one at random out of each of `count` equal parts, always the same ones for the same
    purpose."""
    ends = np.linspace(0, total, count + 1).astype(np.int64)
    return stream(total, f"scored points {purpose}").integers(ends[:-1], ends[1:])


def training_sample(data: ProductData, max_points: int) -> Tree:
    """At most `max_points` training points for a run's state: `train_inputs` (n, D) and `train_truth` (n, L), as they
    were observed."""
    inputs, truth = data.table(strided(data, max_points))
    return {"train_inputs": inputs, "train_truth": truth}
