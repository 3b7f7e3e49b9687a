"""One look at all rows before the first sum: domain, units, energy, and a sample for choosing scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks, ahead, finite
from binn_cli.errors import DataError
from binn_cli.models.normalization import InputMap, OutputMap

SAMPLED_ROWS = 3000
"""Rows, spread evenly over the data, on which structure is chosen."""


@dataclass(frozen=True)
class Look:
    """What one pass over all rows tells.

    Attributes:
        sample: rows spread evenly over the data, on which structure is chosen.
        inputs, outputs: the maps of units.
    """

    sample: ProductData
    inputs: InputMap
    outputs: OutputMap


def look(rows: RowChunks, size: int, scaling: str, domain: Float[np.ndarray, "D 2"] | None) -> Look:
    """Read all rows once, `size` at a time.

    Sums are kept about the first row, so that a large mean costs no digits.

    Raises:
        DataError: if there is no row, or one that is not finite.
    """
    if rows.n_points < 1:
        raise DataError("the data have no row; give at least one")
    wanted = np.unique(np.linspace(0, rows.n_points - 1, min(SAMPLED_ROWS, rows.n_points)).round().astype(int))
    low, high = np.full(len(rows.inputs), np.inf), np.full(len(rows.inputs), -np.inf)
    total, squares = np.zeros(len(rows.outputs)), np.zeros(len(rows.outputs))
    picked, first, about = [], 0, np.zeros(len(rows.outputs))
    for chunk in ahead(rows.chunks(size)):
        x, y = finite(chunk, first, rows)
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
        about = y[0].copy() if first == 0 else about
        total += np.sum(y - about, axis=0)
        squares += np.einsum("nl,nl->l", y - about, y - about)
        here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(x))] - first
        picked.append((x[here], y[here]))
        first += len(x)
    x, y = (np.concatenate(parts) for parts in zip(*picked, strict=True))
    if domain is not None:
        low, high = np.minimum(low, domain[:, 0]), np.maximum(high, domain[:, 1])
    inputs = InputMap(low, np.where(high > low, high - low, 1.0))
    outputs = OutputMap.from_sums(rows.n_points, total, squares, about, scaling)
    return Look(ProductData((Axis("point", x, rows.inputs),), y, rows.outputs), inputs, outputs)
