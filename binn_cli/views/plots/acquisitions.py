"""Active learning: how the error falls, and where the cases were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from binn_cli.results.record import RunRecord
from binn_cli.views.plots.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    LINES,
    MARKERS,
    case_label,
    label,
    legends_above,
    panels,
    verbatim,
)


@dataclass(frozen=True)
class Cases:
    """The cases (n, D) that a run started from, chose and kept for the test."""

    names: tuple[str, ...]
    initial: np.ndarray
    acquired: np.ndarray
    held_out: np.ndarray


def drawn(record: RunRecord) -> Figure | None:
    """RMSE of every split over the acquisitions, and the chosen cases; None for other tasks or without steps."""
    if record.header.task != "active_learn" or not record.steps:
        return None
    cases = _cases(record)
    planar = cases is not None and len(cases.names) > 1
    figure, axes = panels(
        record,
        "Active learning: error and chosen cases",
        1 if cases is None else 2,
        width=5.0 if planar else 4.6,
        height=3.9,
    )
    _errors(axes[0], record)
    titles = ["Error on each split"]
    if cases is not None:
        titles.append((_plane if planar else _line)(axes[1], record, cases))
    legends_above(*((ax, 2 if len(ax.get_legend_handles_labels()[1]) > 3 else 3) for ax in axes), titles=titles)
    return figure


def _errors(ax: Axes, record: RunRecord) -> None:
    several = len(record.outputs) > 1
    # outputs of different units share an axis only when each is over its own spread
    metric = "rel_rmse" if several else "rmse"
    rounds = [step.coordinates.get("round", i) for i, step in enumerate(record.steps)]
    for j, split in enumerate(record.splits):
        values = record.series(split, metric)
        for i, output in enumerate(record.outputs):
            name = verbatim(f"{split}, {output}" if several else split)
            style: dict[str, Any] = {
                "color": COLOURS[j % len(COLOURS)],
                "linestyle": LINES[i % len(LINES)],
                "marker": MARKERS[j % len(MARKERS)],
            }
            ax.plot(rounds, np.where(values[:, i] > 0, values[:, i], np.nan), label=name, markersize=3.5, **style)
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(-0.5, max(rounds[-1], 1) + 0.5)
    unit = record.predictions.output_units[0] if record.predictions is not None and not several else ""
    ax.set_ylabel(
        "RMSE over the standard deviation"
        if several
        else label(f"RMSE of {record.outputs[0]}" if record.outputs else "RMSE", unit)
    )
    ax.set_xlabel("acquired cases")


def _cases(record: RunRecord) -> Cases | None:
    state = record.state or {}
    kept = state.get("case_coordinates", ())
    # runs of earlier versions have one text
    names = tuple(kept.split(",") if isinstance(kept, str) else map(str, kept)) or record.case_coordinates
    if not names:
        return None
    seen = [step.acquired for step in record.steps if step.acquired and set(names) <= set(step.acquired)]
    chosen = [
        case for acquired in seen for case in zip(*(np.atleast_1d(acquired[name]) for name in names), strict=True)
    ]
    acquired = state.get("acquired", chosen)
    return Cases(
        names, *(_rows(cases, len(names)) for cases in (state.get("initial", []), acquired, state.get("held_out", [])))
    )


def _rows(cases: object, width: int) -> np.ndarray:
    return np.asarray(cases, dtype=float).reshape(-1, width)


def _plane(ax: Axes, record: RunRecord, cases: Cases) -> str:
    """Two parameters as a plane (the first two of more), acquired cases numbered in their order; returns the title."""
    ax.plot(*cases.initial[:, :2].T, "o", markerfacecolor="none", color=GREY, markersize=6, label="initial")
    if len(cases.held_out):
        ax.plot(*cases.held_out[:, :2].T, "x", color=INK, markersize=5, label="held out")
    order = np.arange(1, len(cases.acquired) + 1)
    if len(order):
        dots = ax.scatter(
            cases.acquired[:, 0],
            cases.acquired[:, 1],
            c=order,
            cmap="viridis",
            s=130,
            edgecolors="white",
            linewidths=0.7,
            zorder=3,
            label="acquired",
        )
        dots.set_clim(1, max(2, len(order)))
        _numbers(ax, cases.acquired[:, :2], order)
    ax.set_xlabel(case_label(record, cases.names[0]))
    ax.set_ylabel(case_label(record, cases.names[1]))
    rest = ", ".join(cases.names[2:])
    ax.margins(0.06)
    return verbatim(
        f"Chosen cases in their order, seen along {rest}" if rest else "Chosen cases, numbered in their order"
    )


def _numbers(ax: Axes, points: np.ndarray, order: Sequence[int] | np.ndarray) -> None:
    for (x, y), number in zip(points, order, strict=True):
        # the dark end of the colour map wants light digits
        colour = "white" if number <= 0.65 * len(order) else INK
        ax.text(x, y, str(number), ha="center", va="center_baseline", fontsize=7, color=colour, zorder=4, clip_on=True)


def _line(ax: Axes, record: RunRecord, cases: Cases) -> str:
    """One parameter along a line, with the order of acquisition upwards; returns the title."""
    order = np.arange(1, len(cases.acquired) + 1)
    for case in cases.held_out[:, 0]:
        ax.axvline(case, color=INK, linewidth=0.7, linestyle=":")
    ax.plot([], [], color=INK, linewidth=0.7, linestyle=":", label="held out")
    ax.plot(
        cases.initial[:, 0],
        np.zeros(len(cases.initial)),
        "o",
        markerfacecolor="none",
        color=GREY,
        clip_on=False,
        label="initial",
    )
    if len(order):
        ax.scatter(
            cases.acquired[:, 0],
            order,
            color=BLUE,
            s=36,
            edgecolors="white",
            linewidths=0.5,
            zorder=3,
            label="acquired",
        )
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(case_label(record, cases.names[0]))
    ax.set_ylabel("order of acquisition")
    return "Chosen cases"
