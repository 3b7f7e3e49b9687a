"""Which prediction axes belong to which axes of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Group:
    """Axes of the training data whose coordinates are predicted at the same points.

    Attributes:
        axes: which axes.
        points: (n, D) their coordinates, in the order of the axes.
    """

    axes: tuple[int, ...]
    points: Float[np.ndarray, "n D"]


def join(tables: Sequence[Float[np.ndarray, "n D"]]) -> Float[np.ndarray, "m D"]:
    """Every combination of the rows of several tables, the last varying fastest."""
    total = tables[0]
    for table in tables[1:]:
        n, m = len(total), len(table)
        total = np.concatenate([np.repeat(total, m, axis=0), np.tile(table, (n, 1))], axis=1)
    return total


def align(points: Sequence[Float[np.ndarray, "n D"]], widths: Sequence[int]) -> list[Group]:
    """Groups of whole training axes; prediction axes that split a training axis between them are multiplied out.

    Args:
        points: the points of every prediction axis.
        widths: number of coordinates of every training axis.
    """
    ends = np.cumsum(widths).tolist()
    found: list[Group] = []
    waiting: list[np.ndarray] = []
    begin = done = 0
    for own in points:
        waiting.append(own)
        done += own.shape[1]
        if done in ends:
            last = ends.index(done) + 1
            found.append(Group(tuple(range(begin, last)), join(waiting)))
            begin, waiting = last, []
    return found
