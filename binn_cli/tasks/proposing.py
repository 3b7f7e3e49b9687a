"""Which cases to ask for next: out of a list of candidates, or anywhere in the ranges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.calls import COMPLETE, PENDING
from binn_cli.datasets.dataset import AsksSolver, Dataset
from binn_cli.datasets.product import Axis
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.tasks.acquisition import AcquisitionContext, Aim, acquisition_points, choose


def next_cases(
    config: ActiveLearnConfig,
    dataset: Dataset,
    fitted: FittedSurrogate,
    slab: Sequence[Axis],
    asked: Sequence[int],
    number: int,
    batch: int,
    outputs: Sequence[str] = (),
) -> tuple[tuple[int, ...], float]:
    """The rows of the cases to ask for next, and the seconds that choosing them spent compiling.

    Args:
        config: of the task.
        dataset: the data set; cases anywhere in the ranges become candidates of it.
        fitted: what is known.
        slab: the other axes of a case.
        asked: rows that were asked for already, whether or not they have an answer.
        number: the round; the next one draws other random numbers.
        batch: how many are wanted; there are fewer where the candidates run out.
        outputs: names of the outputs.

    Raises:
        ConfigError: if the task aims at an output that there is not.
    """
    aim = Aim.of(config, outputs)
    if isinstance(dataset, AsksSolver) and not dataset.is_finite:
        from binn_cli.tasks.continuous import Search

        search = Search(config, dataset, fitted, slab, number, aim)
        points = search.best(dataset.candidates.points[list(asked)], pending_among(dataset, asked), batch)
        return dataset.admitted(points), search.compile_seconds
    labelled = np.zeros(dataset.candidates.size, dtype=bool)
    labelled[list(asked)] = True
    order = np.asarray(dataset.order)
    available = np.sort(order[~labelled[order]])
    scored = acquisition_points(slab, config.acquisition_points)
    context = AcquisitionContext(fitted, slab, scored, dataset.candidates, labelled, (config.seed, number), aim=aim)
    if isinstance(dataset, AsksSolver):
        context.weights = chance_of_success(dataset, dataset.candidates.points)
        context.picked = [row for row in asked if row in set(pending_rows(dataset, asked))]
    before = len(context.picked)
    return tuple(choose(config.acquisition, context, available, batch)[before:]), context.compile_seconds


def pending_rows(dataset: AsksSolver, asked: Sequence[int]) -> tuple[int, ...]:
    """Those of the rows that were asked for whose answers are still out."""
    out = {call.parameters for call in dataset.calls.each if call.status == PENDING}
    points = dataset.candidates.points
    return tuple(row for row in asked if tuple(float(value) for value in points[row]) in out)


def pending_among(dataset: AsksSolver, asked: Sequence[int]) -> Float[np.ndarray, "p D"]:
    """The cases whose answers are still out."""
    return np.asarray(dataset.candidates.points[list(pending_rows(dataset, asked))])


def chance_of_success(dataset: AsksSolver, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"] | None:
    """How likely the solver is to give a result for some cases; None where it has always given one."""
    tried = [call for call in dataset.calls.each if call.status != PENDING]
    if all(call.status == COMPLETE for call in tried):
        return None
    from binn_cli.tasks.feasibility import Feasibility

    places = dataset.space.unit_of(np.array([call.parameters for call in tried]))
    known = Feasibility(places, np.array([call.status == COMPLETE for call in tried]))
    return known.chance(dataset.space.unit_of(points))
