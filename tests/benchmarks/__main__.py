"""Run every comparison, print a table and keep it with its provenance and a figure under outputs/."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.rows import ROWS
from tests.benchmarks.timing import Row


def main() -> None:
    """Measure, print, write."""
    console = Console()
    rows: list[Row] = []
    for measure in ROWS:
        console.print(f"[dim]{measure.__name__}[/dim]")
        rows.append(measure())
    console.print(report.table(rows))
    for note in report.notes(rows):
        console.print(note, style="dim", highlight=False, markup=False)
    for path in report.kept(rows, Path("outputs")):
        console.print(str(path), soft_wrap=True)


if __name__ == "__main__":
    main()
