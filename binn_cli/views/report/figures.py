"""The figures of a report: of all runs together, and of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from binn_cli.metrics import LEVELS, observed_coverage
from binn_cli.results.record import Predictions, RunRecord, judging
from binn_cli.views.compare.summary import Comparison, Row
from binn_cli.views.compare.table import label_of
from binn_cli.views.growth import by_size
from binn_cli.views.report.chart import BAND, BOTH, DOTS, GUIDE, LINE, Chart, Series, chart
from binn_cli.views.report.reading import Entry

MOST_SERIES, MOST_POINTS = 16, 200
"""Lines that can be told apart in one chart, and points of a run that a chart shows."""
_REACH = 1.959964
_NOMINAL = np.linspace(0.02, 0.98, 49)


def of_all(comparison: Comparison, entries: Sequence[Entry]) -> list[Chart]:
    """Calibration, error against time, and how errors fall with rounds and sizes."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in comparison.rows:
        groups[row.dataset, row.output].append(row)
    found: list[Chart | None] = []
    for (dataset, output), rows in groups.items():
        about = f"{dataset}, {output}" if len(comparison.outputs) > 1 or len(groups) > 1 else dataset
        found += [_coverages(about, rows), _fronts(about, rows)]
    return [*filter(None, found), *_learning(entries), *_scaling(entries)]


def names_of(rows: Sequence[Row]) -> list[str]:
    """The rows of a comparison in the legend of a chart: what sets each apart from the others."""
    keys = [key for key in rows[0].keys if len({row.keys[key] for row in rows}) > 1]
    named = [
        [f"{'' if key == 'model' else key.rpartition('.')[2] + ' '}{label_of(row.keys[key])}" for key in keys]
        for row in rows
    ]
    return [
        ", ".join(parts) or label_of(row.keys.get("model", row.dataset)) for row, parts in zip(rows, named, strict=True)
    ]


def _judging(rows: Sequence[Row]) -> str:
    return judging(dict.fromkeys(split for row in rows for split, _ in row.metrics))


def _left_out(rows: Sequence[object]) -> str:
    return f" The first {MOST_SERIES} of {len(rows)} are drawn." if len(rows) > MOST_SERIES else ""


def _coverages(about: str, rows: Sequence[Row]) -> Chart | None:
    split, marks = _judging(rows), np.array(LEVELS) / 100
    series = [_ideal()]
    for i, (row, name) in enumerate(zip(rows[:MOST_SERIES], names_of(rows), strict=False)):
        means = [row.metrics.get((split, f"coverage_{level}")) for level in LEVELS]
        shares = np.array([np.nan if mean is None else mean.value for mean in means])
        series.append(Series(name, marks, shares, BOTH, i))
    return chart(
        f"Calibration: {about}",
        f"Share of the split {split} inside central intervals of 50, 68, 90 and 95 %. On the dashed line intervals "
        f"hold what they promise; below it they are too narrow.{_left_out(rows)}",
        ("nominal coverage", "observed coverage"),
        series,
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.02),
    )


def _ideal() -> Series:
    ends = np.array([0.0, 1.0])
    return Series("perfect", ends, ends, GUIDE)


def _fronts(about: str, rows: Sequence[Row]) -> Chart | None:
    split = _judging(rows)
    series = []
    for i, (row, name) in enumerate(zip(rows[:MOST_SERIES], names_of(rows), strict=False)):
        fit, error = row.timings.get("fit"), row.metrics.get((split, "rmse"))
        if fit is not None and error is not None:
            series.append(Series(name, np.array([fit.value]), np.array([error.value]), DOTS, i))
    return chart(
        f"Error against time: {about}",
        f"RMSE on the split {split} against seconds of fitting: the lower left is better. Runs whose times were taken "
        f"side by side with others are left out, unless times of all runs were asked for.{_left_out(rows)}",
        ("seconds of fitting", f"RMSE on {split}"),
        series,
        log=(True, True),
    )


def _learning(entries: Sequence[Entry]) -> list[Chart]:
    by_data: dict[str, list[tuple[Entry, RunRecord]]] = defaultdict(list)
    for entry in entries:
        if entry.record is not None and entry.record.header.task == "active_learn" and len(entry.record.steps) > 1:
            by_data[entry.record.header.data].append((entry, entry.record))
    charts = []
    for data, runs in by_data.items():
        split = runs[0][1].judging_split
        series = []
        for i, (entry, record) in enumerate(runs[:MOST_SERIES]):
            rounds = np.array([float(step.coordinates.get("round", n)) for n, step in enumerate(record.steps)])
            values = record.series(split, "rmse")[:, 0]
            series.append(Series(f"{entry.number}: {record.header.model}", rounds, values, BOTH, i))
        charts.append(
            chart(
                f"Active learning: {data}",
                f"RMSE of the first output on the split {split} against the round; the numbers are those of the "
                f"runs.{_left_out(runs)}",
                ("round", f"RMSE on {split}"),
                series,
                log=(False, True),
            )
        )
    return [*filter(None, charts)]


