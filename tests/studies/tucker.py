"""CP against Tucker with the default settings, through the program: error, coverage and seconds, on poisson and heat."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

from binn_cli import __version__
from binn_cli.cli import main as binn
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read
from binn_cli.views.plots.style import BLUE, MARKERS, STYLE, VERMILION

OUT = Path("data") / "studies"
DATASETS = {"poisson": "28 values of p, 114,688 points", "heat": "55 pairs of (k, P), 1,859,715 points"}
COLOURS = {"cp": BLUE, "tucker": VERMILION}
REPEATS = 5
"""Runs of each; the quickest counts, for others may use the machine."""


def measured(dataset: str) -> dict[str, list[RunRecord]]:
    """Several runs of `binn run` with the default settings, both decompositions in turn, so that a drift of the machine hits both."""
    records: dict[str, list[RunRecord]] = {decomposition: [] for decomposition in COLOURS}
    with tempfile.TemporaryDirectory() as root:
        for decomposition in list(COLOURS) * REPEATS:
            line = f"run dataset={dataset} task=regress model.decomposition={decomposition} output.figures=false output.root={root}"
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()) as said:
                status = binn(line.split())
            if status:
                raise SystemExit(said.getvalue())
            records[decomposition].append(read(Path(printed.getvalue().splitlines()[-1])))
    return records


def _row(decomposition: str, records: list[RunRecord]) -> str:
    step = records[-1].steps[-1]
    size = step.diagnostics["tucker_ranks"] if decomposition == "tucker" else step.diagnostics["modes"]
    shape = " x ".join(str(int(r)) for r in np.atleast_1d(size)) + ("" if decomposition == "tucker" else " modes")
    scores = []
    for split in records[-1].splits:
        found = step.metrics[split]
        scores.append(f"{float(found['rmse'][0]):.1e}, {100 * float(found['coverage_95'][0]):.1f} %")
    seconds = {phase: min([r.steps[-1].timings[phase] for r in records]) for phase in ("fit", "predict")}
    sweeps = int(np.ravel(step.diagnostics["sweeps"])[0])
    cells = [decomposition, shape, *scores, str(sweeps), *(f"{s:.2f}" for s in seconds.values())]
    return "| " + " | ".join(cells) + " |"


def _page(found: dict[str, dict[str, list[RunRecord]]]) -> str:
    lines = [
        "# CP against Tucker",
        "",
        "`python -m tests.studies tucker` wrote this page, from `binn run dataset=… task=regress model.decomposition=…` with the",
        f"defaults and seed 0: RMSE, and how many values lie in their 95 % interval; seconds of the quickest of {REPEATS} runs.",
        "",
    ]
    for dataset, runs in found.items():
        splits = runs["cp"][-1].splits
        heads = ["", "size", *splits, "sweeps", "fit, s", "predict, s"]
        lines += [f"## {dataset}: {DATASETS[dataset]}", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        lines += [_row(decomposition, records) for decomposition, records in runs.items()]
        lines.append("")
    origin = found["heat"]["cp"][0].provenance
    where = f"{origin.get('git_commit', 'an unknown commit')}, {origin.get('cpu_count')} cores, {origin.get('start_time')}"
    lines += [
        "![RMSE on every split, and the residual of every sweep](tucker.png)",
        "",
        f"<!-- binn {__version__} at {where} -->",
        "",
    ]
    return "\n".join(lines)


def _figure(found: dict[str, dict[str, list[RunRecord]]], path: Path) -> None:
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        labels = [f"{dataset}\n{split.replace('_', chr(10), 1)}" for dataset, runs in found.items() for split in runs["cp"][-1].splits]
        for decomposition, marker in zip(COLOURS, MARKERS, strict=False):
            values = [
                float(runs[decomposition][-1].steps[-1].metrics[split]["rmse"][0])
                for runs in found.values()
                for split in runs["cp"][-1].splits
            ]
            left.semilogy(values, marker, color=COLOURS[decomposition], label=decomposition)
            residual = np.ravel(found["heat"][decomposition][-1].steps[-1].diagnostics["residual"])
            right.semilogy(
                np.arange(1, len(residual) + 1), residual, marker=marker, markersize=3, color=COLOURS[decomposition], label=decomposition
            )
        left.set(xticks=range(len(labels)), ylabel="RMSE", title="Error on every split")
        left.set_xticklabels(labels, fontsize=7)
        right.set(xlabel="sweep", ylabel="RMS residual, output of unit RMS", title="heat: residual of the training data")
        left.legend()
        figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, then write the page and its figure."""
    found = {dataset: measured(dataset) for dataset in DATASETS}
    OUT.mkdir(parents=True, exist_ok=True)
    _figure(found, OUT / "tucker.png")
    (OUT / "tucker.md").write_text(_page(found), encoding="utf-8")
    print(OUT / "tucker.md")


if __name__ == "__main__":
    main()
