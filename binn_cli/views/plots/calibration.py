"""Whether the stated intervals hold what they promise: observed against nominal coverage."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from binn_cli.metrics import LEVELS, observed_coverage
from binn_cli.results.record import RunRecord
from binn_cli.views.plots.style import COLOURS, GREY, INK, LINES, MARKERS, legends_above, panels, verbatim

_GRID = np.linspace(0.005, 0.995, 199)


def drawn(record: RunRecord) -> Figure | None:
    """One curve an output over all central intervals, marked at 50, 68, 90 and 95 %; None without predictions."""
    shown = record.predictions
    if shown is None or not len(shown.inputs):
        return None
    figure, (ax,) = panels(record, "Calibration of central intervals, test split", 1, width=4.6, height=4.2)
    marks = np.array(LEVELS) / 100
    ax.plot(
        (0, 1),
        (0, 1),
        color=INK,
        linewidth=0.9,
        linestyle="--",
        label="perfect; above it too cautious, below it too confident",
    )
    for i, name in enumerate(shown.output_names):
        column = (shown.truth[:, i], shown.mean[:, i], shown.std_total[:, i])
        observed, at_marks = observed_coverage(*column, _GRID), observed_coverage(*column, marks)
        colour, line, marker = (
            COLOURS[i % len(COLOURS)],
            LINES[i // len(COLOURS) % len(LINES)],
            MARKERS[i % len(MARKERS)],
        )
        area = float(np.mean(np.abs(observed - _GRID)))
        ax.plot(_GRID, observed, color=colour, linestyle=line)
        if len(shown.output_names) == 1:
            ax.fill_between(_GRID, _GRID, observed, color=colour, alpha=0.15, linewidth=0)
        ax.plot(marks, at_marks, marker, color=colour, label=verbatim(f"{name}: miscalibration area {area:.3f}"))
    for level in LEVELS:
        ax.axvline(level / 100, color=GREY, linewidth=0.5, linestyle=":")
    ax.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    # 90 and 95 % would overprint each other on one line
    ax.set_xticks([0, *marks], ["0 %", *(f"{level} %" if level < LEVELS[-1] else f"\n{level} %" for level in LEVELS)])
    ax.set_yticks(np.linspace(0, 1, 6), [f"{100 * tick:.0f} %" for tick in np.linspace(0, 1, 6)])
    ax.set_xlabel("nominal coverage")
    ax.set_ylabel("observed coverage")
    legends_above((ax, 1))
    return figure
