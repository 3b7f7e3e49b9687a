"""`binn show`: the tables of runs that were kept, or the same as JSON for programs; nothing but the results file is
read."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from binn_cli.errors import BinnError
from binn_cli.results.fate import COMPLETE, Fate, counted, fate_of, fates_of, results_of_sweep, sweeps_in
from binn_cli.results.found import find_runs
from binn_cli.results.record import RunRecord, Step
from binn_cli.results.store import FILE_NAME, read
from binn_cli.views.console.answers import as_plain
from binn_cli.views.console.architectures import compare_architectures
from binn_cli.views.console.comparison import compare
from binn_cli.views.console.fates import fate_table
from binn_cli.views.console.streams import Notices, Results
from binn_cli.views.console.tables import summarise


def show(paths: Sequence[Path], as_json: bool = False) -> int:
    """Print runs on stdout.

    Args:
        paths: run directories or results files, or directories of them; what is none is passed over where others are
            named too.
        as_json: print one JSON list with an object per run instead of tables; what is not a number is null.

    Returns:
        The exit status: 1 if a run could not be read or there was none (one sentence on stderr; the others are shown),
            else 0.
    """
    console, complaints = Results(), Notices()
    shown: list[dict[str, Any]] = []
    records: list[RunRecord] = []
    found = find_runs(paths)
    sweeps = sweeps_in(paths)
    without: list[Fate] = []
    status = 0 if found.files or sweeps else 1
    for sweep in sweeps:
        try:
            without += results_of_sweep(sweep)[1]
            if not as_json:
                print_fates(sweep, console)
        except BinnError as error:
            complaints.print(str(error), markup=False, highlight=False, soft_wrap=True)
            status = 1
    for path in [path for path in found.not_runs if path not in sweeps]:
        rest = (
            " and is passed over"
            if found.files
            else f"; name the directory of a run, of a sweep or of all outputs, or a {FILE_NAME}"
        )
        complaints.print(f"{path}: holds no run{rest}", markup=False, highlight=False, soft_wrap=True)
    for file in found.files:
        try:
            record = read(file, arrays=False, provenance=as_json)
        except BinnError as error:
            complaints.print(str(error), markup=False, highlight=False, soft_wrap=True)
            status = 1
            continue
        records.append(record)
        fate = fate_of(file.parent) if record.status != COMPLETE and file.name == FILE_NAME else Fate(record.status)
        if as_json:
            shown.append(as_object(record, file.parent) | {"fate": fate.status})
        else:
            console.print(str(file.parent), style="dim", markup=False, highlight=False, soft_wrap=True)
            summarise(replace(record, status=fate.status, reason=record.reason or fate.reason or None), console)
            console.print()
    if as_json:
        shown += map(_without_results, without)
        print(json.dumps(shown, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        compare_architectures(records, console)
        compare(records, console)
    return status


def print_fates(sweep: Path, console: Console) -> None:
    """What became of every job of a sweep."""
    fates = fates_of(sweep)
    console.print(f"{sweep}: {counted(fates)}", style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(fate_table(fates))


def _without_results(fate: Fate) -> dict[str, Any]:
    """A job of a sweep that has no results file."""
    place = None if fate.directory is None else str(fate.directory)
    known = {"directory": place, "status": None, "fate": fate.status, "reason": fate.reason or None}
    return known | {"job": fate.job, "overrides": list(fate.overrides), "steps": []}


def as_object(record: RunRecord, directory: Path) -> dict[str, Any]:
    """A run without its arrays as plain values that JSON knows."""
    header = record.header
    return {
        "directory": str(directory),
        "status": record.status,
        "reason": record.reason,
        "task": header.task,
        "dataset": header.dataset,
        "note": header.note,
        "model": header.model,
        "config_id": header.config_id,
        "seed": header.seed,
        "outputs": list(record.outputs),
        "steps": [_step(step, record.outputs) for step in record.steps],
        **({"answers": answers} if (answers := as_plain(record)) else {}),
        "provenance": {name: _plain(value) for name, value in record.provenance.items()},
    }


def _step(step: Step, outputs: Sequence[str]) -> dict[str, Any]:
    return {
        "n_train": step.n_train,
        "coordinates": {name: _plain(value) for name, value in step.coordinates.items()},
        "acquired": None if step.acquired is None else {name: _plain(value) for name, value in step.acquired.items()},
        "metrics": {
            split: {
                name: {output: _plain(value) for output, value in zip(outputs, values, strict=True)}
                for name, values in scores.items()
            }
            for split, scores in step.metrics.items()
        },
        "timings": {name: _plain(value) for name, value in step.timings.items()},
        "peak_rss_bytes": step.peak_rss_bytes,
        "warnings": list(step.warnings),
        "notes": list(step.notes),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, float):
        return plain
    if not math.isfinite(plain):
        return None
    return int(plain) if plain.is_integer() and abs(plain) < 2**53 else plain
