"""What became of the calls of a solver, in words and as a list of those that failed."""

from __future__ import annotations

from collections import Counter

import numpy as np
from rich.markup import escape
from rich.table import Table

from binn_cli.results.calls import (
    ABANDONED,
    COMPLETE,
    FAILED,
    KNOWN,
    PENDING,
    SIMULATED,
    STORED,
    TIMED_OUT,
    TOLD,
    Call,
    Calls,
)
from binn_cli.views.console import quantities

LISTED = 20
"""Failures that are listed; all of them are in the file."""
_WORDS = {FAILED: "failed", TIMED_OUT: "took too long", ABANDONED: "abandoned", PENDING: "pending"}
_SOURCES = {SIMULATED: "computed", STORED: "known from earlier calls", KNOWN: "known from a table", TOLD: "told"}


def described(calls: Calls) -> str:
    """All of them in one line: `58 cases: 40 computed, 12 known from earlier calls, 5 failed, 1 took too long`."""
    sources = Counter(call.source for call in calls.each if call.status == COMPLETE)
    parts = [f"{sources[source]:,} {word}" for source, word in _SOURCES.items() if sources[source]]
    parts += [f"{calls.count(status):,} {word}" for status, word in _WORDS.items() if calls.count(status)]
    count = len(calls.each)
    seconds = [call.seconds for call in calls.each if call.source == SIMULATED and np.isfinite(call.seconds)]
    spent = f"; {quantities.seconds(float(np.sum(seconds)))} in the solver" if seconds else ""
    return f"{count:,} {'case' if count == 1 else 'cases'}: {', '.join(parts) or 'none'}{spent}"


def failed_cases(calls: Calls) -> Table | None:
    """A table of the cases without a result and why; None where there are none."""
    failed = [call for call in calls.each if call.status in (FAILED, TIMED_OUT, ABANDONED)]
    if not failed:
        return None
    from binn_cli.views.console.layout import headed

    table = headed((*calls.names, "status", "reason"), ())
    for call in failed[:LISTED]:
        table.add_row(*values_of(calls, call), _WORDS[call.status], escape(call.reason))
    if len(failed) > LISTED:
        table.add_row(*[""] * len(calls.names), f"{len(failed) - LISTED:,} more", "in /calls of the results file")
    return table


def values_of(calls: Calls, call: Call) -> list[str]:
    """The parameters of a case as they are written."""
    return [
        escape(str(calls.choices[name][round(value)])) if name in calls.choices else quantities.coordinate(value)
        for name, value in zip(calls.names, call.parameters, strict=True)
    ]
