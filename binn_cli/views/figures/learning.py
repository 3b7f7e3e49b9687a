"""Fig. 6 of the paper: the error against the number of acquired cases, with bands over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.results.fate import RESULTS
from binn_cli.results.gather import Run
from binn_cli.results.store import read
from binn_cli.views.figures.models import look, named, ordered
from binn_cli.views.plots.style import COLOURS, LINES, MARKERS, verbatim

Key = tuple[str, str]
"""A model and an acquisition."""


def drawn(runs: Sequence[Run]) -> dict[str, Figure]:
    """A panel for each data set; nothing without runs of `active_learn`."""
    by_data: dict[str, dict[Key, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.head.task == "active_learn" and run.head.n_steps > 1:
            key = (run.head.model, str(run.head.config.get("task.acquisition", "")))
            by_data[_problem(run)][key].append(run)
    if not by_data:
        return {}
    figure = Figure(figsize=(3.8 * len(by_data), 3.4), layout="constrained")
    for ax, (problem, groups) in zip(figure.subplots(1, len(by_data), squeeze=False)[0], by_data.items(), strict=True):
        _panel(ax, groups)
        ax.set_title(verbatim(problem))
    return {"fig6": figure}


def _problem(run: Run) -> str:
    """Runs of one data set that begin with other cases or other grids are not one curve."""
    config = run.head.config
    return f"{run.head.dataset}, from {config.get('dataset.initial_cases')} cases"


def _panel(ax: Axes, groups: dict[Key, list[Run]]) -> None:
    models, ways = ordered(model for model, _ in groups), sorted({way for _, way in groups})
    for model in models:
        for i, way in enumerate(ways):
            if (model, way) not in groups:
                continue
            rounds, curves = _curves(groups[model, way])
            style: dict[str, Any] = (
                look(model)
                if len(models) > 1
                else {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
            )
            name = " ".join(part for part, told in ((named(model), len(models) > 1), (way, len(ways) > 1)) if told)
            line = LINES[i % len(LINES)] if len(models) > 1 else "-"
            middle = np.exp(np.nanmean(np.log(curves), axis=0))
            ax.plot(rounds, middle, linestyle=line, label=verbatim(name or named(model)), **style)
            if len(curves) > 1:
                band = (np.nanmin(curves, axis=0), np.nanmax(curves, axis=0))
                ax.fill_between(rounds, *band, color=style["color"], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="acquired cases", ylabel="RMSE on held-out cases")
    ax.legend(fontsize=6.5)


def _curves(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Acquired cases (R,), and the error (seeds, R) as far as the shortest run goes."""
    found = []
    for run in runs:
        record = read(run.directory / RESULTS, arrays=False, provenance=False)
        # A step names the cases that came in with it, and its error is that of the fit to them too.
        acquired = np.cumsum([_count(step.acquired) for step in record.steps])
        found.append((acquired, record.series(record.judging_split, "rmse")[:, 0]))
    shortest = min(len(errors) for _, errors in found)
    curves = np.array([np.where(errors[:shortest] > 0, errors[:shortest], np.nan) for _, errors in found])
    known = np.isfinite(curves).any(axis=0)  # the first fit of a run without test cases has no error
    return found[0][0][:shortest][known], curves[:, known]


def _count(acquired: object) -> int:
    values = list(acquired.values()) if isinstance(acquired, dict) else []
    return int(np.size(values[0])) if values else 0
