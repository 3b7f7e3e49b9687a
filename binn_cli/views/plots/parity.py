"""Predicted against true values on the test split, and the errors that are too small to be seen there."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from binn_cli.results.record import Predictions, RunRecord
from binn_cli.views.plots.style import BLUE, DENSITY, INK, label, limits, panels

_CROWD = 3000
"""From so many points on, their density is drawn instead of the points."""


def drawn(record: RunRecord) -> Figure | None:
    """Two panels an output: prediction and error over the true value; None without predictions."""
    shown = record.predictions
    if shown is None or not len(shown.inputs):
        return None
    count = 2 * len(shown.output_names)
    figure, axes = panels(record, "Predicted against true values, test split", count, width=4.3, height=3.6, columns=2)
    for i, (left, right) in enumerate(zip(axes[::2], axes[1::2], strict=True)):
        finite = np.isfinite(shown.mean[:, i])
        if finite.any():
            _values(left, shown, i, finite)
            _errors(figure, right, shown, i, finite)
        left.set_ylabel(label(f"predicted {shown.output_names[i]}", shown.output_units[i]))
        right.set_ylabel(label("predicted − true", shown.output_units[i]))
        for ax in (left, right):
            ax.set_xlabel(label(f"true {shown.output_names[i]}", shown.output_units[i]))
    return figure


def _values(ax: Axes, shown: Predictions, i: int, finite: np.ndarray) -> None:
    truth, mean, unit = shown.truth[finite, i], shown.mean[finite, i], shown.output_units[i]
    low, high = limits(truth, mean)
    _points(ax, truth, mean, (low, high), (low, high))
    ax.plot((low, high), (low, high), color=INK, linewidth=0.9, linestyle="--")
    ax.set_aspect("equal")
    rmse, spread = float(np.sqrt(np.mean((mean - truth) ** 2))), float(truth.std())
    lines = [f"RMSE {rmse:.3g} {unit}".rstrip(), f"{truth.size:,} points"]
    if spread > 0:
        lines.insert(1, f"relative RMSE {rmse / spread:.2g}")
    # the corner that perfect predictions leave empty
    ax.text(0.04, 0.96, "\n".join(lines), transform=ax.transAxes, va="top", fontsize=8, color=INK, parse_math=False)


def _errors(figure: Figure, ax: Axes, shown: Predictions, i: int, finite: np.ndarray) -> None:
    truth, error = shown.truth[finite, i], shown.mean[finite, i] - shown.truth[finite, i]
    reach = float(np.abs(error).max()) * 1.05 or 1e-12
    crowd = _points(ax, truth, error, limits(truth), (-reach, reach))
    ax.axhline(0, color=INK, linewidth=0.9, linestyle="--")
    if crowd is not None:
        figure.colorbar(crowd, ax=ax, label="points a cell", shrink=0.85, pad=0.02)


def _points(
    ax: Axes, x: np.ndarray, y: np.ndarray, x_range: tuple[float, float], y_range: tuple[float, float]
) -> PolyCollection | None:
    """The points themselves, or where they crowd their density, which is given back for its scale."""
    crowd = None
    if x.size >= _CROWD:
        crowd = ax.hexbin(
            x, y, gridsize=60, bins="log", cmap=DENSITY, mincnt=1, extent=(*x_range, *y_range), linewidths=0.1
        )
    else:
        ax.plot(x, y, "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
    ax.set(xlim=x_range, ylim=y_range)
    return crowd
