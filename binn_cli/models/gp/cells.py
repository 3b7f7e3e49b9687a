"""The points of all local experts: which expert has which, filled up to one shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpLocalConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.gp.partition import kdtree_cells, kmeans_cells


@dataclass(frozen=True)
class Cells:
    """The points of all experts, each filled up to the same number; the first expert is the communication expert, if
    there is one.

    Attributes:
        x: (E, n, D) inputs in scaled units.
        y: (E, n, L) outputs.
        mask: (E, n) 1 for a point.
        shared: 1 if the first expert is the communication expert, whose points all others have too, else 0.
    """

    x: Float[np.ndarray, "E n D"]
    y: Float[np.ndarray, "E n L"]
    mask: Float[np.ndarray, "E n"]
    shared: int

    def centers(self) -> Float[np.ndarray, "E D"]:
        """The mean of every local expert's own points, in the order of the experts without the communication expert."""
        own = self.mask[self.shared :].copy()
        own[:, : int(self.mask[0].sum()) * self.shared] = 0.0
        return np.einsum("en,end->ed", own, self.x[self.shared :]) / np.maximum(own.sum(axis=1), 1.0)[:, None]


@dataclass(frozen=True)
class CellSizes:
    """How many experts there are and how large they may be, by the number of points that there will finally be.

    Attributes:
        count: local experts.
        local: most points of a local expert's own.
        common: points of the communication expert, which all others have too; 0 where there is none.
    """

    count: int
    local: int
    common: int

    @classmethod
    def of(cls, config: GpLocalConfig, size: int) -> CellSizes:
        """The sizes for `size` points: no communication unless the combination asks for it, and none where one expert
        has all points."""
        count = -(-size // config.expert_points)
        common = config.expert_points if config.combination == "grbcm" and count > 1 else 0
        return cls(count, -(-size // count), common)

    @property
    def width(self) -> int:
        """Points of the largest expert."""
        return self.local + self.common


def divided(
    config: GpLocalConfig,
    sizes: CellSizes,
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N L"],
    lengths: Float[np.ndarray, " D"],
) -> Cells:
    """The points divided among the experts, by their distances in coordinates where every length scale is 1."""
    if config.partition == "kdtree":
        rows = kdtree_cells(x / lengths, sizes.count)
    else:
        rows = kmeans_cells(x / lengths, sizes.count, sizes.local, config.seed)
    common = min(sizes.common, len(x))
    if common:
        shared = np.sort(stream(config.seed, "gp_local communication").choice(len(x), common, replace=False))
        # A point that an expert has anyway must not be there twice.
        rows = [shared, *(np.concatenate([shared, np.setdiff1d(own, shared)]) for own in rows)]
    index = np.stack([np.concatenate([own, np.repeat(own[-1:], sizes.width - len(own))]) for own in rows])
    mask = np.stack([np.arange(sizes.width) < len(own) for own in rows]).astype(float)
    return Cells(x[index], y[index] * mask[:, :, None], mask, int(common > 0))
