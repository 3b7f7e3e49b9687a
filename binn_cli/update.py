"""The verb `update`: a new run whose surrogate has also learned from the rows of a file, without the old ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from binn_cli.compiled_code import prepare_jax
from binn_cli.datasets.columns.table_reader import read_table
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.directory import claimed
from binn_cli.errors import BinnError
from binn_cli.models.scope import kept
from binn_cli.models.surrogate import Tree
from binn_cli.predict import reading_of
from binn_cli.restoring import restored, results_of
from binn_cli.results import provenance
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import RunRecord, Step
from binn_cli.results.store import FILE_NAME, read, write
from binn_cli.tasks.evaluation import PhaseTimings, Timer
from binn_cli.tasks.scoring import scores_of

NEW = "new"
"""The split of the new rows, predicted before they were learned."""


def update(run: Path, rows: Path, out: Path, options: Sequence[str], *, forgetting: float, drop_missing: bool) -> int:
    """Learn on from a file, and keep the result as a run of its own.

    Args:
        run: directory of a run, or its results file; it stays as it is.
        rows: a table of any kind with the inputs and outputs as columns.
        out: the directory of the new run.
        options: `KEY=VALUE`, how the file is written.
        forgetting: factor on the precision of everything learned so far.
        drop_missing: whether rows that lack a number are left out; they are refused otherwise.

    Returns:
        The exit status.

    Raises:
        BinnError: if the run has no surrogate, its model cannot learn on, the rows cannot be used, or `out` is there
            already.
    """
    if out.exists():
        raise BinnError(f"{out}: is there already; name a new directory for the updated run")
    prepare_jax()
    before, timings = results_of(run), PhaseTimings()
    learned = restored(before)
    with Timer() as timer:
        content = read_table(
            rows,
            replace(reading_of(options), choices=learned.scope.choices),
            learned.inputs,
            learned.outputs,
            drop_missing=drop_missing,
        )
        digest = file_digest(rows)
    timings.data = timer.seconds
    print(f"data: {content.report.line}", file=sys.stderr)
    scope = learned.scope
    axis = Axis("point", content.x, scope.inputs, scope.input_units)
    table = ProductData((axis,), content.y, scope.outputs, scope.output_units)
    scores = scores_of(learned.surrogate, {NEW: table}, timings)
    grown = learned.after(content.x, content.y, str(rows), forgetting)
    timings.compile += grown.surrogate.report.compile_seconds
    timings.fit += grown.surrogate.report.fit_seconds
    step = Step(
        n_train=table.n_points,
        metrics=scores.metrics,
        timings=timings.as_dict(),
        peak_rss_bytes=peak_rss_bytes(),
        diagnostics=grown.surrogate.report.diagnostics,
    )
    known = {"data": content.report.line, "rows_digest": digest}
    record = _record_after(before, step, known, kept(grown.surrogate, grown.scope), scope.outputs)
    directory = claimed(out.absolute().parent, out.name)
    write(directory / FILE_NAME, record)
    _say(learned.outputs, scores.metrics[NEW])
    print(directory / FILE_NAME)
    return 0


def _record_after(
    before: Path, step: Step, known: Mapping[str, str], surrogate: Tree, outputs: Sequence[str]
) -> RunRecord:
    """The results of the run before, with what the new rows have changed and nothing that they have made untrue."""
    record = read(before)
    learned = record.steps[-1].n_train if record.steps else 0
    origin = {"updated_from": str(before), "updated_from_digest": file_digest(before), "end_time": provenance.now()}
    return replace(
        record,
        status="complete",
        reason=None,
        provenance={**provenance.collect(), **known, **origin},
        steps=(replace(step, n_train=learned + step.n_train),),
        surrogate=surrogate,
        outputs=tuple(outputs),
        predictions=None,
        state=None,
        surface=None,
    )


def _say(outputs: Sequence[str], metrics: dict) -> None:
    for output, rmse, covered in zip(outputs, metrics["rmse"], metrics["coverage_95"], strict=True):
        print(
            f"before the new rows were learned: {output}: RMSE {rmse:.3g}, 95 % intervals held {100 * covered:.0f} %",
            file=sys.stderr,
        )
