"""What is shown and kept of the comparisons: a table for 80 columns, a figure, and JSON with the provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from rich.box import SIMPLE_HEAD
from rich.table import Table

from binn_cli.results import provenance
from binn_cli.views.console import quantities
from binn_cli.views.plots.style import BLUE, INK, SKY, STYLE, saved
from tests.benchmarks.timing import Row

EXPLANATION = (
    "times are medians; the ratio is their time over ours, so above 1 ours is faster; the range is over the repetitions"
)


def table(rows: Sequence[Row]) -> Table:
    """One row a comparison; what the sizes were stands below, in `notes`."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    found.add_column("ours / theirs", vertical="bottom", overflow="fold")
    for heading in ("ours", "theirs", "ratio", "range"):
        found.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for row in rows:
        low, middle, high = np.quantile(row.ratios, [0.0, 0.5, 1.0])
        ours, theirs = (quantities.seconds(float(np.median(seconds))) for seconds in (row.ours, row.theirs))
        found.add_row(row.name, ours, theirs, f"{middle:.3g}", f"{_short(low)}–{_short(high)}")
    return found


def _short(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def notes(rows: Sequence[Row]) -> list[str]:
    """How to read the table; the sizes of every comparison, and what its numbers leave out."""
    return [EXPLANATION, *(f"{row.name}: {row.note}{_compiled(row)}" for row in rows)]


def _compiled(row: Row) -> str:
    return f"; compiled in {quantities.seconds(row.compile_seconds)}" if row.compile_seconds else ""


def figure(rows: Sequence[Row]) -> Figure:
    """Every repetition's ratio and the medians on a logarithmic axis, the first comparison on top."""
    drawn = Figure(figsize=(7.2, 1.3 + 0.55 * len(rows)), layout="constrained")
    drawn.suptitle("Time ratios in one run on one machine")
    ax = drawn.add_subplot()
    for place, row in enumerate(rows):
        again, middle = row.ratios, float(np.median(row.ratios))
        ax.plot([again.min(), again.max()], [place, place], color=SKY, linewidth=5, alpha=0.4, solid_capstyle="butt")
        ax.plot(
            again, [place] * len(again), "|", color=BLUE, markersize=9, label="each repetition" if place == 0 else None
        )
        ax.plot(middle, place, "D", color=INK, markersize=5, label="median" if place == 0 else None)
        ax.annotate(f"{middle:.3g}", (middle, place), (0, 8), textcoords="offset points", ha="center", fontsize=8)
    ax.axvline(1, color=INK, linewidth=0.9, linestyle="--", label="equally fast")
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    # over many decades more labels would overprint each other
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(rows)), [row.name.replace(" / ", " /\n") for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("their time over ours (to the right of the dashed line, ours is faster)")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)
    return drawn


def kept(rows: Sequence[Row], directory: Path) -> tuple[Path, Path]:
    """Write the rows with their provenance as JSON, and the figure beside them; returns both paths."""
    path = directory / f"bench_{provenance.now().replace(':', '-')}.json"
    content = {"rows": [row.as_dict() for row in rows], "provenance": provenance.collect()}
    path.write_text(json.dumps(content, indent=2, default=str), encoding="utf-8")
    with matplotlib.rc_context(STYLE):
        return path, saved(figure(rows), path.with_suffix(".png"))
