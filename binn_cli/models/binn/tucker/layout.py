"""How a product of prediction axes is evaluated: which axes belong together, and which of them are contracted point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

MOST_PAIRS = 2**20
"""Entries of the matrix between the other groups' columns that one point of the first group may have."""

TABLE_ENTRIES = 2**22
"""Numbers in the largest table of one chunk (32 MB): a limit on memory however many points are asked for."""


@dataclass(frozen=True)
class Group:
    """Axes of the training data whose coordinates are predicted at the same points.

    Attributes:
        axes: which axes.
        points: (n, D) their coordinates, in the order of the axes.
        sources: the prediction axes that were joined.
    """

    axes: tuple[int, ...]
    points: Float[np.ndarray, "n D"]
    sources: tuple[int, ...]


def joined(groups: Sequence[Group]) -> Group:
    """One group of every combination of several groups' points."""
    total = groups[0]
    for group in groups[1:]:
        n, m = len(total.points), len(group.points)
        points = np.concatenate([np.repeat(total.points, m, axis=0), np.tile(group.points, (n, 1))], axis=1)
        total = Group(total.axes + group.axes, points, total.sources + group.sources)
    return total


def aligned(points: Sequence[Float[np.ndarray, "n D"]], widths: Sequence[int]) -> list[Group]:
    """Groups of whole training axes; prediction axes that split a training axis between them are multiplied out.

    Args:
        points: the points of every prediction axis.
        widths: number of coordinates of every training axis.
    """
    ends = np.cumsum(widths).tolist()
    found: list[Group] = []
    waiting: list[Group] = []
    begin = done = 0
    for source, own in enumerate(points):
        waiting.append(Group((), own, (source,)))
        done += own.shape[1]
        if done in ends:
            whole = joined(waiting)
            last = ends.index(done) + 1
            found.append(Group(tuple(range(begin, last)), whole.points, whole.sources))
            begin, waiting = last, []
    return found


def _table_entries(rows: int, first_roots: int, others: Sequence[tuple[int, int]]) -> int:
    """Numbers in the largest table for so many rows of the first group; `others` holds points and columns of every other group."""
    lead = int(np.prod([q for _, q in others]))
    largest = rows * lead * max(first_roots, lead)
    combined = rows
    for n, q in others:
        combined *= n
        lead //= q
        largest = max(largest, combined * lead * lead * q, combined * lead * lead)
    return largest


def _cost(sizes: Sequence[int], ranks: Sequence[Sequence[int]], chosen: tuple[int, ...]) -> float:
    """Multiplications of contracting the chosen groups point by point and the others as products; infinite where tables do not fit."""
    rows = float(np.prod([sizes[g] for g in chosen]))
    columns = [float(np.prod(r)) for r in ranks]
    roots = float(np.prod([r + 1 for g in chosen for r in ranks[g]]))
    others = [g for g in range(len(sizes)) if g not in chosen]
    lead = float(np.prod([columns[g] for g in others]))
    if lead**2 > MOST_PAIRS or any(sizes[g] * columns[g] ** 2 > TABLE_ENTRIES for g in others):
        return np.inf
    first = np.prod([columns[g] for g in chosen])
    total = rows * (lead * (first + roots) * 2 + lead**2 * roots)
    for g in others:
        total += 2 * rows * sizes[g] * lead**2
        rows *= sizes[g]
        lead /= columns[g]
    return float(total)


def arranged(groups: list[Group], ranks: Sequence[Sequence[int]]) -> list[Group]:
    """The group that is contracted point by point, joined of as many as is cheapest, and then the others.

    Args:
        groups: the groups.
        ranks: for each group the ranks of all its dimensions.
    """
    numbers = range(len(groups))
    choices = [chosen for count in range(1, len(groups) + 1) for chosen in combinations(numbers, count)]
    sizes = [len(group.points) for group in groups]
    best = min(choices[:-1], key=lambda c: _cost(sizes, ranks, c), default=choices[-1])
    if not np.isfinite(_cost(sizes, ranks, best)) or _cost(sizes, ranks, choices[-1]) < _cost(sizes, ranks, best):
        best = choices[-1]
    return [joined([groups[g] for g in best]), *(groups[g] for g in numbers if g not in best)]


def rows_per_chunk(groups: list[Group], ranks: Sequence[Sequence[int]], spread: int) -> int:
    """Points of the first group that are evaluated at once.

    Args:
        groups: the groups as arranged.
        ranks: for each group the ranks of all its dimensions.
        spread: numbers a point in the table of the core's uncertainty.
    """
    roots = int(np.prod([r + 1 for r in ranks[0]]))
    others = [(len(group.points), int(np.prod(r))) for group, r in zip(groups[1:], ranks[1:], strict=True)]
    per_row = max(_table_entries(1, roots, others), spread)
    return max(1, min(len(groups[0].points), TABLE_ENTRIES // per_row))
