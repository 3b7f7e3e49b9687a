"""The table of `binn check`, or the same as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from rich.console import Console
from rich.markup import escape

from binn_cli.results.data_check import ColumnCheck, DataCheck
from binn_cli.views.console import quantities
from binn_cli.views.console.layout import headed
from binn_cli.views.console.streams import Results


def print_check(found: DataCheck, as_json: bool, console: Console | None = None) -> None:
    """Print what was found on stdout."""
    if as_json:
        print(json.dumps(_plain(found.as_object()), indent=2, allow_nan=False, ensure_ascii=False))
        return
    console = console or Results()
    _say(console, found.line)
    table = headed(("column", "role"), ("smallest", "largest", "values", "missing"))
    for column in found.columns:
        table.add_row(*_cells(column))
    if found.columns:
        console.print(table)
    for column in found.columns:
        for remark in column.remarks:
            _say(console, f"{column.name}: {remark}", "yellow")
    for remark in found.remarks:
        _say(console, remark, "yellow")
    if found.n_train:
        _say(console, f"{found.n_train:,} training points, {found.n_test:,} test points{_beyond(found)}")


def _cells(column: ColumnCheck) -> list[str]:
    name = f"{column.name} ({column.unit})" if column.unit else column.name
    distinct = quantities.MISSING if column.distinct is None else f"{column.distinct:,}"
    cells = [escape(name), column.role, _number(column.low), _number(column.high), distinct]
    return [*cells, f"{column.missing:,}" if column.missing else quantities.MISSING]


def _number(value: float) -> str:
    return f"{value:.5g}"


def _beyond(found: DataCheck) -> str:
    if not found.n_outside:
        return ", all within the training range"
    parts = [f"{one.name} by up to {100 * one.farthest:.2g} % of its range ({one.count:,})" for one in found.outside]
    return (
        f"; {found.n_outside:,} {'lies' if found.n_outside == 1 else 'lie'} outside the training range: "
        f"{', '.join(parts)}"
    )


def _say(console: Console, text: str, style: str | None = None) -> None:
    if text:
        console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)


def _plain(value: Any) -> Any:
    """Without numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
