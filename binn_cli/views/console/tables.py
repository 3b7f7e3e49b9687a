"""The tables that close a run, one kind for each task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binn_cli.results.record import PHASES, RunRecord, Step
from binn_cli.views.console import quantities
from binn_cli.views.growth import by_size, slope

_SCORES = {"RMSE": "rmse", "rel. RMSE": "rel_rmse", "R²": "r2", "NLPD": "nlpd", "CRPS": "crps", "95 % coverage": "coverage_95"}
_COLOURS = {"complete": "green", "failed": "red", "running": "yellow"}


def summarise(record: RunRecord, console: Console | None = None) -> None:
    """Print what a run found and what it cost, whatever its status; on stderr unless a console is given."""
    console = console or Console(stderr=True)
    header = record.header
    colour = _COLOURS.get(record.status, "default")
    console.print(
        f"[bold]{escape(f'{header.task} · {header.data} · {header.model}')}[/bold]  [{colour}]{escape(record.status)}[/{colour}]"
        f"  [dim]seed {header.seed}, config {escape(header.config_id)}[/dim]",
        highlight=False,
        soft_wrap=True,
    )
    if record.reason:
        console.print(record.reason, markup=False, highlight=False, style=colour, soft_wrap=True)
    if not record.steps:
        console.print("no step was finished", style="dim")
        return
    tables = {"active_learn": _active_learn, "scaling": _scaling}.get(header.task, _regress)
    for table in tables(record):
        console.print(table)
    console.print(_costs(record), highlight=False, style="dim", markup=False)


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in left:
        table.add_column(escape(name))
    for name in right:
        table.add_column(escape(name), justify="right")
    return table


def _regress(record: RunRecord) -> list[Table]:
    table = _table(("split", "output"), tuple(_SCORES))
    scores = record.steps[-1].metrics
    for split in record.splits:
        for i, output in enumerate(record.outputs):
            found = {name: float(values[i]) for name, values in scores.get(split, {}).items()}
            table.add_row(escape(split), escape(output), *(_score(found, metric) for metric in _SCORES.values()))
    return [table]


def _score(found: dict[str, float], metric: str) -> str:
    value = found.get(metric, float("nan"))
    return quantities.percent(value) if metric.startswith("coverage") else quantities.number(value)


def _active_learn(record: RunRecord) -> list[Table]:
    table = _table(("split", "output"), ("initial RMSE", "best RMSE", "final RMSE", "improvement", "final 95 % coverage"))
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
    outputs = [f"RMSE {output}" for output in record.outputs]
    table = _table((), ("round", "points", *record.case_coordinates, *outputs, "95 % coverage", "fit"))
    split = "test" if "test" in record.splits else next(iter(record.splits), "test")
    rmse, coverage = record.series(split, "rmse"), record.series(split, "coverage_95")
    for i, step in enumerate(record.steps):
        case = [quantities.coordinate((step.acquired or {}).get(name, np.nan)) for name in record.case_coordinates]
        scores = [quantities.number(value) for value in rmse[i, : len(outputs)]]
        shares = " / ".join(quantities.percent(value) for value in coverage[i])
        table.add_row(
            quantities.coordinate(step.coordinates.get("round", i)),
            f"{step.n_train:,}",
            *case,
            *scores,
            shares,
            quantities.seconds(step.timings.get("fit", np.nan)),
        )
    return table


def _scaling(record: RunRecord) -> list[Table]:
    outputs = [f"test RMSE {output}" for output in record.outputs]
    table = _table((), ("points", "repeats", "fit (median)", "compile", *outputs, "peak memory"))
    rows = by_size(record)
    for row in rows:
        scores = [quantities.number(value) for value in row.rmse[: len(outputs)]]
        costs = (quantities.seconds(row.fit), quantities.seconds(row.compile))
        repeats = str(row.repeats) if row.repeats else "skipped"
        table.add_row(f"{row.n_train:,}", repeats, *costs, *scores, quantities.size(row.peak_rss_bytes))
    n, fit = np.array([row.n_train for row in rows]), np.array([row.fit for row in rows])
    exponents = (quantities.number(slope(n, fit)), quantities.number(slope(n, fit, decade=True)))
    table.caption = f"fit time ~ N^{exponents[0]} over all sizes, N^{exponents[1]} over the top decade"
    table.caption_justify = "left"
    return [table]


def _costs(record: RunRecord) -> str:
    steps = record.steps
    parts = [f"{steps[-1].n_train:,} training points"] if record.header.task != "scaling" else []
    acquired = sum(step.acquired is not None for step in steps)
    if acquired:
        parts.append(f"{acquired} acquired cases")
    totals = {phase: _total(steps, phase) for phase in PHASES}
    parts += [f"{phase} {quantities.seconds(value)}" for phase, value in totals.items() if value is not None]
    peak = max(step.peak_rss_bytes for step in steps)
    return " · ".join([*parts, f"peak memory {quantities.size(peak)}"])


def _total(steps: Sequence[Step], phase: str) -> float | None:
    known = [step.timings[phase] for step in steps if np.isfinite(step.timings.get(phase, np.nan))]
    return float(np.sum(known)) if known else None
