"""Fig. 4 of the paper: training time and test error of every model against the number of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.fate import RESULTS
from binn_cli.results.gather import Run
from binn_cli.results.store import read
from binn_cli.views.figures.models import by_model, look, named
from binn_cli.views.growth import SizeRow, by_size, slope
from binn_cli.views.plots.style import verbatim


def drawn(runs: Sequence[Run]) -> dict[str, Figure]:
    """Two panels, both logarithmic, with the exponent of every model's time; where a model could not go on, its
    colour says at which size and the legend why. Nothing without runs of `scaling`."""
    scaling = by_model(run for run in runs if run.head.task == "scaling")
    if not scaling:
        return {}
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for model, those in scaling.items():
        rows = by_size(read(those[-1].directory / RESULTS, surrogate=False))
        measured = [row for row in rows if row.seconds]
        if not measured:
            continue
        n, seconds = (np.array([getattr(row, name) for row in measured], dtype=float) for name in ("n_train", "fit"))
        exponent = slope(n, seconds)
        power = f", time ~ $N^{{{exponent:.2f}}}$" if np.isfinite(exponent) else ""
        left.plot(n, seconds, label=f"{verbatim(named(model))}{power}", **look(model))
        right.plot(n, [row.rmse[0] for row in measured], label=verbatim(named(model)), **look(model))
        _ends(left, model, rows)
    for ax, name in ((left, "(a) training time (s)"), (right, "(b) test RMSE")):
        ax.set(xscale="log", yscale="log", xlabel="training points N", ylabel=name)
        ax.grid(which="minor", visible=False)
    left.legend(fontsize=6.5, loc="upper left")
    return {"fig4": figure}


def _ends(ax: Axes, model: str, rows: Sequence[SizeRow]) -> None:
    """Where the model could not go on: for lack of memory or of time."""
    failed = [row for row in rows if not row.seconds]
    if failed:
        lacks = "memory" if "memory" in failed[0].reason or " GB" in failed[0].reason else "time"
        size = failed[0].n_train or failed[0].size
        name = f"{verbatim(named(model))}: no {lacks} for {size:,.0f}"
        ax.axvline(size, color=look(model)["color"], linestyle=":", linewidth=1.0, label=name)
