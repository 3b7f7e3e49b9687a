"""Run every comparison, or those named, print a table and keep it with its provenance and a figure under outputs/."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.rows import ROWS
from tests.benchmarks.timing import Row


def main() -> None:
    """Measure, print, write."""
    console = Console()
    rows: list[Row] = []
    named = sys.argv[1:]
    unknown = set(named) - {measure.__name__ for measure in ROWS}
    if unknown:
        sys.exit(
            f"no comparison is called {', '.join(sorted(unknown))}; there are {', '.join(m.__name__ for m in ROWS)}"
        )
    for measure in [m for m in ROWS if not named or m.__name__ in named]:
        console.print(f"[dim]{measure.__name__}[/dim]")
        found = measure()
        rows.extend(found if isinstance(found, list) else [found])
    console.print(report.table(rows))
    for note in report.notes(rows):
        console.print(note, style="dim", highlight=False, markup=False)
    for path in report.kept(rows, Path("outputs")):
        console.print(str(path), soft_wrap=True)


if __name__ == "__main__":
    main()
