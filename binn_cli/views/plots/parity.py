"""Predicted against true values on the test split."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.record import Predictions, RunRecord
from binn_cli.views.plots.style import BLUE, DENSITY, INK, label, limits, panels

_CROWD = 3000
"""From so many points on, their density is drawn instead of the points."""


def drawn(record: RunRecord) -> Figure | None:
    """One panel an output with the line of perfect prediction; None without predictions."""
    shown = record.predictions
    if shown is None or not len(shown.inputs):
        return None
    figure, axes = panels(record, "Predicted against true values, test split", len(shown.output_names), width=4.1, height=3.8)
    for i, ax in enumerate(axes):
        _panel(figure, ax, shown, i)
    return figure


def _panel(figure: Figure, ax: Axes, shown: Predictions, i: int) -> None:
    finite = np.isfinite(shown.mean[:, i])
    truth, mean = shown.truth[finite, i], shown.mean[finite, i]
    name, unit = shown.output_names[i], shown.output_units[i]
    if truth.size:
        low, high = limits(truth, mean)
        if truth.size >= _CROWD:
            crowd = ax.hexbin(truth, mean, gridsize=60, bins="log", cmap=DENSITY, mincnt=1, extent=(low, high, low, high), linewidths=0.1)
            figure.colorbar(crowd, ax=ax, label="points a cell", shrink=0.75, pad=0.02)
        else:
            ax.plot(truth, mean, "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
        ax.plot((low, high), (low, high), color=INK, linewidth=0.9, linestyle="--", label="perfect")
        ax.set(xlim=(low, high), ylim=(low, high))
        _annotate(ax, truth, mean, unit)
    ax.set_aspect("equal")
    ax.set_xlabel(label(f"true {name}", unit))
    ax.set_ylabel(label(f"predicted {name}", unit))


def _annotate(ax: Axes, truth: np.ndarray, mean: np.ndarray, unit: str) -> None:
    rmse, spread = float(np.sqrt(np.mean((mean - truth) ** 2))), float(truth.std())
    lines = [f"RMSE {rmse:.3g} {unit}".rstrip(), f"{truth.size:,} points"]
    if spread > 0:
        lines.insert(1, f"relative {rmse / spread:.2g}")
    ax.text(0.04, 0.96, "\n".join(lines), transform=ax.transAxes, va="top", fontsize=8, color=INK, parse_math=False)
