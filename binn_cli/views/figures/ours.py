"""What the paper does not show: calibration of all models, error against time, and error bars against cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.metrics import LEVELS
from binn_cli.results.gather import Run
from binn_cli.results.provenance import SIDE_BY_SIDE
from binn_cli.results.record import judging
from binn_cli.views.figures.models import by_model, look, named
from binn_cli.views.plots.style import GREY, INK, verbatim

CASES = "dataset.train_cases"


def calibration(runs: Sequence[Run]) -> dict[str, Figure]:
    """Observed against nominal coverage of every model, a panel for each data set; means over seeds and outputs."""
    return {f"calibration_{data}": _calibration(data, those) for data, those in _by_data(runs).items()}


def _by_data(runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.head.metrics and run.head.task in ("regress", "active_learn"):
            found[run.head.dataset].append(run)
    return {data: those for data, those in found.items() if len({run.head.model for run in those}) > 1}


def _scores(run: Run, metric: str) -> np.ndarray:
    """One value for each output on the split that judges best, NaN for what is not known."""
    values = run.head.metrics.get(judging(run.head.metrics), {}).get(metric, [])
    return np.array([np.nan if value is None else value for value in values] or [np.nan])


def _mean(runs: Sequence[Run], metric: str) -> float:
    values = np.concatenate([_scores(run, metric) for run in runs])
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _calibration(data: str, runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(3.8, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.plot((0, 1), (0, 1), color=INK, linestyle="--", linewidth=0.9)
    for model, those in by_model(runs).items():
        shares = [_mean(those, f"coverage_{level}") for level in LEVELS]
        ax.plot(np.array(LEVELS) / 100, shares, label=verbatim(named(model)), **look(model))
    ax.set(xlim=(0.4, 1), ylim=(0, 1.02), xlabel="nominal coverage", ylabel="observed coverage", title=verbatim(data))
    ax.legend(fontsize=7)
    return figure


def fronts(runs: Sequence[Run]) -> dict[str, Figure]:
    """Error against seconds of fitting, a figure for each data set, with the front that no model is below and left of.

    Runs whose times were taken side by side with others are left out.
    """
    alone = [run for run in runs if not run.head.provenance.get(SIDE_BY_SIDE)]
    return {f"error_against_time_{data}": _front(data, those) for data, those in _by_data(alone).items()}


def _front(data: str, runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    ax = figure.subplots()
    places = []
    for model, those in by_model(runs).items():
        seconds = np.array([run.head.timings.get("fit", np.nan) for run in those])
        errors = np.array([float(np.nanmean(_scores(run, "rel_rmse"))) for run in those])
        ax.plot(seconds, errors, linestyle="none", alpha=0.35, markersize=3, **look(model))
        middle = (float(np.nanmedian(seconds)), float(np.nanmedian(errors)))
        ax.plot(*middle, linestyle="none", label=verbatim(named(model)), markersize=7, **look(model))
        places.append(middle)
    front: list[tuple[float, float]] = []
    for place in sorted(places):
        if not front or place[1] < front[-1][1]:
            front.append(place)
    ax.step(*zip(*front, strict=True), where="post", color=GREY, linewidth=0.9, zorder=0)
    label = "RMSE over the standard deviation"
    ax.set(xscale="log", yscale="log", xlabel="seconds of fitting", ylabel=label, title=verbatim(data))
    ax.legend(fontsize=7)
    return figure


def error_bars(runs: Sequence[Run]) -> dict[str, Figure]:
    """Error, stated standard deviation and coverage against the number of cases, where runs differ in it."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.head.task == "regress" and isinstance(run.head.config.get(CASES), int):
            found[run.head.dataset].append(run)
    return {
        f"error_bars_{data}": _error_bars(data, those)
        for data, those in found.items()
        if len({run.head.config[CASES] for run in those}) > 1
    }


def _error_bars(data: str, runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for model, those in by_model(runs).items():
        cases = sorted({int(str(run.head.config[CASES])) for run in those})
        groups = [[run for run in those if run.head.config[CASES] == count] for count in cases]
        style, name = look(model), verbatim(named(model))
        left.plot(cases, [_mean(group, "rmse") for group in groups], label=f"{name}: error", **style)
        spread = [_mean(group, "sharpness") for group in groups]
        left.plot(cases, spread, linestyle="--", label=f"{name}: stated", **style | {"marker": ""})
        right.plot(cases, [_mean(group, "coverage_95") for group in groups], label=name, **style)
    right.axhline(0.95, color=INK, linewidth=0.9, linestyle="--")
    _cases(left, "RMSE, and stated standard deviation", data)
    _cases(right, "share inside 95 % intervals", data)
    left.set_yscale("log")
    right.set_ylim(0, 1.02)
    left.legend(fontsize=6)
    return figure


def _cases(ax: Axes, name: str, data: str) -> None:
    ax.set(xscale="log", xlabel="cases to learn from", ylabel=name, title=verbatim(data))
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.grid(which="minor", visible=False)
