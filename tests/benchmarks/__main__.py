"""Run every comparison, print a table and keep it with its provenance under outputs/."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from binn_cli.results import provenance
from tests.benchmarks.rows import ROWS
from tests.benchmarks.timing import Row


def main() -> None:
    """Measure, print, write."""
    console = Console()
    rows: list[Row] = []
    for measure in ROWS:
        console.print(f"[dim]{measure.__name__}[/dim]")
        rows.append(measure())
    table = Table(title="Time ratios (theirs over ours; above one, ours is faster)")
    for heading in ("comparison", "ours", "theirs", "ratio", "spread", "sizes"):
        table.add_column(heading, justify="left" if heading in ("comparison", "sizes") else "right")
    for row in rows:
        low, middle, high = np.quantile(row.ratios, [0.0, 0.5, 1.0])
        ours, theirs = (f"{1e3 * np.median(seconds):.3g} ms" for seconds in (row.ours, row.theirs))
        table.add_row(row.name, ours, theirs, f"{middle:.3g}", f"{low:.3g} to {high:.3g}", row.note)
    console.print(table)
    path = Path("outputs") / f"bench_{provenance.now().replace(':', '-')}.json"
    path.write_text(json.dumps({"rows": [row.as_dict() for row in rows], "provenance": provenance.collect()}, indent=2, default=str))
    console.print(str(path))


if __name__ == "__main__":
    main()
