"""A tensor over the axes of a training grid, contracted with functions of new points that may be grouped into other axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MOST_NUMBERS = 4_000_000
"""Numbers of the largest intermediate array when points are scattered over several training axes."""


@dataclass(frozen=True)
class Group:
    """Training axes whose coordinates are those of some of the new axes: the smallest set that can be treated by itself.

    Attributes:
        axes: the training axes.
        points: (m, D_g) every combination of the new axes' points.
        sizes: the sizes of those new axes, whose product is m.
    """

    axes: tuple[int, ...]
    points: Float[np.ndarray, "m D"]
    sizes: tuple[int, ...]


def groups(trained: Sequence[int], new: Sequence[Float[np.ndarray, "n D"]]) -> list[Group]:
    """The finest groups in which both structures have the same coordinates.

    Args:
        trained: numbers of coordinates of the training axes.
        new: the points of the new axes, with as many coordinates in all.
    """
    ends, widths = np.cumsum(trained).tolist(), np.cumsum([points.shape[1] for points in new]).tolist()
    found: list[Group] = []
    axis = query = 0
    for end in (stop for stop in ends if stop in widths):
        last_axis, last_query = ends.index(end) + 1, widths.index(end) + 1
        members = new[query:last_query]
        sizes = tuple(len(points) for points in members)
        rows = np.unravel_index(np.arange(int(np.prod(sizes))), sizes)
        table = np.concatenate([points[i] for points, i in zip(members, rows, strict=True)], axis=1)
        found.append(Group(tuple(range(axis, last_axis)), table, sizes))
        axis, query = last_axis, last_query
    return found


def contracted(core: Float[np.ndarray, "L *n"], factors: Sequence[Sequence[Float[np.ndarray, "m n"]]]) -> Float[np.ndarray, "L *m"]:
    """Σ over the training axes of the core times, in each group, the product of the factors' rows.

    Args:
        core: a tensor over the A training axes, outputs first.
        factors: for each group the (m, n_a) functions of its axes at its points.
    """
    tensor = np.moveaxis(core, 0, -1)
    for members in factors:
        tensor = np.tensordot(tensor, members[0], axes=(0, 1)) if len(members) == 1 else _scattered(tensor, members)
    return tensor


def _scattered(tensor: Float[np.ndarray, "*n"], factors: Sequence[Float[np.ndarray, "m n"]]) -> Float[np.ndarray, "*rest m"]:
    """The first axes contracted at points that have a row in each factor; the points' axis comes last."""
    kept = tensor.shape[len(factors) :]
    flat = tensor.reshape(tensor.shape[0], -1)
    points, batch = len(factors[0]), max(1, MOST_NUMBERS // max(flat.shape[1], 1))
    found = np.empty((points, int(np.prod(kept))))
    for begin in range(0, points, batch):
        rows = slice(begin, begin + batch)
        part = factors[0][rows] @ flat
        for factor in factors[1:]:
            part = part.reshape(len(part), factor.shape[1], -1)
            part = np.matmul(factor[rows, None, :], part)[:, 0]
        found[rows] = part
    return np.moveaxis(found.reshape(points, *kept), 0, -1)
