"""The steps of a run as groups along a `step` dimension: /step, /metrics, /timings, /resources and /diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import h5py
import numpy as np

from binn_cli.results.dimensions import TRUE_NAME, contents, dataset, free_name, length_scale, scaled_group, values_of
from binn_cli.results.record import RunRecord, Step, one_or_all

_ACQUIRED, _SCORED, _PREDICTED = "acquired_", "n_scored_", "n_predicted"


def write_steps(file: h5py.File, record: RunRecord) -> None:
    """Write all steps; what a step lacks is NaN."""
    steps = record.steps
    numbers = np.arange(len(steps))
    group = scaled_group(file, "step", {"step": numbers})
    dataset(group, "n_train", np.array([step.n_train for step in steps], dtype=np.int64), ("step",))
    for name, column in _columns([step.coordinates for step in steps]).items():
        dataset(group, name, _whole(column), ("step",))
    _write_acquired(group, steps)
    for split in dict.fromkeys(split for step in steps for split in step.scored):
        scored = [step.scored.get(split, step.n_train) for step in steps]
        dataset(group, _SCORED + split, np.array(scored, dtype=np.int64), ("step",))
    if any(step.predicted for step in steps):
        dataset(group, _PREDICTED, np.array([step.predicted for step in steps], dtype=np.int64), ("step",))
    for name in ("warnings", "notes"):
        said = [getattr(step, name) for step in steps]
        if any(said):
            dataset(group, name, np.array(["\n".join(sentences) for sentences in said], dtype=object), ("step",))
    group = scaled_group(file, "timings", {"step": numbers})
    for name, column in _columns([step.timings for step in steps]).items():
        dataset(group, name, column, ("step",)).attrs["units"] = "s"
    group = scaled_group(file, "resources", {"step": numbers})
    peak = np.array([step.peak_rss_bytes for step in steps], dtype=np.int64)
    dataset(group, "peak_rss_bytes", peak, ("step",)).attrs["units"] = "byte"
    _write_metrics(file, record)
    _write_diagnostics(file, steps)


LISTED = ("fit_seconds", "n_parameters", "effective_parameters")
"""The diagnostics that lists of runs show."""


def read_steps(file: h5py.File, *, diagnostics: bool = True) -> tuple[Step, ...]:
    """The steps that `write_steps` wrote; what is NaN throughout is left out, and without `diagnostics` all of those
    but `LISTED`."""
    columns, timings = contents(file["step"]), contents(file["timings"])
    peak = values_of(file["resources/peak_rss_bytes"])
    n_train = columns.pop("n_train")
    predicted = columns.pop(_PREDICTED, np.zeros(len(n_train)))
    warnings, notes = (columns.pop(name, np.full(len(n_train), "")) for name in ("warnings", "notes"))
    scored = {name.removeprefix(_SCORED): columns.pop(name) for name in tuple(columns) if name.startswith(_SCORED)}
    acquired = {
        _true_name(file["step"][name]): columns.pop(name).reshape(len(n_train), -1)
        for name in tuple(columns)
        if name.startswith(_ACQUIRED)
    }
    metrics, of_model = (
        _read_metrics(file["metrics"]),
        _read_diagnostics(file["diagnostics"], None if diagnostics else LISTED),
    )
    return tuple(
        Step(
            n_train=int(n_train[i]),
            coordinates=_row(columns, i),
            metrics=metrics(i),
            timings=_row(timings, i),
            peak_rss_bytes=int(peak[i]),
            acquired={name: one_or_all(cases[i]) for name, cases in acquired.items() if not np.isnan(cases[i]).all()}
            or None,
            diagnostics=of_model(i),
            scored={split: int(counts[i]) for split, counts in scored.items() if counts[i] != n_train[i]},
            warnings=tuple(str(warnings[i]).splitlines()),
            notes=tuple(str(notes[i]).splitlines()),
            predicted=int(predicted[i]),
        )
        for i in range(len(n_train))
    )


def _write_acquired(group: h5py.Group, steps: Sequence[Step]) -> None:
    """Coordinates of the acquired cases: one number a step, or a row of them where a step acquired several."""
    acquired = [{name: np.atleast_1d(cases) for name, cases in (step.acquired or {}).items()} for step in steps]
    names = dict.fromkeys(name for row in acquired for name in row)
    batch = max((len(cases) for row in acquired for cases in row.values()), default=1)
    if names and batch > 1:
        length_scale(group, "batch", batch)
    for name in names:
        column = np.full((len(steps), batch), np.nan)
        for i, row in enumerate(acquired):
            cases = row.get(name, np.zeros(0))
            column[i, : len(cases)] = cases
        values, dimensions = (column, ("step", "batch")) if batch > 1 else (column[:, 0], ("step",))
        dataset(group, free_name(group, _ACQUIRED + name), values, dimensions).attrs[TRUE_NAME] = name


def _true_name(found: h5py.Dataset) -> str:
    """The name of a coordinate, which a variable's own name cannot hold if there is a slash in it."""
    return str(found.attrs.get(TRUE_NAME, str(found.name).rpartition("/")[2].removeprefix(_ACQUIRED)))


