"""Hyperparameters of a grid's Gaussian process by its evidence: where the search starts, its bounds, and the part of a
grid it looks at."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpGridConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.axis_factor import AxisPlan
from binn_cli.models.gp.grid_evidence import Grid, negative_log_evidence
from binn_cli.models.gp.hyperparameters import LADDER, Hyperparameters
from binn_cli.models.gp.search import best_of, searched

LONGEST, SHARPEST_BEND, MOST_NOISE = 30.0, 6.0, 1e2
"""Bounds of the search: length in units of the domain, bend of the coordinate, noise variance of the scaled outputs."""

SIGNALS = (1e-6, 1e26)
"""Bounds of the signal variance: over the smallest scaled variance, and over the noise variance that is allowed, beyond
which the singular values of an axis are rounding errors."""

NOISY = 1e-2
"""Noise variance of the scaled outputs, as of measurements, at which every start is tried too."""

objective = CompiledFunction(negative_log_evidence)


def planned(kind: str, grid: Grid) -> tuple[AxisPlan, ...]:
    """How every axis of the grid is factorised."""
    ends = np.cumsum([0, *(points.shape[1] for points in grid.points)])
    return tuple(
        AxisPlan.of(kind, int(begin), p.shape[1], len(p)) for begin, p in zip(ends[:-1], grid.points, strict=True)
    )


def unbent(found: Hyperparameters) -> Hyperparameters:
    """The same hyperparameters with bends of 0 behind the lengths."""
    lengths, variances = found.theta[:, :-2], found.theta[:, -2:]
    return Hyperparameters(np.concatenate([lengths, np.zeros_like(lengths), variances], axis=1), found.group)


def search_box(config: GpGridConfig, plans: tuple[AxisPlan, ...]) -> Float[np.ndarray, "P 2"]:
    """Smallest and largest value of every entry of theta."""
    bend = SHARPEST_BEND if config.warp == "log" else 0.0
    lengths = [[np.log(plan.shortest), np.log(LONGEST)] for plan in plans for _ in range(plan.first, plan.last)]
    variances = np.log([[SIGNALS[0], SIGNALS[1] * config.noise_floor], [config.noise_floor, MOST_NOISE]])
    return np.array([*lengths, *[[-bend, bend]] * len(lengths), *variances])


def learned_on_grid(
    config: GpGridConfig, grid: Grid, first: Hyperparameters, warm: Float[np.ndarray, "G P"] | None, watch: Stopwatch
) -> tuple[Hyperparameters, dict[str, Any]]:
    """Hyperparameters for every group of outputs, and what the search found on its way.

    Args:
        config: says whether to search, from how many starts and for how long.
        grid: the points whose evidence is looked at.
        first: theta as it is stated, and what is returned where there is no search.
        warm: theta of the round before, which takes the place of all starts.
        watch: counts the seconds of compiling.
    """
    if config.hyperparameters == "fixed":
        return first, {}
    plans = planned(config.kernel, grid)
    box = search_box(config, plans)
    searches = []
    for group, theta in enumerate(first.theta):
        own = grid._replace(values=grid.values[first.members(group)])

        def evaluated(point: np.ndarray, own: Grid = own) -> tuple[float, np.ndarray]:
            value, gradient = objective(watch, point, own, plans=plans)
            return float(value), np.asarray(gradient)

        begin = (
            warm[group][None]
            if warm is not None
            else best_of(evaluated, _candidates(config, theta, box), config.starts)
        )
        searches.append((evaluated, begin))
    found, trace = searched(searches, box, config.iterations)
    return Hyperparameters(found, first.group), {**trace, "evidence_points": np.asarray(grid.size)}


def _candidates(
    config: GpGridConfig, first: Float[np.ndarray, " P"], box: Float[np.ndarray, "P 2"]
) -> Float[np.ndarray, "C P"]:
    """The stated point, a ladder of lengths that are the same in every dimension, and random lengths; each also with
    the noise of measurements, or a search that begins without noise would end by interpolating it."""
    dimensions = (len(first) - 2) // 2
    drawn = stream(config.seed, "gp_grid starts").uniform(np.log(0.05), np.log(3.0), (config.starts - 1, dimensions))
    lengths = [*(np.full(dimensions, np.log(length)) for length in LADDER), *drawn]
    quiet = np.array([first, *(np.concatenate([row, first[dimensions:]]) for row in lengths)])
    noisy = np.concatenate([quiet[:, :-1], np.maximum(quiet[:, -1:], np.log(NOISY))], axis=1)
    return np.clip(np.concatenate([quiet, noisy]), box[:, 0], box[:, 1])


def thinned(grid: Grid, most: int) -> Grid:
    """A part of the grid with at most `most` points: every second point of whichever axis is then the longest, again
    and again.

    The points are counted in the order of their coordinates, so that the part does not depend on the order of the rows.
    A grid that has no more points is left as it is, with the rows that fill it up; the part has none.
    """
    if math.prod(len(points) for points in grid.points) <= most:
        return grid
    there = [np.flatnonzero(mask) for mask in grid.masks]
    picked = [rows[np.lexsort(points[rows].T[::-1])] for rows, points in zip(there, grid.points, strict=True)]
    while math.prod(map(len, picked)) > most and max(map(len, picked)) > 2:
        longest = int(np.argmax([len(rows) for rows in picked]))
        picked[longest] = picked[longest][::2]
    points = tuple(p[rows] for p, rows in zip(grid.points, picked, strict=True))
    values = np.asarray(grid.values)[np.ix_(np.arange(len(grid.values)), *picked)]
    return Grid(points, tuple(np.ones(len(rows)) for rows in picked), values)
