"""Which coordinates of scattered points are reduced to their distinct values, and which of these are taken together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from binn_cli.models.binn import statistics as stats
from binn_cli.models.binn.accumulation import MOST_INDICATED
from binn_cli.models.binn.statistics import Joint

POINTS_A_VALUE = 4
"""A coordinate with fewer points a distinct value keeps its points."""

POINTS_A_JOINT_VALUE = 64
"""Coordinates are taken together where their joint values are that many times fewer than the points: then what is done once a value, but
for every pair of functions, costs less than what is done once a point."""


def owners_of(
    found: list[tuple[np.ndarray, Int[np.ndarray, " n"]]], size: int, *, growing: bool
) -> tuple[list[np.ndarray | None], tuple[Joint, ...]]:
    """For every coordinate which distinct value each point has, None where points keep their own; and what is taken together.

    Args:
        found: for every coordinate its distinct values, and which of them every point has.
        size: points with padding, which belong to one more value.
        growing: whether cases will be appended: then shapes must not depend on how many values there are.
    """
    n = len(found[0][1])
    sizes = [size + 1 if growing else len(distinct) for distinct, _ in found]
    owners: list[np.ndarray | None] = [
        None if n > stats.LARGEST_SVD and POINTS_A_VALUE * len(distinct) > n else np.concatenate([owner, np.full(size - n, rows - 1)])
        for (distinct, owner), rows in zip(found, sizes, strict=True)
    ]
    joints = _joints(owners, sizes, merging=not growing)
    if not growing and n > stats.LARGEST_SVD:
        # Adding number by number to many values takes longer than a block of so many points, unless several coordinates share it.
        alone = {joint.coordinates[0] for joint in joints if len(joint.coordinates) == 1 and joint.size > MOST_INDICATED}
        owners = [None if c in alone else owner for c, owner in enumerate(owners)]
        joints = tuple(joint for joint in joints if joint.coordinates[0] not in alone)
    return owners, joints


def _joints(owners: list[np.ndarray | None], sizes: list[int], merging: bool) -> tuple[Joint, ...]:
    """Coordinates with owners in groups of neighbours that together still have few distinct values.

    Where cases will be appended nothing merges (`merging`): how many values coordinates have together would change the shapes.
    """
    found: list[Joint] = []
    for c, (owner, size) in enumerate(zip(owners, sizes, strict=True)):
        if owner is None:
            continue
        if merging and found:
            last = found[-1]
            values, together = np.unique(last.owner * size + owner, return_inverse=True)
            if POINTS_A_JOINT_VALUE * len(values) <= len(owner):
                places = (*(np.asarray(place)[values // size] for place in last.places), values % size)
                found[-1] = Joint(together, places, (*last.coordinates, c))
                continue
        found.append(Joint(owner, (np.arange(size),), (c,)))
    return tuple(found)
