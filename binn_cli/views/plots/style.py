"""The looks that all figures share: a palette that colour-blind readers can tell apart, labels with units, titles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.rcsetup import cycler

from binn_cli.results.record import RunRecord
from binn_cli.views.plots.ticks import speak_plainly
from binn_cli.whole_file import replacing

# Okabe and Ito, Color Universal Design (2008), in an order that also steps in lightness
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, GREY = "#222222", "#8A8A8A"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">", "X", "p", "*", "h", "8", "d", "H", "+")
LINES = ("-", "--", ":", "-.")
DENSITY = "cividis"

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "figure.facecolor": "white",
    "axes.edgecolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "text.usetex": False,
}


def panels(
    record: RunRecord, title: str, count: int, width: float = 3.6, height: float = 3.4, columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, titled with what it shows and for which data set and model; sizes in inches a
    panel."""
    columns = min(count, columns)
    rows = -(-count // columns)
    subject = f"{record.header.data}, {record.header.model}"
    # a lone panel is narrower than its title, so the subject gets a line of its own
    heading = f"{title}\n{subject}" if columns * width < 7 else f"{title} – {subject}"
    figure = Figure(figsize=(max(columns * width, 4.4), rows * height + 0.5), layout="constrained")
    figure.suptitle(verbatim(heading))
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    return figure, axes


def legends_above(*panels: tuple[Axes, int], titles: Sequence[str] = ()) -> None:
    """Legends of so many columns between the titles and the panels of one row, where no data are; titles stand in one
    line."""
    entries = [len(ax.get_legend_handles_labels()[1]) for ax, _ in panels]
    rows = max(-(-count // columns) for count, (_, columns) in zip(entries, panels, strict=True))
    for (ax, columns), count in zip(panels, entries, strict=True):
        if count:
            ax.legend(
                loc="lower left",
                bbox_to_anchor=(0.0, 1.0),
                ncols=columns,
                handletextpad=0.5,
                columnspacing=1.2,
                borderaxespad=0.3,
            )
    for (ax, _), title in zip(panels, titles, strict=False):
        ax.set_title(title, pad=8 + 13 * rows)


WRAPPED = 32
"""Letters of a label in one line under a narrow panel."""


def label(name: str, unit: str = "") -> str:
    """A quantity with its unit, if it has one."""
    return verbatim(f"{name} ({unit})" if unit else name)


def verbatim(text: str) -> str:
    """Text that matplotlib does not read as mathematics, nor as something to keep out of legends."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def fonts_for(texts: Iterable[str]) -> list[str]:
    """The default font and those of this machine that have letters which it lacks, such as Chinese ones."""
    letters = {ord(letter) for text in texts for letter in text if ord(letter) > 0x7F}
    lacking = letters - set(get_font(findfont("DejaVu Sans")).get_charmap())
    if not lacking:
        return ["DejaVu Sans"]
    chosen = []
    for entry in fontManager.ttflist:
        if lacking and entry.name not in chosen and entry.style == "normal":
            try:
                here = lacking & set(get_font(entry.fname).get_charmap())
            except (OSError, RuntimeError):
                continue
            if here:
                chosen.append(entry.name)
                lacking -= here
    return ["DejaVu Sans", *chosen]


def case_label(record: RunRecord, name: str) -> str:
    """The label of a case coordinate, with its unit where the predictions tell it."""
    shown = record.predictions
    units = {} if shown is None else dict(zip(shown.input_names, shown.input_units, strict=True))
    return label(name, units.get(name, ""))


def limits(*arrays: np.ndarray, margin: float = 0.04) -> tuple[float, float]:
    """Common limits of several arrays, with a margin, also where all values are the same."""
    low, high = min(float(np.min(a)) for a in arrays), max(float(np.max(a)) for a in arrays)
    gap = margin * (high - low) or 0.5 * max(abs(high), 1e-12)
    return low - gap, high + gap


def saved(figure: Figure, path: Path) -> Path:
    """Write a figure, 200 dots an inch."""
    speak_plainly(figure)
    with replacing(path) as temporary:
        # level 4 of PNG takes two thirds of the time of 6, and files are 3 % larger
        figure.savefig(temporary, dpi=200, format=path.suffix[1:], pil_kwargs={"compress_level": 4})
    return path