def _scaling(entries: Sequence[Entry]) -> list[Chart]:
    times, errors = [], []
    runs = [entry for entry in entries if entry.record is not None and entry.record.header.task == "scaling"]
    for i, entry in enumerate(runs[:MOST_SERIES]):
        if entry.record is None:
            continue
        rows, name = by_size(entry.record), f"{entry.number}: {entry.record.header.model}"
        n = np.array([float(row.n_train) for row in rows])
        times.append(Series(name, n, np.array([row.fit for row in rows]), BOTH, i))
        errors.append(Series(name, n, np.array([float(row.rmse[0]) for row in rows]), BOTH, i))
    label, log = "training points N", (True, True)
    found = [
        chart("Scaling: time", f"Seconds of fitting against N.{_left_out(runs)}", (label, "seconds"), times, log=log),
        chart("Scaling: error", f"Test RMSE against N.{_left_out(runs)}", (label, "test RMSE"), errors, log=log),
    ]
    return [*filter(None, found)]


def of_one(entry: Entry) -> list[Chart]:
    """What the predictions of one run look like."""
    record = entry.record
    if record is None:
        return []
    found: list[Chart | None] = [*_learning([entry]), *_scaling([entry])]
    shown = record.predictions
    if shown is not None and len(shown.inputs):
        if len(shown.input_names) == 1:
            found += [_curve(record, shown, i) for i in range(min(len(shown.output_names), 2))]
        found += [_parity(shown, i) for i in range(min(len(shown.output_names), 4))]
        found.append(_calibration(shown))
    return [*filter(None, found)]


def _few(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _curve(record: RunRecord, shown: Predictions, i: int) -> Chart | None:
    order = np.argsort(shown.inputs[:, 0], kind="stable")[_few(len(shown.inputs))]
    x, mean = shown.inputs[order, 0], shown.mean[order, i]
    total, model = _REACH * shown.std_total[order, i], _REACH * shown.std_epistemic[order, i]
    series = [
        Series("95 %, with noise", x, mean - total, BAND, 5, mean + total),
        Series("95 %, model only", x, mean - model, BAND, 0, mean + model),
        Series("mean", x, mean, LINE, 0),
        Series("test points", x, shown.truth[order, i], DOTS, 7),
    ]
    state = record.state or {}
    if "train_inputs" in state and "train_truth" in state:
        kept = _few(len(np.asarray(state["train_inputs"])))
        inputs, values = np.asarray(state["train_inputs"])[kept], np.asarray(state["train_truth"])[kept]
        series.append(Series("training points", inputs[:, 0], values[:, i], DOTS, 1))
    name = shown.output_names[i]
    return chart(
        f"Prediction of {name}",
        "The mean with its 95 % intervals, and what it was judged by.",
        (_with_unit(shown.input_names[0], shown.input_units[0]), _with_unit(name, shown.output_units[i])),
        series,
    )


def _parity(shown: Predictions, i: int) -> Chart | None:
    few = _few(len(shown.inputs))
    truth, name = shown.truth[few, i], _with_unit(shown.output_names[i], shown.output_units[i])
    error, reach = shown.mean[few, i] - truth, _REACH * shown.std_total[few, i]
    order = np.argsort(truth, kind="stable")
    return chart(
        f"Errors of {shown.output_names[i]}",
        f"Predicted less true values over the true value, at {len(few)} of {shown.n_points_total:,} points of the test "
        "split; the band is the 95 % interval of each.",
        (f"true {name}", "predicted − true"),
        [
            Series("95 % interval", truth[order], -reach[order], BAND, 5, reach[order]),
            Series("error", truth, error, DOTS, 0),
        ],
    )


def _calibration(shown: Predictions) -> Chart | None:
    series = [_ideal()]
    for i, name in enumerate(shown.output_names[:MOST_SERIES]):
        observed = observed_coverage(shown.truth[:, i], shown.mean[:, i], shown.std_total[:, i], _NOMINAL)
        series.append(Series(name, _NOMINAL, observed, LINE, i))
    return chart(
        "Calibration",
        "Share of the test points inside central intervals; below the dashed line intervals are too narrow.",
        ("nominal coverage", "observed coverage"),
        series,
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.02),
    )
