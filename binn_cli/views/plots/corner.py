"""The posterior of unknown inputs: every one by itself, and every two together."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from binn_cli.results.record import RunRecord
from binn_cli.views.plots.style import BLUE, GREY, INK, VERMILION, WRAPPED, label, verbatim

MOST = 8
"""Unknowns that are shown at most."""
BINS = 40


def drawn(record: RunRecord) -> Figure | None:
    """Histograms and, below the diagonal, regions of 50 and 95 % of the first target; None without a posterior."""
    posterior, estimate = record.answers.get("posterior"), record.answers.get("estimate")
    if posterior is None or estimate is None:
        return None
    labels = [fill(label(name, unit), WRAPPED) for name, unit in estimate.named("unknown")][:MOST]
    names = [name for name, _ in estimate.named("unknown")][:MOST]
    several = "target" in estimate.scales
    columns = [posterior[name][..., 0] if several else posterior[name] for name in names]
    values = np.stack([np.asarray(column).ravel() for column in columns], axis=1)
    modes = np.asarray(estimate["maxima"])
    modes = modes[0] if several else modes
    count = len(names)
    figure = Figure(figsize=(2.1 * count + 1.2, 2.1 * count + 1.0), layout="constrained")
    of_first = f", first of {len(estimate.scales['target'])} targets" if several else ""
    heading = f"Posterior of the unknowns{of_first}\n{record.header.data}, {record.header.model}"
    figure.suptitle(verbatim(heading))
    grid = figure.subplots(count, count, squeeze=False)
    for i in range(count):
        for j in range(count):
            ax = grid[i, j]
            if j > i:
                ax.set_axis_off()
                continue
            if i == j:
                _alone(ax, values[:, i], modes[:, i])
            else:
                _together(ax, values[:, j], values[:, i], modes[:, [j, i]])
            if i == count - 1:
                ax.set_xlabel(labels[j])
            else:
                ax.tick_params(labelbottom=False)
            if j == 0 and i > 0:
                ax.set_ylabel(labels[i])
            elif i != j:
                ax.tick_params(labelleft=False)
            ax.tick_params(axis="x", labelrotation=30)
    return figure


def _alone(ax, values: np.ndarray, modes: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    ax.hist(values, bins=BINS, density=True, color=BLUE, alpha=0.75)
    low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
    ax.axvspan(low, high, color=GREY, alpha=0.15, linewidth=0)
    ax.axvline(middle, color=INK, linewidth=0.9, linestyle="--")
    for mode in modes[np.isfinite(modes)]:
        ax.axvline(mode, color=VERMILION, linewidth=0.9)
    ax.set_yticks([])
    ax.set_title(f"{middle:.4g} (+{high - middle:.2g} −{middle - low:.2g})")


def _together(ax, x: np.ndarray, y: np.ndarray, modes: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    density, edges_x, edges_y = np.histogram2d(x, y, bins=BINS)
    smooth = _smoothed(density)
    order = np.sort(smooth.ravel())[::-1]
    reached = np.cumsum(order) / order.sum()
    levels = sorted({float(order[min(int(np.searchsorted(reached, share)), len(order) - 1)]) for share in (0.5, 0.95)})
    ax.scatter(x[::5], y[::5], s=1.0, color=GREY, alpha=0.4, linewidths=0, rasterized=True)
    centre_x, centre_y = (0.5 * (edges[1:] + edges[:-1]) for edges in (edges_x, edges_y))
    if levels[0] < smooth.max():
        ax.contour(centre_x, centre_y, smooth.T, levels=levels, colors=BLUE, linewidths=1.0)
    ax.plot(*modes.T, "+", color=VERMILION, markersize=7)


def _smoothed(counts: np.ndarray) -> np.ndarray:
    """A binomial filter along both axes, twice."""
    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    for axis in (0, 1):
        counts = np.apply_along_axis(lambda row: np.convolve(row, kernel, mode="same"), axis, counts)
    return counts
