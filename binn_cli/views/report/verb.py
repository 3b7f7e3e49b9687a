"""`binn report`: runs, sweeps and patterns as one page."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from binn_cli.config.ranges import did_you_mean
from binn_cli.errors import BinnError
from binn_cli.results.fate import UNREADABLE
from binn_cli.views.compare.summary import compared
from binn_cli.views.console.streams import Notices
from binn_cli.views.output_file import write_output
from binn_cli.views.report.browser import print_pdf
from binn_cli.views.report.page import page
from binn_cli.views.report.reading import Reading, reading

METRICS = ("rmse", "rel_rmse", "nlpd", "coverage_95")
"""Scores in the table of runs unless others are named."""
CALIBRATION = ("coverage_50", "coverage_68", "coverage_90", "coverage_95")


def report(
    names: Sequence[str],
    output: Path | None,
    *,
    pdf: Path | None = None,
    title: str = "",
    metrics: Sequence[str] = (),
    all_times: bool = False,
) -> int:
    """Write a page on runs; the path of each file is printed on stdout.

    Args:
        names: directories of runs, of sweeps and of outputs, results files, and patterns.
        output: the page; None where only the PDF file is wanted, - for stdout.
        pdf: the same, printed by the browser of this machine.
        title: what stands at its top.
        metrics: the scores in the table of runs; none stands for `METRICS`.
        all_times: whether times count that were taken side by side with other runs.

    Returns:
        The exit status: 1 if a file could not be read or there is no run at all.

    Raises:
        BinnError: if a name leads nowhere, a metric is not there, or a file cannot be written.
    """
    read = reading(names)
    complaints = Notices()
    for path in read.found.not_runs:
        complaints.print(f"{path}: holds no run and is passed over", markup=False, highlight=False, soft_wrap=True)
    if not read.entries:
        complaints.print("no run to report on", markup=False, highlight=False)
        return 1
    text = _page(read, title, metrics, all_times).encode("utf-8", "backslashreplace")
    if output is not None:
        _write(text, output)
    if pdf is not None:
        with tempfile.TemporaryDirectory() as place:
            source = Path(place) / "report.html"
            source.write_bytes(text)
            print_pdf(source, pdf)
        print(pdf)
    return 1 if any(entry.fate.status == UNREADABLE for entry in read.entries) else 0


def _page(read: Reading, title: str, metrics: Sequence[str], all_times: bool) -> str:
    heads = [entry.head for entry in read.entries if entry.head is not None]
    known = list(dict.fromkeys(name for head in heads for scores in head.metrics.values() for name in scores))
    for name in metrics:
        if known and name not in known:
            raise BinnError(f"--metric {name}: no run has it; there are {', '.join(known)}{did_you_mean(name, known)}")
    shown = list(metrics) or list(METRICS)
    splits = [s for s in dict.fromkeys(split for head in heads for split in head.metrics) if s != "train"]
    # The figures of the calibration need every coverage, the table of means only what was asked for.
    comparison = compared(
        read.found, (), list(dict.fromkeys([*shown, "rmse", *CALIBRATION])), splits, all_times=all_times
    )
    comparison.cells = [cell for cell in comparison.cells if cell[1] in shown]
    heading = title or ("One run" if len(read.entries) == 1 else f"{len(read.entries)} runs")
    return page(read, comparison, heading, shown, splits)


def _write(text: bytes, path: Path) -> None:
    if str(path) == "-":
        print(text.decode(), end="")
        return
    write_output(path, text)
    print(path)
