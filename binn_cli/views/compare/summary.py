"""Means over seeds with their standard errors, and which row of a comparison is best."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from binn_cli.results.gather import Gathered, Run
from binn_cli.results.head import Scalar
from binn_cli.results.provenance import SIDE_BY_SIDE
from binn_cli.views.compare.columns import SEED, differing, value_of

LOWER = ("rmse", "rel_rmse", "mae", "max_error", "nlpd", "crps", "miscalibration_area", "interval_score_95")
HIGHER = ("r2",)
COVERAGES = {f"coverage_{percent}": percent / 100 for percent in (50, 68, 90, 95)}
BEST, NEAR = "best", "near"

Cell = tuple[str, str]
"""A split and a metric."""


@dataclass(frozen=True)
class Mean:
    """A mean over runs.

    Attributes:
        value: the mean of those runs that have a finite value.
        error: its standard error; None for a single run.
        n: how many runs it is the mean of.
    """

    value: float
    error: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        """The mean of finite values; None of none."""
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return None
        error = statistics.stdev(finite) / math.sqrt(len(finite)) if len(finite) > 1 else None
        return cls(statistics.fmean(finite), error, len(finite))


@dataclass
class Row:
    """Runs that differ in their seeds alone, and one of their outputs.

    Attributes:
        keys: what sets them apart from other rows.
        dataset: the data set, with its note.
        output: the output.
        runs: the runs.
        metrics: means by split and metric.
        timings: mean seconds by phase, of runs that had the machine to themselves, or of all that were asked for.
        side_by_side: how many runs shared the machine with others.
        marks: `BEST` or `NEAR` by split and metric; `NEAR` is within the standard error of the difference from the
            best.
    """

    keys: Mapping[str, Scalar]
    dataset: str
    output: str
    runs: tuple[Run, ...]
    metrics: dict[Cell, Mean]
    timings: dict[str, Mean]
    side_by_side: int
    marks: dict[Cell, str] = field(default_factory=dict)


@dataclass
class Comparison:
    """A whole comparison.

    Attributes:
        columns: names of the keys that set rows apart.
        cells: splits and metrics, in order.
        rows: one for each group of runs and output.
        outputs: names of the outputs; a single one needs no column.
        gathered: what was compared, and what could not be.
        notes: sentences about what a reader might be misled by.
    """

    columns: list[str]
    cells: list[Cell]
    rows: list[Row]
    outputs: list[str]
    gathered: Gathered
    notes: list[str]


def compared(
    found: Gathered, by: Sequence[str], metrics: Sequence[str], splits: Sequence[str], *, all_times: bool
) -> Comparison:
    """Group the runs and take means.

    Args:
        found: the runs.
        by: the keys to group by; none stands for all that differ.
        metrics: names of metrics.
        splits: names of splits.
        all_times: whether times count that were taken side by side with other runs.
    """
    apart = differing(found.runs)
    columns = list(by) or apart
    groups: dict[tuple[Scalar, ...], list[Run]] = defaultdict(list)
    for run in found.runs:
        groups[tuple(value_of(run, key) for key in columns)].append(run)
    rows = [
        _row(dict(zip(columns, values, strict=True)), runs, output, metrics, splits, all_times)
        for values, runs in sorted(groups.items(), key=lambda group: [_order(value) for value in group[0]])
        for output in dict.fromkeys(output for run in runs for output in run.head.outputs)
    ]
    cells = [
        (split, metric) for split in splits for metric in metrics if any((split, metric) in row.metrics for row in rows)
    ]
    _mark(rows, cells)
    outputs = list(dict.fromkeys(row.output for row in rows))
    return Comparison(columns, cells, rows, outputs, found, _notes(found, by, apart, rows, all_times))


def _order(value: Scalar) -> tuple[int, float, str]:
    """Numbers by size, then text, then what is missing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    return (2, 0.0, "") if value is None else (1, 0.0, str(value))


def _row(
    keys: Mapping[str, Scalar],
    runs: Sequence[Run],
    output: str,
    metrics: Sequence[str],
    splits: Sequence[str],
    all_times: bool,
) -> Row:
    having = [run for run in runs if output in run.head.outputs]
    means = {
        (split, metric): Mean.of([_score(run, output, split, metric) for run in having])
        for split in splits
        for metric in metrics
    }
    shared = [run for run in having if run.head.provenance.get(SIDE_BY_SIDE)]
    timed = having if all_times else [run for run in having if run not in shared]
    phases = dict.fromkeys(phase for run in timed for phase in run.head.timings)
    timings = {
        phase: Mean.of([run.head.timings[phase] for run in timed if phase in run.head.timings]) for phase in phases
    }
    head = having[0].head
    return Row(
        keys=keys,
        dataset=f"{head.dataset} ({head.note})" if head.note else head.dataset,
        output=output,
        runs=tuple(having),
        metrics={cell: mean for cell, mean in means.items() if mean is not None},
        timings={phase: mean for phase, mean in timings.items() if mean is not None},
        side_by_side=len(shared),
    )


def _score(run: Run, output: str, split: str, metric: str) -> float:
    values = run.head.metrics.get(split, {}).get(metric)
    value = None if values is None else values[run.head.outputs.index(output)]
    return float("nan") if value is None else value


def _mark(rows: Sequence[Row], cells: Sequence[Cell]) -> None:
    """Mark the best of each metric among rows that are about the same: one data set and one output."""
    same: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        same[row.dataset, row.output].append(row)
    for group in same.values():
        for cell in cells:
            scored = [
                (row, badness)
                for row in group
                if cell in row.metrics and (badness := _badness(cell[1], row.metrics[cell])) is not None
            ]
            if len(scored) > 1:
                _mark_cell(cell, scored)


def _mark_cell(cell: Cell, scored: Sequence[tuple[Row, float]]) -> None:
    best, least = min(scored, key=lambda pair: pair[1])
    for row, badness in scored:
        error = math.hypot(row.metrics[cell].error or 0.0, best.metrics[cell].error or 0.0)
        if badness == least:
            row.marks[cell] = BEST
        elif badness - least <= error:
            row.marks[cell] = NEAR


def _badness(metric: str, mean: Mean) -> float | None:
    """How far from the best that can be; None for a metric of which neither more nor less is better, such as the
    sharpness."""
    if metric in LOWER:
        return mean.value
    if metric in HIGHER:
        return -mean.value
    return abs(mean.value - COVERAGES[metric]) if metric in COVERAGES else None


def _notes(found: Gathered, by: Sequence[str], apart: Sequence[str], rows: Sequence[Row], all_times: bool) -> list[str]:
    notes = []
    pooled = [key for key in apart if key not in by] if by else []
    for key in pooled:
        values = sorted({str(value_of(run, key)) for run in found.runs})
        notes.append(f"means are also over {key} ({', '.join(values)})")
    if SEED not in by and any(len(row.runs) > 1 for row in rows):
        notes.append("mean ± standard error over runs with different seeds")
    if found.repeated:
        again = (
            f"{len(found.repeated)} {'run' if len(found.repeated) == 1 else 'runs'} with the configuration, data "
            f"and code of another"
        )
        notes.append(f"{again} are left out: the last one counts")
    # a run has a row for each of its outputs
    shared = len({run.directory for row in rows for run in row.runs if run.head.provenance.get(SIDE_BY_SIDE)})
    if shared:
        took = f"{shared} {'run' if shared == 1 else 'runs'} shared the machine with others"
        notes.append(
            f"{took}: their times {'are among those shown' if all_times else 'are left out; --all-times shows them'}"
        )
    return notes
