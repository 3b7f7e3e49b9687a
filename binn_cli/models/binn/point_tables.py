"""Tables of functions at many points, a row per function."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

GAP = 8
"""Numbers between the end of a row and the next one: rows a power of two apart push one another out of the cache."""


def point_table(functions: int, points: int) -> Float[np.ndarray, "Q n"]:
    """A table whose numbers are any, with rows that do not get into each other's way."""
    return np.empty((functions, points + GAP))[:, :points]


def points_last(rows: Float[np.ndarray, "n Q"]) -> Float[np.ndarray, "Q n"]:
    """The table of functions whose values at a point stand side by side."""
    found = point_table(rows.shape[1], len(rows))
    found[...] = rows.T
    return found
