"""How much each input matters: first-order and total indices with intervals, and along the coordinates of a field."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from binn_cli.results.record import RunRecord
from binn_cli.views.plots.style import BLUE, COLOURS, LINES, VERMILION, label, legends_above, panels, verbatim

MOST = 20
"""Inputs that are shown at most."""


def drawn(record: RunRecord) -> Figure | None:
    """Two bars an input, one panel an output; None where nobody asked."""
    answer = record.answers.get("sensitivity")
    if answer is None:
        return None
    inputs, outputs = [str(name) for name in answer.scales["input"]], [str(name) for name in answer.scales["output"]]
    shown = min(len(inputs), MOST)
    height = 1.4 + 0.34 * shown
    figure, axes = panels(record, "Sobol indices, 95 % intervals", len(outputs), width=4.6, height=height)
    for j, (ax, output) in enumerate(zip(axes, outputs, strict=True)):
        order = np.argsort(-np.nan_to_num(answer["total"][:, j]), kind="stable")[:shown]
        for name, colour, shift in (("first_order", BLUE, -0.19), ("total", VERMILION, 0.19)):
            value, interval = answer[name][order, j], answer[f"{name}_interval_95"][order, j]
            away = np.abs(interval - value[:, None]).T
            places = np.arange(shown) + shift
            ax.barh(places, value, height=0.36, color=colour, label=name.replace("_", " "))
            ax.errorbar(value, places, xerr=away, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
        ax.set_yticks(range(shown), [verbatim(inputs[i]) for i in order])
        ax.invert_yaxis()
        ax.set_xlabel("share of the variance")
        if len(outputs) > 1:
            ax.set_ylabel(verbatim(output))
    legends_above(*[(ax, 2) for ax in axes])
    return figure


def fields(record: RunRecord) -> Figure | None:
    """Total indices along every coordinate of the field, weighted by the variance over the others; None without any."""
    answer = record.answers.get("sensitivity")
    if answer is None or "fields" not in answer.groups:
        return None
    inner = answer.groups["fields"]
    names = inner.arrays["total"][1][1:-1]
    inputs = [str(name) for name in inner.scales["input"]]
    total, variance = inner["total"][..., 0], inner["variance"][..., 0]
    figure, axes = panels(record, "Total indices over the field, first output", len(names), width=3.6, height=3.2)
    for a, (ax, name) in enumerate(zip(axes, names, strict=True)):
        others = tuple(b for b in range(len(names)) if b != a)
        parts = np.nan_to_num(total) * variance
        with np.errstate(invalid="ignore"):
            along = parts.sum(axis=tuple(b + 1 for b in others)) / variance.sum(axis=others)
        for i, own in enumerate(inputs[: len(COLOURS) * len(LINES)]):
            colour, line = COLOURS[i % len(COLOURS)], LINES[i // len(COLOURS)]
            ax.plot(inner.scales[name], along[i], label=verbatim(own), color=colour, linestyle=line)
        ax.set_xlabel(label(str(name)))
        ax.set_ylim(bottom=0.0)
    axes[0].set_ylabel("total index")
    legends_above((axes[0], 3), *[(ax, 3) for ax in axes[1:]])
    return figure
