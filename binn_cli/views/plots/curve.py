"""The learned curve of a problem with one input, with its uncertainty."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.record import Predictions, RunRecord
from binn_cli.views.plots.style import BLUE, INK, SKY, VERMILION, label, legends_above, panels

_REACH = 1.959964
"""Half the width of the central 95 % interval in standard deviations."""


def drawn(record: RunRecord) -> Figure | None:
    """Mean, 95 % bands and test points, one panel an output; None unless there is exactly one input.

    The training points are drawn where the state keeps them as `train_inputs` (n, 1) and `train_truth` (n, L).
    """
    shown = record.predictions
    if shown is None or len(shown.input_names) != 1 or len(shown.inputs) < 2:
        return None
    count = len(shown.output_names)
    figure, axes = panels(record, "Prediction with 95 % intervals", count, width=6.4 if count == 1 else 4.6, columns=2)
    for i, ax in enumerate(axes):
        _bands(ax, shown, i)
        _training(ax, record, i)
        ax.set_xlabel(label(shown.input_names[0], shown.input_units[0]))
        ax.set_ylabel(label(shown.output_names[i], shown.output_units[i]))
        ax.margins(x=0.01)
    legends_above((axes[0], 3 if count == 1 else 2))
    return figure


def _bands(ax: Axes, shown: Predictions, i: int) -> None:
    order = np.argsort(shown.inputs[:, 0], kind="stable")
    x, mean, truth = shown.inputs[order, 0], shown.mean[order, i], shown.truth[order, i]
    total, epistemic = _REACH * shown.std_total[order, i], _REACH * shown.std_epistemic[order, i]
    ax.fill_between(x, mean - total, mean + total, color=SKY, alpha=0.25, linewidth=0, label="95 %, with noise")
    ax.fill_between(
        x, mean - epistemic, mean + epistemic, color=BLUE, alpha=0.35, linewidth=0, label="95 %, model only"
    )
    ax.plot(x, mean, color=BLUE, label="mean")
    ax.plot(x, truth, "o", color=INK, markersize=2.6, alpha=0.5, markeredgewidth=0, label="test points")


def _training(ax: Axes, record: RunRecord, i: int) -> None:
    state = record.state or {}
    if "train_inputs" in state and "train_truth" in state:
        inputs, values = np.asarray(state["train_inputs"]), np.asarray(state["train_truth"])
        ax.plot(
            inputs[:, 0],
            values[:, i],
            "x",
            color=VERMILION,
            markersize=4.5,
            markeredgewidth=1.2,
            label="training points",
        )
