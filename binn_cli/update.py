"""The verb `update`: a new run whose surrogate has also learned from the rows of a file, without the old ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from binn_cli.compiled_code import prepare_jax
from binn_cli.config.compose import UPDATE, Settings, from_text
from binn_cli.datasets.columns.table_reader import read_table
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.directory import claimed
from binn_cli.errors import BinnError
from binn_cli.execute import drawing_of, logging_to
from binn_cli.learned import Learned
from binn_cli.models.scope import Scope, kept
from binn_cli.predict import reading_of
from binn_cli.restoring import restored, results_of
from binn_cli.results import provenance
from binn_cli.results.holder import LOG_NAME, held
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import RunRecord, Step
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks.evaluation import PhaseTimings, Timer
from binn_cli.tasks.scoring import KEPT as TEST
from binn_cli.tasks.scoring import Scores, scores_of
from binn_cli.whole_file import write_whole

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
    started, before, timings = provenance.collect(), results_of(run), PhaseTimings()
    record, learned = read(before), restored(before)
    settings = from_text(record.header.config, before).updated(str(rows), forgetting)
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
    ahead = scores_of(learned.surrogate, {NEW: _table(learned.scope, content.x, content.y)}, timings)
    grown = learned.after(content.x, content.y, str(rows), forgetting)
    timings.compile += grown.surrogate.report.compile_seconds
    timings.fit += grown.surrogate.report.fit_seconds
    scores = _with_test(ahead, grown, record, timings)
    directory = claimed(out.absolute().parent, out.name)
    with held(directory), logging_to(directory / LOG_NAME, settings.verbose):
        write_whole(directory / "config.yaml", settings.yaml)
        header = replace(record.header, config_id=settings.config_id, config=settings.yaml, note="")
        recorder = Recorder(directory, header, {**started, **_origin(before)})
        recorder.note(record.header.note)
        recorder.describe(content.report.line)
        recorder.identify(_identity(record, settings, digest))
        if record.calls is not None:
            recorder.calls(record.calls)
        recorder.step(
            _step(record, grown, scores, timings, content.x),
            predictions=scores.predictions,
            surrogate=kept(grown.surrogate, grown.scope),
            outputs=learned.outputs,
        )
        recorder.finish("complete", None)
        if settings.output.figures:
            drawing_of(directory)()
    _say(learned.outputs, record, scores)
    print(recorder.path)
    return 0


def _step(record: RunRecord, grown: Learned, scores: Scores, timings: PhaseTimings, x: np.ndarray) -> Step:
    """The one step of the new run."""
    report = grown.surrogate.report
    return Step(
        n_train=(record.steps[-1].n_train if record.steps else 0) + len(x),
        metrics=scores.metrics,
        scored=scores.scored,
        timings=timings.as_dict(),
        peak_rss_bytes=peak_rss_bytes(),
        diagnostics=report.diagnostics,
        notes=report.notes,
        cases=scores.cases | {NEW: _cases(grown.scope, x)},
    )


def _table(scope: Scope, x: np.ndarray, y: np.ndarray) -> ProductData:
    """Rows, also of a surrogate of fields, as points of one axis."""
    axis = Axis("point", x, scope.inputs, scope.input_units)
    return ProductData((axis,), y, scope.outputs, scope.output_units)


def _with_test(ahead: Scores, grown: Learned, record: RunRecord, timings: PhaseTimings) -> Scores:
    """The scores of the new rows, and those of the test points that the run before kept, which nobody has learned."""
    known = record.predictions
    if known is None or TEST not in record.splits or known.input_names != grown.scope.inputs:
        return ahead
    table = _table(grown.scope, known.inputs, known.truth)
    found = scores_of(grown.surrogate, {TEST: table}, timings, keep=len(known.inputs))
    sampled = len(known.inputs) < known.n_points_total
    return Scores(
        {**ahead.metrics, **found.metrics},
        {TEST: len(known.inputs)} if sampled else {},
        found.predictions and replace(found.predictions, stride=known.stride, n_points_total=known.n_points_total),
        {**ahead.cases, TEST: _cases(grown.scope, known.inputs)},
    )


def _cases(scope: Scope, x: np.ndarray) -> int:
    """How many cases rows are of: themselves, or of a surrogate of fields the different places along its last axis."""
    return len(x) if len(scope.widths) == 1 else len(np.unique(x[:, -scope.widths[-1] :], axis=0))


def _origin(before: Path) -> dict[str, str]:
    return {"updated_from": str(before), "updated_from_digest": file_digest(before)}


def _identity(record: RunRecord, settings: Settings, digest: str) -> dict[str, str]:
    """What the run before was known by, and the new rows."""
    known = json.loads(str(record.provenance.get(provenance.DATA_IDENTITY, "{}")))
    return {**known, f"{UPDATE}.{len(settings.update)}.rows": digest}


def _say(outputs: Sequence[str], record: RunRecord, scores: Scores) -> None:
    """How well the new rows had been predicted, and what they have made of the error on the test points, where these
    are all there."""
    new = scores.metrics[NEW]
    for output, rmse, covered in zip(outputs, new["rmse"], new["coverage_95"], strict=True):
        print(
            f"before the new rows were learned: {output}: RMSE {rmse:.3g}, 95 % intervals held {100 * covered:.0f} %",
            file=sys.stderr,
        )
    if TEST not in scores.metrics or TEST in scores.scored:
        return
    for i, output in enumerate(outputs):
        earlier, now = record.series(TEST, "rmse")[-1, i], scores.metrics[TEST]["rmse"][i]
        print(f"on the test points: {output}: RMSE {earlier:.3g} before, {now:.3g} now", file=sys.stderr)
