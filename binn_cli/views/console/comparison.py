"""Table 2 of the paper beside runs on BlendedNet, and how their error bars do inside the flight envelope and beyond
it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binn_cli.results.record import RunRecord
from binn_cli.views.console import quantities
from binn_cli.views.console.layout import headed
from binn_cli.views.console.streams import Notices
from binn_cli.views.published import MODELS, OUTPUTS, SOURCE, TABLE_2, TEST_CASE


def compare(records: Sequence[RunRecord], console: Console | None = None) -> bool:
    """Print the comparison, on stderr unless a console is given; gives whether the runs call for one: at least two of
    the table's fits."""
    fits = _fits(records)
    if len(fits) < 2:
        return False
    console = console or Notices()
    data = " and ".join(dict.fromkeys(record.header.data for record, _ in fits))
    console.print(f"{SOURCE}, beside these runs on {data}", style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(_errors(fits))
    console.print(_error_bars(fits))
    console.print(_explanation(fits), style="dim", markup=False, highlight=False)
    return True


Fit = tuple[RunRecord, int]
"""A run, and which of its outputs."""


def _fits(records: Sequence[RunRecord]) -> list[Fit]:
    """What can stand in the table, output by output and the models in the paper's order."""
    found = [
        (record, i)
        for record in records
        if (record.header.dataset, record.header.task, record.status) == ("blendednet", "regress", "complete")
        and record.steps
        for i, output in enumerate(record.outputs)
        if (output, record.header.model) in TABLE_2
    ]
    return sorted(found, key=lambda fit: (OUTPUTS.index(fit[0].outputs[fit[1]]), MODELS.index(fit[0].header.model)))


def _judged_on(record: RunRecord) -> list[str]:
    """The test cases that the run's configuration names; none where it does not name them one by one."""
    from omegaconf import OmegaConf  # only where two runs are on this data set

    cases = OmegaConf.select(OmegaConf.create(record.header.config), "dataset.test_cases")
    return [] if cases is None or isinstance(cases, str) else [str(case) for case in cases]


def _score(fit: Fit, split: str, metric: str) -> float:
    return float(fit[0].series(split, metric)[-1, fit[1]])


def _errors(fits: Sequence[Fit]) -> Table:
    table = headed(
        ("output", "model"), ("train\npaper", "train\nhere", "test\npaper", "test\nhere", "fit\npaper", "fit\nhere")
    )
    for fit in fits:
        record, output = fit[0], fit[0].outputs[fit[1]]
        paper, timings = TABLE_2[output, record.header.model], record.steps[-1].timings
        published = paper.test if _judged_on(record) == [TEST_CASE] else np.nan
        errors = (paper.train, _score(fit, "train", "rel_rmse"), published, _score(fit, "test", "rel_rmse"))
        costs = (paper.seconds, timings.get("fit", np.nan))
        table.add_row(output, record.header.model, *map(quantities.number, errors), *map(quantities.seconds, costs))
    return table


def _error_bars(fits: Sequence[Fit]) -> Table:
    """One row for each fit and each split that it was not trained on."""
    table = headed(("output", "model", "split"), ("relative\nRMSE", "95 %\ncoverage", "std"))
    for fit in fits:
        for split in fit[0].splits:
            if split == "train":
                continue
            name, model = fit[0].outputs[fit[1]], fit[0].header.model
            coverage = quantities.percent(_score(fit, split, "coverage_95"))
            error, std = (quantities.number(_score(fit, split, metric)) for metric in ("rel_rmse", "sharpness"))
            table.add_row(name, model, escape(split), error, coverage, std)
    return table


def _explanation(fits: Sequence[Fit]) -> str:
    notes = [record.header.note for record, _ in fits if record.header.note]
    warned = (
        [f"These runs learned from {notes[0]} data: their errors say nothing about the data set of the paper."]
        if notes
        else []
    )
    return " ".join(
        [
            "Errors here: root mean square over the standard deviation of the split; the paper does not say how it "
            "normalises.",
            "Coverage: of 95 % intervals. std: root mean predicted variance, in the unit of the output.",
            *warned,
        ]
    )
