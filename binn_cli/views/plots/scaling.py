"""How training time and error grow with the number of training points."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from binn_cli.results.record import RunRecord
from binn_cli.views.growth import SizeRow, by_size, slope
from binn_cli.views.plots.style import (
    BLUE,
    COLOURS,
    INK,
    MARKERS,
    ORANGE,
    SKY,
    VERMILION,
    label,
    legends_above,
    panels,
    verbatim,
)


def drawn(record: RunRecord) -> Figure | None:
    """Fit time and test RMSE against the number of points, both logarithmic; None for other tasks or where nothing was
    fitted."""
    sizes = by_size(record) if record.header.task == "scaling" else []
    rows = [row for row in sizes if row.seconds]
    failed = [row.n_train for row in sizes if not row.seconds and row.n_train]
    if not rows:
        return None
    figure, (left, right) = panels(record, "Scaling: training time and test error", 2, width=4.6, height=3.8)
    _times(left, rows)
    _errors(right, record, rows)
    for ax in (left, right):
        for i, n in enumerate(failed):
            ax.axvline(n, color=INK, linewidth=0.9, linestyle=(0, (1, 3)), label="not measured" if i == 0 else None)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("training points N")
        points = [*failed, *(row.n_train for row in rows)]
        ax.set_xlim(min(points) / 1.8, max(points) * 1.8)
        _plain_ticks(ax)
        ax.grid(which="minor", visible=False)
    legends_above((left, 2), (right, 3), titles=("Training time", "Error"))
    return figure


def _plain_ticks(ax: Axes) -> None:
    """Plain numbers where the values span less than a decade: powers of ten would label hardly any of them."""
    low, high = ax.get_ylim()
    if high < 10 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)) if high > 3 * low else MaxNLocator(6))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _times(ax: Axes, rows: list[SizeRow]) -> None:
    points = [(row.n_train, second) for row in rows for second in row.seconds]
    ax.plot(*np.array(points).T, "_", color=SKY, markersize=9, markeredgewidth=1.2, label="each fit")
    n, fit = np.array([row.n_train for row in rows]), np.array([row.fit for row in rows])
    ax.plot(n, fit, "-", color=BLUE, marker="o", label="median")
    overall, top = slope(n, fit), slope(n, fit, decade=True)
    for exponent, line, name in ((overall, ":", "all sizes"), (top, "--", "top decade")):
        if np.isfinite(exponent):
            used = n if name == "all sizes" else n[n >= n.max() / 10 * (1 - 1e-9)]
            _power(ax, used, fit[-len(used) :], exponent, line, f"$N^{{{exponent:.2f}}}$, {name}")
    ax.set_ylabel("fit time without compilation (s)")


def _power(ax: Axes, n: np.ndarray, values: np.ndarray, exponent: float, line: str, name: str) -> None:
    """The least-squares power law, drawn a little beyond the sizes that it was fitted to."""
    level = np.exp(np.mean(np.log(values) - exponent * np.log(n)))
    ends = np.array([n.min() / 1.3, n.max() * 1.3])
    ax.plot(ends, level * ends**exponent, line, color=ORANGE if line == ":" else VERMILION, linewidth=1.5, label=name)


def _errors(ax: Axes, record: RunRecord, rows: list[SizeRow]) -> None:
    units = record.predictions.output_units if record.predictions is not None else ("",) * len(record.outputs)
    several = len(record.outputs) > 1
    for i, output in enumerate(record.outputs):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        ax.plot(
            [row.n_train for row in rows],
            [row.rmse[i] for row in rows],
            color=colour,
            marker=marker,
            label=verbatim(output) if several else None,
        )
    ax.set_ylabel(
        "test RMSE" if several or not record.outputs else label(f"test RMSE of {record.outputs[0]}", units[0])
    )
