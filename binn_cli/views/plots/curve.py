"""The learned curve of a problem with one input, with its uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.record import Predictions, RunRecord
from binn_cli.views.plots.style import BLUE, INK, SKY, VERMILION, label, legends_above, panels

FEW, MOST_DRAWN = 300, 2000
"""Points that are drawn with a mark each, and most that are drawn, evenly spread over the others."""

MANY: dict[str, Any] = {"markersize": 1.2, "markeredgewidth": 0, "zorder": 1}
"""How many points look: small, below the curve."""

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
    ax.plot(x, mean, color=BLUE, label="mean", zorder=3)
    some = _spread(len(x))
    ax.plot(x[some], truth[some], "o", color=INK, alpha=0.5, label="test points", **_dots(len(x), 2.6))


def _training(ax: Axes, record: RunRecord, i: int) -> None:
    state = record.state or {}
    if "train_inputs" in state and "train_truth" in state:
        inputs, values = np.asarray(state["train_inputs"]), np.asarray(state["train_truth"])
        some = _spread(len(inputs))
        look = {"markersize": 4.5, "markeredgewidth": 1.2} if len(inputs) <= FEW else _dots(len(inputs), 2.6)
        mark = "x" if len(inputs) <= FEW else "o"
        ax.plot(
            inputs[some, 0], values[some, i], mark, color=VERMILION, **look, alpha=1.0 if len(inputs) <= FEW else 0.5,
            label="training points",
        )  # fmt: skip


def _spread(count: int) -> np.ndarray:
    """Which of so many points are drawn."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_DRAWN)).round().astype(int))


def _dots(count: int, size: float) -> dict[str, Any]:
    """Dots that leave the curve to be seen: small and below it where they are many."""
    return {"markersize": size, "markeredgewidth": 0} if count <= FEW else MANY
