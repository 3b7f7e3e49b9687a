"""One look at all rows before the first sum: domain, units, energy, and a sample for choosing scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import Chunk, RowChunks, ahead, finite
from binn_cli.errors import DataError
from binn_cli.models.normalization import InputMap, OutputMap, squarable_unit

SAMPLED_ROWS = 3000
"""Rows, spread evenly over the data, on which structure is chosen."""

FIRST_ROWS, FIRST_ENTRIES = 2**17, 2**22
"""Most rows, spread evenly over the data, on which the first steps are made, and numbers of them (34 MB)."""


@dataclass(frozen=True)
class Look:
    """What one pass over all rows tells.

    Attributes:
        sample: rows spread evenly over the data, on which structure is chosen.
        inputs, outputs: the maps of units.
        first: more such rows, on which the first steps are made; None where nothing was looked at.
    """

    sample: ProductData
    inputs: InputMap
    outputs: OutputMap
    first: ProductData | None = None


def look(rows: RowChunks, size: int, scaling: str, domain: Float[np.ndarray, "D 2"] | None) -> Look:
    """Read all rows once, `size` at a time.

    Sums are kept about the first row, so that a large mean costs no digits.

    Raises:
        DataError: if there is no row, or one that is not finite.
    """
    if rows.n_points < 1:
        raise DataError("the data have no row; give at least one")
    most = min(FIRST_ROWS, FIRST_ENTRIES // (len(rows.inputs) + len(rows.outputs)))
    wanted, more = _spread(rows.n_points, SAMPLED_ROWS), _spread(rows.n_points, most)
    low, high = np.full(len(rows.inputs), np.inf), np.full(len(rows.inputs), -np.inf)
    total, squares = np.zeros(len(rows.outputs)), np.zeros(len(rows.outputs))
    picked: list[Chunk] = []
    others: list[Chunk] = []
    first, about, unit = 0, np.zeros(len(rows.outputs)), np.ones(len(rows.outputs))
    for chunk in ahead(rows.chunks(size)):
        x, y = finite(chunk, first, rows)
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
        if first == 0:
            about = y[0].copy()
            unit = squarable_unit(np.abs(y - about).max(axis=0))
        away = (y - about) / unit
        total += np.sum(away, axis=0)
        squares += np.einsum("nl,nl->l", away, away)
        for found, places in ((picked, wanted), (others, more)):
            here = places[np.searchsorted(places, first) : np.searchsorted(places, first + len(x))] - first
            found.append((x[here], y[here]))
        first += len(x)
    if domain is not None:
        low, high = np.minimum(low, domain[:, 0]), np.maximum(high, domain[:, 1])
    inputs = InputMap(low, np.where(high > low, high - low, 1.0))
    outputs = OutputMap.from_sums(rows.n_points, total, squares, about / unit, scaling, unit)
    return Look(_table(picked, rows), inputs, outputs, _table(others, rows))


def _spread(rows: int, most: int) -> Int[np.ndarray, " n"]:
    """Places of at most so many rows, evenly spread over all."""
    return np.unique(np.linspace(0, rows - 1, min(most, rows)).round().astype(int))


def _table(parts: list[Chunk], rows: RowChunks) -> ProductData:
    x, y = (np.concatenate(tables) for tables in zip(*parts, strict=True))
    return ProductData((Axis("point", x, rows.inputs),), y, rows.outputs)
