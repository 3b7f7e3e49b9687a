"""Predictions a second of the surrogate of the heat problem: scattered points and grids, the mean alone and with its
variance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.surrogate import FittedSurrogate
from tests.benchmarks.growth import heat_on
from tests.benchmarks.timing import Row, compared


@cache
def heat_surrogate() -> FittedSurrogate:
    """The default model after the exact series on 51 x 51 points."""
    return Binn(BinnConfig()).fit(heat_on(51))


def _scattered(n: int, variance: bool) -> Row:
    fitted, data = heat_surrogate(), heat_on(51)
    low, high = (np.concatenate([getattr(a.points, end)(axis=0) for a in data.axes]) for end in ("min", "max"))
    points = [Axis("point", np.random.default_rng(0).uniform(low, high, (n, len(low))), data.inputs)]
    what = "mean and variance" if variance else "mean alone"
    row = compared(
        f"scattered points, {what} / one pass",
        lambda: fitted.predict(points, variance=variance),  # type: ignore[call-arg]
        lambda: np.sum(points[0].points),
        "",
        repeats=3,
    )
    ranks = fitted.report.diagnostics["tucker_ranks"].tolist()
    note = (
        f"{n / np.median(row.ours):,.0f} points a second, ranks {ranks}; theirs: numpy.sum of the {n:,} points' "
        f"coordinates"
    )
    return replace(row, note=note)


def scattered_means() -> Row:
    """The mean alone at scattered points."""
    return _scattered(1_000_000, variance=False)


def scattered_variances() -> Row:
    """Mean and variance at scattered points."""
    return _scattered(500_000, variance=True)


def product_grid() -> Row:
    """Mean and variance on a product of axes."""
    fitted, data = heat_surrogate(), heat_on(51)
    row = compared(
        "a grid, mean and variance / one pass",
        lambda: fitted.predict(data.axes),
        lambda: np.sum(data.values),
        "",
        repeats=3,
    )
    note = (
        f"{data.n_points / np.median(row.ours):,.0f} points a second on the training grid; theirs: numpy.sum of "
        f"as many values"
    )
    return replace(row, note=note)
