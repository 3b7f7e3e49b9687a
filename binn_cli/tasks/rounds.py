"""A round of active learning: where the loop stands, how it begins, what is kept of it, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from binn_cli.datasets.dataset import AsksSolver, Dataset, HasFields
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError
from binn_cli.models import scope
from binn_cli.models.surrogate import FittedSurrogate, Surrogate, Tree
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.labelling import labelled


@dataclass(frozen=True)
class Round:
    """Where the loop stands.

    Attributes:
        number: 0 for the fit on the initial cases.
        initial: rows of the pool that were labelled at the start.
        acquired: rows labelled since, in order.
        data: the values of all labelled cases.
        fitted: the latest surrogate, None before the first fit.
        latest: those of them that were labelled in this round.
        chosen: the rows to label next, none after the last round.
        slab: the data of the latest, None where there are none.
        numbers: the round of each acquired row.
    """

    number: int
    initial: tuple[int, ...]
    acquired: tuple[int, ...]
    data: ProductData
    fitted: FittedSurrogate | None
    latest: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    slab: ProductData | None = None
    numbers: tuple[int, ...] = ()

    @property
    def asked(self) -> tuple[int, ...]:
        """All rows that were asked for, those without an answer among them."""
        return (*self.initial, *self.acquired)


def begun(dataset: Dataset, initial: tuple[int, ...], recorder: Recorder) -> Round | None:
    """The state before the first fit; None where nothing is known and somebody else runs the solver.

    Raises:
        DataError: if no case has an answer.
    """
    data = labelled(dataset, initial, 0, recorder)
    if data is None:
        assert isinstance(dataset, AsksSolver)
        if dataset.by_hand:
            return None
        raise DataError(dataset.no_answer(initial))
    return Round(0, initial, (), data, None)


def kept_of(dataset: Dataset, state: Round) -> Tree:
    """What resuming needs of a round, beside its surrogate."""
    candidates = dataset.candidates
    kept: Tree = {
        "initial": candidates.points[list(state.initial)],
        "acquired": candidates.points[list(state.acquired)],
        "held_out": candidates.points[list(dataset.held_out)],
        "case_coordinates": np.array(candidates.coordinates, dtype=str),
        "initial_rows": np.asarray(state.initial, dtype=np.int64),
        "acquired_rows": np.asarray(state.acquired, dtype=np.int64),
        "chosen_rows": np.asarray(state.chosen, dtype=np.int64),
    }
    if isinstance(dataset, AsksSolver):
        # Rows of candidates that were added on the way mean nothing to the next process.
        kept = {
            **kept,
            "chosen": candidates.points[list(state.chosen)],
            "acquired_in_round": np.asarray(state.numbers, dtype=np.int64),
        }
    return kept


def resumed(dataset: Dataset, model: Surrogate, recorder: Recorder) -> Round:
    """The state at the end of the last recorded round."""
    record = recorder.record
    assert record.state is not None and record.surrogate is not None
    fitted = model.from_state(scope.own_state(record.surrogate))
    if isinstance(dataset, AsksSolver):
        return _answered_again(dataset, record.state, len(record.steps) - 1, fitted, recorder)
    initial, acquired, chosen = (_rows(record.state, f"{name}_rows") for name in ("initial", "acquired", "chosen"))
    data = dataset.label([*initial, *acquired], recorder.announce)
    return Round(len(record.steps) - 1, initial, acquired, data, fitted, chosen=chosen)


def _answered_again(dataset: AsksSolver, kept: Tree, number: int, fitted: FittedSurrogate, recorder: Recorder) -> Round:
    """The same of a solver, whose candidates are known by their parameters, and whose answers have been kept.

    Raises:
        DataError: if they have not.
    """
    initial, acquired, chosen = (
        dataset.admitted(np.asarray(kept[name]).reshape(-1, len(dataset.space)))
        for name in ("initial", "acquired", "chosen")
    )
    numbers = _rows(kept, "acquired_in_round")
    data = dataset.answered(initial, recorder.announce, 0)
    for asking in dict.fromkeys(numbers):
        rows = [row for row, its in zip(acquired, numbers, strict=True) if its == asking]
        slab = dataset.answered(rows, recorder.announce, asking)
        data = slab if data is None else data if slab is None else data.appended(slab)
    if data is None:
        raise DataError(dataset.no_answer(initial))
    return Round(number, initial, acquired, data, fitted, chosen=chosen, numbers=numbers)


def _rows(state: Tree, name: str) -> tuple[int, ...]:
    return tuple(int(row) for row in np.atleast_1d(np.asarray(state[name])))


def has_meshes_of_its_own(dataset: Dataset, data: ProductData) -> bool:
    """Whether a case adds rows rather than a point of the last axis."""
    return dataset.candidates.coordinates != data.axes[-1].coordinates


def field_of(dataset: Dataset, data: ProductData) -> tuple[Axis, ...]:
    """The axes of the field of a case that nobody has seen."""
    return (
        dataset.field_axes()
        if isinstance(dataset, HasFields) and has_meshes_of_its_own(dataset, data)
        else data.axes[:-1]
    )


def thin_start(candidates: Axis, initial: tuple[int, ...]) -> tuple[str, ...]:
    """A warning where the initial cases, from which length scales are chosen once and for all, do not vary in a
    coordinate."""
    span, spread = np.ptp(candidates.points, axis=0), np.ptp(candidates.points[list(initial)], axis=0)
    single = [
        name for name, whole, part in zip(candidates.coordinates, span, spread, strict=True) if whole > 0 and part == 0
    ]
    if not single:
        return ()
    names = " and of ".join(single)
    return (
        f"the initial cases have a single value of {names}: a length scale chosen from them is a guess; raise "
        f"task.initial",
    )
