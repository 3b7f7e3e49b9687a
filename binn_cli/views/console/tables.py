"""The tables that close a run, one kind for each task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from binn_cli.results.calls import PENDING
from binn_cli.results.record import PHASES, RunRecord, Step
from binn_cli.views.console import quantities
from binn_cli.views.console.answers import TABLES
from binn_cli.views.console.calls import described, failed_cases
from binn_cli.views.console.layout import headed
from binn_cli.views.console.streams import Notices
from binn_cli.views.growth import by_size, slope

_COVERAGE = "95 %\ncoverage"
_SCORES = {
    "RMSE": "rmse",
    "relative\nRMSE": "rel_rmse",
    "R²": "r2",
    "NLPD": "nlpd",
    "CRPS": "crps",
    _COVERAGE: "coverage_95",
}
_COLOURS = {"complete": "green", "running": "yellow"}


def summarise(record: RunRecord, console: Console | None = None) -> None:
    """Print what a run found and what it cost, whatever its status; on stderr unless a console is given."""
    console = console or Notices()
    header = record.header
    # Somebody else makes the simulations: what could be done without a result is done.
    waits = record.status == "complete" and not record.steps and record.calls is not None
    status = "waiting for results" if waits else record.status
    colour = "yellow" if waits else _COLOURS.get(record.status, "red")
    console.print(
        f"[bold]{escape(f'{header.task} · {header.data} · {header.model}')}[/bold]  "
        f"[{colour}]{escape(status)}[/{colour}]"
        f"  [dim]seed {header.seed}, config {escape(header.config_id)}[/dim]",
        highlight=False,
        soft_wrap=True,
    )
    if record.reason:
        console.print(record.reason, markup=False, highlight=False, style=colour, soft_wrap=True)
    if record.conclusion:
        console.print(record.conclusion, markup=False, highlight=False, soft_wrap=True)
    if not record.steps:
        console.print("nothing is learned yet" if waits else "no step was finished", style="dim")
        _print_calls(record, console)
        return
    tables: dict[str, Callable[[RunRecord], Sequence[RenderableType]]] = {
        "active_learn": _active_learn,
        "scaling": _scaling,
        **TABLES,
    }
    for table in tables.get(header.task, _regress)(record):
        console.print(table)
    console.print(_wrapped(_costs(record), console.width), highlight=False, style="dim", markup=False, soft_wrap=True)
    for note in record.steps[-1].notes:
        console.print(note, highlight=False, style="dim", markup=False, soft_wrap=True)
    _print_calls(record, console)
    for warning in _warnings(record):
        console.print(f"warning: {warning}", highlight=False, style="yellow", markup=False)


def _print_calls(record: RunRecord, console: Console) -> None:
    """What became of the cases that a solver was asked for."""
    if record.calls is None:
        return
    console.print(described(record.calls), highlight=False, style="dim", markup=False, soft_wrap=True)
    if record.calls.count(PENDING):
        hint = "binn ask RUN gives pending cases out, binn tell RUN FILE takes their results in"
        console.print(hint, highlight=False, style="dim", markup=False, soft_wrap=True)
    failed = failed_cases(record.calls)
    if failed is not None:
        console.print(failed)


def _regress(record: RunRecord) -> list[Table]:
    table = headed(("split", "output"), tuple(_SCORES))
    scores = record.steps[-1].metrics
    for split in record.splits:
        for i, output in enumerate(record.outputs):
            found = {name: float(values[i]) for name, values in scores.get(split, {}).items()}
            table.add_row(escape(split), escape(output), *(_score(found, metric) for metric in _SCORES.values()))
    return [table] if record.splits else []


def _score(found: dict[str, float], metric: str) -> str:
    value = found.get(metric, float("nan"))
    return quantities.percent(value) if metric.startswith("coverage") else quantities.number(value)


def _active_learn(record: RunRecord) -> list[Table]:
    table = headed(
        ("split", "output"), ("initial\nRMSE", "best\nRMSE", "final\nRMSE", "reduced\nby", f"final {_COVERAGE}")
    )
    for split in record.splits:
        rmse, coverage = record.series(split, "rmse"), record.series(split, "coverage_95")
        for i, output in enumerate(record.outputs):
            column = rmse[:, i]
            best = np.nanmin(column) if np.isfinite(column).any() else np.nan
            gain = 1 - column[-1] / column[0] if column[0] > 0 else np.nan
            cells = (*(quantities.number(value) for value in (column[0], best, column[-1])), quantities.percent(gain))
            table.add_row(escape(split), escape(output), *cells, quantities.percent(coverage[-1, i]))
    return [table, _rounds(record)]


def _rounds(record: RunRecord) -> Table:
    outputs = [f"RMSE\n{output}" for output in record.outputs]
    coverages = f"lowest {_COVERAGE}" if len(outputs) > 1 else _COVERAGE
    table = headed((), ("round", "points", *record.case_coordinates, *outputs, coverages, "fit"))
    split = record.judging_split
    rmse, coverage = record.series(split, "rmse"), record.series(split, "coverage_95")
    choices = {} if record.calls is None else record.calls.choices
    for i, step in enumerate(record.steps):
        acquired = step.acquired or {}
        case = [
            escape(quantities.coordinates(acquired.get(name, np.nan), choices.get(name, ())))
            for name in record.case_coordinates
        ]
        scores = [quantities.number(value) for value in rmse[i, : len(outputs)]]
        table.add_row(
            quantities.coordinate(step.coordinates.get("round", i)),
            f"{step.n_train:,}",
            *case,
            *scores,
            quantities.percent(coverage[i].min()),
            quantities.seconds(step.timings.get("fit", np.nan)),
        )
    return table


def _scaling(record: RunRecord) -> list[Table | Text]:
    rows = by_size(record)
    # where the sizes are cases or grid lines, they are not the points
    sized = any(row.size != row.n_train for row in rows)
    outputs = [f"test RMSE\n{output}" for output in record.outputs]
    table = headed(
        (),
        (*(["size"] if sized else []), "points", "fits\ntimed", "fit\n(median)", "compile", *outputs, "peak\nmemory"),
    )
    for row in rows:
        size = [f"{row.size:,.0f}"] if sized else []
        points = f"{row.n_train:,}" if row.n_train else quantities.MISSING
        fits = str(len(row.seconds)) if row.seconds else "skipped" if row.reason.startswith("skipped") else "failed"
        costs = (quantities.seconds(row.fit), quantities.seconds(row.compile))
        scores = [quantities.number(value) for value in row.rmse[: len(outputs)]]
        table.add_row(*size, points, fits, *costs, *scores, quantities.size(row.peak_rss_bytes))
    n, fit = np.array([row.n_train for row in rows]), np.array([row.fit for row in rows])
    exponents = (quantities.number(slope(n, fit)), quantities.number(slope(n, fit, decade=True)))
    return [
        table,
        Text(f"fit time ~ N^{exponents[0]} over all sizes, N^{exponents[1]} over the top decade", style="italic"),
    ]


def _warnings(record: RunRecord) -> list[str]:
    """Every warning once; in how many steps, if the run has several."""
    count = Counter(warning for step in record.steps for warning in step.warnings)
    total = len(record.steps)
    # a warning of one step of a scaling run names its size
    once = total == 1 or record.header.task == "scaling"
    return [warning if once else f"{warning} (in {number} of {total} steps)" for warning, number in count.items()]


def _costs(record: RunRecord) -> list[str]:
    steps = record.steps
    parts = [f"{steps[-1].n_train:,} training points"] if record.header.task not in ("scaling", "solve") else []
    acquired = sum(np.size(next(iter(step.acquired.values()))) for step in steps if step.acquired)
    if acquired:
        parts.append(f"{acquired} acquired {'case' if acquired == 1 else 'cases'}")
    phases = dict.fromkeys((*PHASES, *steps[-1].timings))
    totals = {phase: _total(steps, phase) for phase in phases}
    parts += [f"{phase} {quantities.seconds(value)}" for phase, value in totals.items() if value]
    peak = max(step.peak_rss_bytes for step in steps)
    return [*parts, f"peak memory {quantities.size(peak)}"]


def _wrapped(parts: Sequence[str], width: int) -> str:
    """The parts in lines that never break inside one."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)


def _total(steps: Sequence[Step], phase: str) -> float | None:
    known = [step.timings[phase] for step in steps if np.isfinite(step.timings.get(phase, np.nan))]
    return float(np.sum(known)) if known else None
