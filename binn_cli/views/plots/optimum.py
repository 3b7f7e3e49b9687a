"""Where the optimum may lie: the best inputs of every draw from the surrogate's posterior."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from binn_cli.results.record import RunRecord
from binn_cli.views.plots.style import BLUE, GREY, VERMILION, WRAPPED, label, panels

MOST = 12
"""Inputs that are shown at most."""


def drawn(record: RunRecord) -> Figure | None:
    """A histogram an input; None where nobody asked."""
    answer = record.answers.get("optimum")
    if answer is None:
        return None
    names = answer.named("input")[:MOST]
    title = f"Best inputs for {answer.attributes.get('output', '')}, of every draw of the surrogate"
    figure, axes = panels(record, title, len(names), width=3.0, height=2.6, columns=4)
    for i, (ax, (name, unit)) in enumerate(zip(axes, names, strict=True)):
        places, best = answer["places"][:, i], answer["inputs"][i]
        spread = max(float(np.max(np.abs(places - best))), 1e-4 * max(abs(float(best)), 1e-3))
        ax.hist(places, bins=30, range=(best - 1.05 * spread, best + 1.05 * spread), color=BLUE, alpha=0.75)
        ax.axvspan(*answer["inputs_interval_95"][i], color=GREY, alpha=0.2, linewidth=0)
        ax.axvline(best, color=VERMILION, linewidth=1.2)
        ax.set_xlabel(fill(label(name, unit), WRAPPED))
        ax.set_yticks([])
        # An offset beside the axis would hide what the numbers are.
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.ticklabel_format(axis="x", useOffset=False, scilimits=(-4, 5))
    return figure
