"""How training time and error grow with the number of training points."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from binn_cli.results.record import RunRecord
from binn_cli.views.growth import SizeRow, by_size, slope
from binn_cli.views.plots.style import BLUE, COLOURS, GREY, MARKERS, label, panels, verbatim


def drawn(record: RunRecord) -> Figure | None:
    """Fit time and test RMSE against the number of points, both logarithmic; None for other tasks or where nothing was fitted."""
    rows = [row for row in by_size(record) if row.repeats] if record.header.task == "scaling" else []
    if not rows:
        return None
    figure, (left, right) = panels(record, "Scaling: training time and test error", 2, width=4.6, height=3.8)
    _times(left, record, rows)
    _errors(right, record, rows)
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("training points N")
        ax.set_xlim(rows[0].n_train / 1.8, rows[-1].n_train * 1.8)
        _plain_ticks(ax)
        ax.grid(which="minor", visible=False)
    return figure


def _plain_ticks(ax: Axes) -> None:
    """Plain numbers where the values span less than a decade: powers of ten would label hardly any of them."""
    low, high = ax.get_ylim()
    if high < 10 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)) if high > 3 * low else MaxNLocator(6))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _times(ax: Axes, record: RunRecord, rows: list[SizeRow]) -> None:
    points = [(step.n_train, step.timings.get("fit", np.nan)) for step in record.steps]
    ax.plot(*np.array(points).T, "o", color=BLUE, alpha=0.35, markersize=4, markeredgewidth=0, label="each repeat")
    n, fit = np.array([row.n_train for row in rows]), np.array([row.fit for row in rows])
    ax.plot(n, fit, "-", color=BLUE, marker="_", markersize=9, label="median")
    overall, top = slope(n, fit), slope(n, fit, decade=True)
    for exponent, line, name in ((overall, ":", "all sizes"), (top, "--", "top decade")):
        if np.isfinite(exponent):
            used = n if name == "all sizes" else n[n >= n.max() / 10 * (1 - 1e-9)]
            _power(ax, used, fit[-len(used) :], exponent, line, f"$N^{{{exponent:.2f}}}$, {name}")
    ax.set_ylabel("fit time without compilation (s)")
    ax.set_title("Training time")
    ax.legend(loc="upper left")


def _power(ax: Axes, n: np.ndarray, values: np.ndarray, exponent: float, line: str, name: str) -> None:
    """The least-squares power law, drawn a little beyond the sizes that it was fitted to."""
    level = np.exp(np.mean(np.log(values) - exponent * np.log(n)))
    ends = np.array([n.min() / 1.3, n.max() * 1.3])
    ax.plot(ends, level * ends**exponent, line, color=GREY if line == ":" else COLOURS[1], linewidth=1.1, label=name)


def _errors(ax: Axes, record: RunRecord, rows: list[SizeRow]) -> None:
    units = record.predictions.output_units if record.predictions is not None else ("",) * len(record.outputs)
    scores = record.series("test", "rmse")
    sizes = np.array([step.n_train for step in record.steps])
    for i, output in enumerate(record.outputs):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        ax.plot(sizes, scores[:, i], marker, color=colour, alpha=0.35, markersize=4, markeredgewidth=0)
        ax.plot(
            [row.n_train for row in rows], [row.rmse[i] for row in rows], color=colour, marker="_", markersize=9, label=verbatim(output)
        )
    several = len(record.outputs) > 1
    ax.set_ylabel("test RMSE" if several or not record.outputs else label(f"test RMSE of {record.outputs[0]}", units[0]))
    ax.set_title("Error")
    if several:
        ax.legend(loc="best")
