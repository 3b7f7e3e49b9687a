"""Labels of chosen cases, whether a formula gives them or a solver that may fail."""

from __future__ import annotations

from collections.abc import Sequence

from binn_cli.datasets.calls import COMPLETE, NO_ROUND, PENDING
from binn_cli.datasets.dataset import AsksSolver, Dataset
from binn_cli.datasets.product import ProductData
from binn_cli.results.recorder import Recorder

FAILURES = "some calls of the solver failed or took too long; they are listed below and in /calls"


def labelled(dataset: Dataset, rows: Sequence[int], number: int, recorder: Recorder) -> ProductData | None:
    """The data of some cases, None where none has an answer; whatever happens, the results file says what became of
    them.

    Args:
        dataset: the data set.
        rows: the cases.
        number: the round that asks.
        recorder: of the run.
    """
    if not isinstance(dataset, AsksSolver):
        return dataset.label(rows, recorder.announce)
    try:
        return dataset.answered(rows, recorder.announce, number)
    finally:
        recorder.calls(dataset.calls)


def newly_asked(dataset: Dataset, rows: Sequence[int]) -> int:
    """How many of some cases count as simulations: those whose results were there before do not."""
    return sum(row not in dataset.known_rows for row in rows) if isinstance(dataset, AsksSolver) else len(rows)


def failures(dataset: Dataset, number: int) -> tuple[str, ...]:
    """A warning where calls of a round have failed, or in the first one those of the test."""
    if not isinstance(dataset, AsksSolver):
        return ()
    rounds = (number, NO_ROUND) if number == 0 else (number,)
    failed = any(call.round in rounds and call.status not in (COMPLETE, PENDING) for call in dataset.calls.each)
    return (FAILURES,) if failed else ()
