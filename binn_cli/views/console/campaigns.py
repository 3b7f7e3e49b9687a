"""Cases that somebody is asked to simulate, and how a campaign stands, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binn_cli.views.console.layout import headed


def proposed(cases: Sequence[Mapping[str, object]], gains: Sequence[str]) -> str:
    """A table of cases with what each is expected to take off the error."""
    table = headed((), (*cases[0], "error lower by") if any(gains) else tuple(cases[0]))
    for case, gain in zip(cases, gains, strict=True):
        # All digits: somebody may type them.
        values = [repr(value) if isinstance(value, float) else escape(str(value)) for value in case.values()]
        table.add_row(*values, *([gain] if any(gains) else []))
    return rendered(table)


def rendered(table: Table) -> str:
    """A table as plain text, as wide as it needs."""
    console = Console(width=1000, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip()) + "\n"
