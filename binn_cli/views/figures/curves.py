"""Fig. 3 of the paper: one panel a model, with the training points, the mean and its bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.fate import RESULTS
from binn_cli.results.gather import Run
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read
from binn_cli.views.figures.models import NAMES, named
from binn_cli.views.plots.style import BLUE, INK, SKY, VERMILION, label, verbatim

_REACH = 1.959964
MOST_PANELS, COLUMNS = 12, 3


def drawn(runs: Sequence[Run]) -> dict[str, Figure]:
    """A figure of all models on a problem with one input, the first seed of each; nothing where there is none."""
    first: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (_place(run), run.head.seed)):
        if run.head.task == "regress" and run.head.dataset == "sine":
            first.setdefault(_title(run), run)
    records = {title: read(run.directory / RESULTS, surrogate=False) for title, run in first.items()}
    shown = [(title, record) for title, record in records.items() if _is_curve(record)][:MOST_PANELS]
    if len(shown) < 2:
        return {}
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.1 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for i, (ax, (title, record)) in enumerate(zip(axes, shown, strict=False)):
        _panel(ax, record, with_name=i % columns == 0)
        ax.set_title(f"{verbatim(title)}\nRMSE {_rmse(record):.3f}, 95 %: {100 * _coverage(record):.0f} %", fontsize=8)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    for ax in axes[-columns:]:
        ax.set_xlabel("x")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=7)
    return {"fig3": figure}


def _place(run: Run) -> int:
    order = list(NAMES)
    return order.index(run.head.model) if run.head.model in order else len(order)


def _title(run: Run) -> str:
    """The model, and how many bases the paper's form has where that was chosen."""
    centers = run.head.config.get("model.centers")
    return f"{named(run.head.model)}, {centers} bases" if run.head.model == "binn_paper" else named(run.head.model)


def _is_curve(record: RunRecord) -> bool:
    shown = record.predictions
    return shown is not None and len(shown.input_names) == 1 and len(shown.inputs) > 1


def _rmse(record: RunRecord) -> float:
    return float(record.series(record.judging_split, "rmse")[-1, 0])


def _coverage(record: RunRecord) -> float:
    return float(record.series(record.judging_split, "coverage_95")[-1, 0])


def _panel(ax: Axes, record: RunRecord, *, with_name: bool) -> None:
    shown = record.predictions
    assert shown is not None
    order = np.argsort(shown.inputs[:, 0], kind="stable")
    x, mean = shown.inputs[order, 0], shown.mean[order, 0]
    total, model = _REACH * shown.std_total[order, 0], _REACH * shown.std_epistemic[order, 0]
    ax.fill_between(x, mean - total, mean + total, color=SKY, alpha=0.3, linewidth=0, label="95 %, with noise")
    ax.fill_between(x, mean - model, mean + model, color=BLUE, alpha=0.4, linewidth=0, label="95 %, model only")
    ax.plot(x, mean, color=BLUE, linewidth=1.1, label="mean")
    ax.plot(x, shown.truth[order, 0], "o", color=INK, markersize=1.6, markeredgewidth=0, alpha=0.6, label="test points")
    state = record.state or {}
    if "train_inputs" in state and "train_truth" in state:
        points, values = np.asarray(state["train_inputs"])[:, 0], np.asarray(state["train_truth"])[:, 0]
        ax.plot(points, values, "x", color=VERMILION, markersize=3, markeredgewidth=0.8, label="training points")
    if with_name:
        ax.set_ylabel(label(shown.output_names[0], shown.output_units[0]))
