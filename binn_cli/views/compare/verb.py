"""`binn compare`: runs, sweeps and patterns in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from binn_cli.config.ranges import did_you_mean
from binn_cli.errors import BinnError
from binn_cli.results.fate import UNREADABLE
from binn_cli.results.gather import Gathered, gathered
from binn_cli.views.compare.columns import chosen
from binn_cli.views.compare.export import export
from binn_cli.views.compare.summary import compared
from binn_cli.views.compare.table import print_comparison
from binn_cli.views.console.streams import Notices, Results

METRICS = ("rmse", "nlpd", "coverage_95")
"""The metrics that are compared unless others are named."""


def compare(
    names: Sequence[str],
    *,
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    splits: Sequence[str] = (),
    all_times: bool = False,
    files: Sequence[tuple[str, Path]] = (),
) -> int:
    """Print a comparison on stdout and write it to files.

    Args:
        names: directories of runs, of sweeps and of outputs, results files, and patterns.
        by: keys to group by; none stands for all that differ.
        metrics: names; none stands for `METRICS`.
        splits: names; none stands for all on which no model was trained.
        all_times: whether times count that were taken side by side with other runs.
        files: formats and where to write them.

    Returns:
        The exit status: 1 if a file could not be read, or there is nothing to compare.

    Raises:
        BinnError: if a path, a key, a metric or a split is not there, or a file cannot be written.
    """
    found = gathered(names)
    complaints = Notices()
    for path in found.not_runs:
        complaints.print(f"{path}: holds no run and is passed over", markup=False, highlight=False, soft_wrap=True)
    known_splits = list(dict.fromkeys(split for run in found.runs for split in run.head.metrics))
    known_metrics = list(
        dict.fromkeys(name for run in found.runs for scores in run.head.metrics.values() for name in scores)
    )
    if found.runs:
        _require("--metric", metrics, known_metrics)
        _require("--split", splits, known_splits)
    shown = list(splits) or [split for split in known_splits if split != "train"]
    comparison = compared(found, chosen(by, found.runs), list(metrics) or list(METRICS), shown, all_times=all_times)
    for kind, path in files:
        export(comparison, kind, path)
    if not any(str(path) == "-" for _, path in files):
        print_comparison(comparison, Results())
    return _status(found, complaints)


def _require(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise BinnError(f"{option} {name}: no run has it; there are {', '.join(known)}{did_you_mean(name, known)}")


def _status(found: Gathered, complaints: Notices) -> int:
    if not found.runs:
        complaints.print("no complete run to compare", markup=False, highlight=False)
        return 1
    return 1 if any(fate.status == UNREADABLE for fate in found.others) else 0
