"""Points into cells, one for each local expert."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

SEEN = 20_000
"""Points from which the centres of clusters are found; all are then assigned."""


def kdtree_cells(x: Float[np.ndarray, "n D"], cells: int) -> list[Int[np.ndarray, " m"]]:
    """Rows of cells of equal size, by splitting along the widest coordinate, as often as there are cells."""

    def split(rows: np.ndarray, count: int) -> list[np.ndarray]:
        """So many cells of these rows."""
        if count == 1:
            return [rows]
        part = x[rows]
        widest = int(np.argmax(np.ptp(part, axis=0)))
        half = count // 2
        # Stable, so that grids, where many points share a coordinate, are split the same way on every machine.
        order = rows[np.argsort(part[:, widest], kind="stable")]
        cut = len(rows) * half // count
        return [*split(order[:cut], half), *split(order[cut:], count - half)]

    return split(np.arange(len(x)), min(cells, len(x)))


def kmeans_cells(x: Float[np.ndarray, "n D"], cells: int, most: int, seed: int) -> list[Int[np.ndarray, " m"]]:
    """Rows of clusters; one with more than `most` points is split again like a kd-tree."""
    rng = np.random.default_rng(seed)
    seen = x if len(x) <= SEEN else x[np.sort(rng.choice(len(x), SEEN, replace=False))]
    centers, _ = kmeans2(seen, min(cells, len(np.unique(seen, axis=0))), iter=20, minit="++", rng=rng)
    label = cKDTree(centers).query(x)[1]
    found: list[np.ndarray] = []
    for cluster in np.unique(label):
        rows = np.flatnonzero(label == cluster)
        found.extend(rows[part] for part in kdtree_cells(x[rows], -(-len(rows) // most)))
    return found