def _write_metrics(file: h5py.File, record: RunRecord) -> None:
    splits, outputs, steps = record.splits, record.outputs, record.steps
    scales = {
        "step": np.arange(len(steps)),
        "split": np.array(splits, dtype=object),
        "output": np.array(outputs, dtype=object),
    }
    group = scaled_group(file, "metrics", scales)
    names = dict.fromkeys(name for step in steps for scores in step.metrics.values() for name in scores)
    for name in names:
        values = np.full((len(steps), len(splits), len(outputs)), np.nan)
        for i, step in enumerate(steps):
            for j, split in enumerate(splits):
                values[i, j] = step.metrics.get(split, {}).get(name, np.nan)
        dataset(group, name, values, ("step", "split", "output"))


def _read_metrics(group: h5py.Group) -> Callable[[int], dict[str, dict[str, np.ndarray]]]:
    splits = [str(split) for split in values_of(group["split"])]
    metrics = contents(group)

    def of_step(i: int) -> dict[str, dict[str, np.ndarray]]:
        return {
            split: {name: values[i, j] for name, values in metrics.items()}
            for j, split in enumerate(splits)
            if any(not np.isnan(values[i, j]).all() for values in metrics.values())
        }

    return of_step


def _write_diagnostics(file: h5py.File, steps: Sequence[Step]) -> None:
    group = scaled_group(file, "diagnostics", {"step": np.arange(len(steps))})
    for name in dict.fromkeys(name for step in steps for name in step.diagnostics):
        arrays = [np.asarray(step.diagnostics.get(name, np.nan), dtype=np.float64) for step in steps]
        rank = max(array.ndim for array in arrays)
        arrays = [array.reshape(array.shape + (1,) * (rank - array.ndim)) for array in arrays]
        shape = tuple(max(array.shape[k] for array in arrays) for k in range(rank))
        stacked = np.full((len(steps), *shape), np.nan)
        for i, array in enumerate(arrays):
            stacked[i, ...][tuple(slice(n) for n in array.shape)] = array
        dimensions = [f"{name}_index" if rank == 1 else f"{name}_index{k}" for k in range(rank)]
        for dimension, length in zip(dimensions, shape, strict=True):
            length_scale(group, dimension, length)
        dataset(group, name, stacked, ("step", *dimensions))


def _read_diagnostics(group: h5py.Group, only: Sequence[str] | None) -> Callable[[int], dict[str, np.ndarray]]:
    stacked = contents(group, only)

    def of_step(i: int) -> dict[str, np.ndarray]:
        return {name: _unpadded(values[i, ...]) for name, values in stacked.items() if not np.isnan(values[i]).all()}

    return of_step


def _unpadded(padded: np.ndarray) -> np.ndarray:
    """Without the NaN behind the last value along every dimension."""
    filled = np.argwhere(~np.isnan(padded))
    return padded[tuple(slice(last + 1) for last in filled.max(axis=0))] if padded.ndim else padded


def _columns(rows: Sequence[Mapping[str, float | int]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([float(row.get(name, np.nan)) for row in rows]) for name in names}


def _row(columns: Mapping[str, np.ndarray], i: int) -> dict[str, float]:
    return {name: float(column[i]) for name, column in columns.items() if not np.isnan(column[i])}


def _whole(column: np.ndarray) -> np.ndarray:
    """Rounds, sizes and repeats as integers, as other programs expect them."""
    finite = np.isfinite(column).all()
    return column.astype(np.int64) if finite and (column == np.round(column)).all() else column
