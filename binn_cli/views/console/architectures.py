"""Table 1 of the paper, which compares MLP, KAN and INN in words, beside what runs of the three found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from binn_cli.results.fate import COMPLETE
from binn_cli.results.record import RunRecord
from binn_cli.views.console import quantities
from binn_cli.views.console.layout import headed
from binn_cli.views.console.streams import Notices
from binn_cli.views.published import TABLE_1, TABLE_1_SOURCE

BY_DESCENT = tuple(model for model, said in TABLE_1.items() if said.depth)
"""The three that the table has; B-INN is INN with a posterior."""
JUDGED_ON = ("test", "offgrid")
"""Splits on which models are judged, where there are such."""


def are_compared(models: Iterable[str]) -> bool:
    """Whether runs of these models call for the table: all three architectures are there."""
    return set(BY_DESCENT) <= set(models)


def compare_architectures(records: Sequence[RunRecord], console: Console | None = None) -> bool:
    """Print the comparison, on stderr unless a console is given; gives whether the runs call for one."""
    groups = _grouped(records)
    if not are_compared(model for *_, model, _ in groups):
        return False
    console = console or Notices()
    for data in dict.fromkeys(group[:2] for group in groups):
        own = {group: runs for group, runs in groups.items() if group[:2] == data}
        heading = f"{TABLE_1_SOURCE}, beside these runs on {data[1]:,} points of {data[0]}"
        console.print(heading, style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(_table(own))
    console.print(_explanation(), style="dim", markup=False, highlight=False)
    return True


Group = tuple[str, int, str, int]
"""Data, training points, model and weights: what runs have in common that differ in their seeds alone."""


def _table(groups: Mapping[Group, Sequence[RunRecord]]) -> Table:
    """One row for each model and size."""
    table = headed(
        ("model",), ("runs", "weights", *("RMSE\n" + split for split in JUDGED_ON), "fit", "points\na second")
    )
    for (*_, model, weights), runs in groups.items():
        table.add_row(
            model,
            str(len(runs)),
            f"{weights:,}" if weights else quantities.MISSING,
            *(_error(runs, split) for split in JUDGED_ON),
            quantities.seconds(float(np.mean([run.steps[-1].timings.get("fit", np.nan) for run in runs]))),
            quantities.number(float(np.mean([_speed(run) for run in runs]))),
        )
    return table


def _grouped(records: Sequence[RunRecord]) -> dict[Group, list[RunRecord]]:
    """Runs of the table's models; models in the table's order."""
    found: dict[Group, list[RunRecord]] = {}
    for record in records:
        header = record.header
        if header.task == "regress" and record.status == COMPLETE and record.steps and header.model in TABLE_1:
            group = header.data, record.steps[-1].n_train, header.model, _weights(record)
            found.setdefault(group, []).append(record)
    order = list(TABLE_1)
    return dict(sorted(found.items(), key=lambda item: (*item[0][:2], order.index(item[0][2]), item[0][3])))


def _weights(record: RunRecord) -> int:
    """Trained weights; 0 for B-INN, which has a distribution of them."""
    return int(np.ravel(record.steps[-1].diagnostics.get("n_parameters", 0))[0])


def _error(runs: Sequence[RunRecord], split: str) -> str:
    """Root mean square error over all outputs, and its standard error over the runs."""
    errors = np.array(
        [np.sqrt(np.mean(np.square(run.series(split, "rmse")[-1]))) for run in runs if split in run.splits]
    )
    if len(errors) < 2:
        return quantities.number(errors.mean()) if len(errors) else quantities.MISSING
    return quantities.with_error(errors.mean(), errors.std(ddof=1) / np.sqrt(len(errors)))


def _speed(record: RunRecord) -> float:
    """Points predicted a second, compilation apart."""
    step = record.steps[-1]
    seconds = step.timings.get("predict", 0.0)
    return step.predicted / seconds if step.predicted and seconds else np.nan


def _explanation() -> str:
    said = "; ".join(f"{model} {TABLE_1[model].weights}, {TABLE_1[model].depth}" for model in BY_DESCENT)
    return (
        f"The paper has no number in this table. It says of weights and depth: {said}. RMSE ± its standard error over "
        "the runs; test: on held-out cases or points; offgrid: between the nodes, where the data have such points. "
        "fit: without compilation. Weights of B-INN have a distribution; /diagnostics/effective_parameters says how "
        "many the data determine."
    )
