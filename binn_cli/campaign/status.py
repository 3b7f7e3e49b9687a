"""The verb `status`: how a campaign stands, read from its results file alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.campaign.campaign import directory_of, require_campaign
from binn_cli.datasets.calls import ASKED, COMPLETE, PENDING, STATUSES, Call, Calls
from binn_cli.restoring import results_of
from binn_cli.results.record import EXPECTED_GAIN, PREDICTED_RMSE, RunRecord
from binn_cli.results.store import read


def status(run: Path, as_json: bool) -> int:
    """Print it on stdout.

    Raises:
        BinnError: if the run asks no solver.
    """
    require_campaign(directory_of(run))
    record = read(results_of(run))
    calls = record.calls or Calls(())
    if as_json:
        print(json.dumps(standing(record, calls), indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    from binn_cli.views.console.calls import described

    print(described(calls))
    handed = sum(call.status == PENDING and call.source == ASKED for call in calls.each)
    planned = calls.count(PENDING) - handed
    if handed or planned:
        print(f"{handed} asked for and not yet told, {planned} to begin with that nobody has taken")
    for line in outlook_of(record):
        print(line)
    _print_failures(calls)
    return 0


def standing(record: RunRecord, calls: Calls) -> dict[str, Any]:
    """The same for programs; what is not known is null."""
    expected, gain = _expected(record)
    return {
        "status": record.status,
        "cases": {name: calls.count(name) for name in STATUSES},
        "fits": len(record.steps),
        "predicted_rmse": expected,
        "expected_gain": gain,
        "conclusion": record.conclusion or None,
        "pending": [
            {"parameters": _told(calls, call), "round": call.round, "asked": call.source == ASKED}
            for call in _of(calls, PENDING)
        ],
        "failed": [
            {"parameters": _told(calls, call), "status": call.status, "reason": call.reason}
            for call in calls.each
            if call.status not in (COMPLETE, PENDING)
        ],
    }


def outlook_of(record: RunRecord) -> list[str]:
    """What the last surrogate expects of itself and of one more simulation, in sentences."""
    expected, gain = _expected(record)
    if not record.steps:
        return ["no surrogate yet"]
    lines = []
    if expected:
        errors = ", ".join(f"{value:.3g} ({name})" for name, value in expected.items())
        more = "" if gain is None else f"; one more simulation is expected to lower it by {100 * gain:.2g} %"
        lines.append(f"predicted RMSE over all cases: {errors}{more}")
    return [*lines, record.conclusion] if record.conclusion else lines


def _expected(record: RunRecord) -> tuple[dict[str, float] | None, float | None]:
    if not record.steps:
        return None, None
    found: Mapping[str, np.ndarray] = record.steps[-1].diagnostics
    errors, gain = found.get(PREDICTED_RMSE), found.get(EXPECTED_GAIN)
    named = None if errors is None else dict(zip(record.outputs, np.ravel(errors).tolist(), strict=True))
    share = None if gain is None else float(np.ravel(gain)[0])
    return named, None if share is None or np.isnan(share) else share


def _of(calls: Calls, status: str) -> Sequence[Call]:
    return [call for call in calls.each if call.status == status]


def _told(calls: Calls, call: Call) -> dict[str, Any]:
    numbers = zip(calls.names, call.parameters, strict=True)
    return {name: calls.choices[name][round(value)] if name in calls.choices else value for name, value in numbers}


def _print_failures(calls: Calls) -> None:
    from binn_cli.views.console.calls import failed_cases
    from binn_cli.views.console.campaigns import rendered

    table = failed_cases(calls)
    if table is not None:
        print(rendered(table), end="")
