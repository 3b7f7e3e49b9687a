"""Active learning (Algorithm 1): fit, ask the surrogate where it knows least, label that case, fit again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.dataset import Dataset, HasFields, reading_of
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import ConfigError
from binn_cli.models import scope
from binn_cli.models.surrogate import FittedSurrogate, Surrogate, Tree, Updates
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step, one_or_all
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.acquisition import AcquisitionContext, acquisition_points, choose
from binn_cli.tasks.evaluation import PhaseTimings, Timer, compiling, domain_of, fitted_on, updated_with
from binn_cli.tasks.scoring import scores_of


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
        slab: the values of those that were labelled in this round, None before the first.
    """

    number: int
    initial: tuple[int, ...]
    acquired: tuple[int, ...]
    data: ProductData
    fitted: FittedSurrogate | None
    latest: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    slab: ProductData | None = None


class ActiveLearn:
    """The `active_learn` task: one step a round, the first on the initial cases."""

    def __init__(self, config: ActiveLearnConfig, max_points: int) -> None:
        """`max_points` limits how many predictions are kept."""
        self.config = config
        self.max_points = max_points

    def run(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> None:
        """Run all rounds, or those that an interrupted run still lacks.

        Raises:
            ConfigError: if the initial cases are more than the pool offers.
        """
        initial = self._initial(dataset)
        left = len(dataset.order) - len(initial)
        rounds = min(self.config.rounds, -(-left // self.config.batch))
        recorder.plan(rounds + 1)
        done = len(recorder.record.steps)
        if done > rounds:
            return
        with Timer() as timer:
            recorder.describe(reading_of(dataset, recorder.announce))
            if done:
                state = self._resumed(dataset, model, recorder)
            else:
                state = Round(0, initial, (), dataset.label(initial, recorder.announce), None)
            evaluation = dataset.evaluation(recorder.announce)
        timings = PhaseTimings(data=timer.seconds)
        for number in range(done, rounds + 1):
            if number > 0:
                state = self._labelled(dataset, replace(state, number=number), timings, recorder)
            wanted = max(len(initial) + min(rounds * self.config.batch, left), state.data.axes[-1].size)
            # Nobody knows how many rows cases with points of their own will have.
            capacity = None if _has_meshes_of_its_own(dataset, state.data) else wanted
            told = compiling(model) if number == done else ""
            recorder.announce(f"fitting {state.data.n_observed:,} points{told}", 0, 1)
            fitted = self._learned(dataset, model, state, timings, capacity)
            state = replace(state, fitted=fitted, chosen=())
            if number < rounds:
                state = replace(state, chosen=self._chosen(dataset, state, timings, recorder))
            self._record(dataset, state, evaluation, timings, capacity, recorder)
            timings = PhaseTimings()

    def _initial(self, dataset: Dataset) -> tuple[int, ...]:
        wanted = dataset.initial_cases if self.config.initial is None else self.config.initial
        pool = len(dataset.order)
        if wanted > pool:
            held = len(dataset.held_out)
            key = "task.initial" if self.config.initial is not None else "dataset.initial_cases"
            problem = f"asks for {wanted} initial cases, but the pool holds {pool} beside {held} held-out ones; ask for at most {pool}"
            raise ConfigError(key, problem)
        return tuple(int(row) for row in dataset.order[:wanted])

    def _chosen(self, dataset: Dataset, state: Round, timings: PhaseTimings, recorder: Recorder) -> tuple[int, ...]:
        """The cases to label next; chosen in the round that knows what is unknown, so that a round's compilation is all in the first."""
        assert state.fitted is not None
        labelled = np.zeros(dataset.candidates.size, dtype=bool)
        labelled[[*state.initial, *state.acquired]] = True
        available = np.sort(dataset.order[~labelled[dataset.order]])
        slab = _slab(dataset, state.data)
        points = acquisition_points(slab, self.config.acquisition_points)
        recorder.announce("choosing the next case", 0, 1)
        context = AcquisitionContext(state.fitted, slab, points, dataset.candidates, labelled, (self.config.seed, state.number))
        with Timer() as timer:
            chosen = tuple(choose(self.config.acquisition, context, available, self.config.batch))
        timings.compile += context.compile_seconds
        timings.acquire += timer.seconds - context.compile_seconds
        return chosen

    def _labelled(self, dataset: Dataset, state: Round, timings: PhaseTimings, recorder: Recorder) -> Round:
        """The state with the chosen cases labelled."""
        assert state.chosen
        with Timer() as timer:
            slab = dataset.label(state.chosen, recorder.announce)
            data = state.data.appended(slab)
        timings.data += timer.seconds
        return replace(state, acquired=(*state.acquired, *state.chosen), latest=state.chosen, data=data, slab=slab)

    def _learned(self, dataset: Dataset, model: Surrogate, state: Round, timings: PhaseTimings, capacity: int | None) -> FittedSurrogate:
        """The surrogate of all labelled cases: the last one told of the new ones where it remembers the others."""
        last, slab = state.fitted, state.slab
        if last is not None and slab is not None and slab.observed is None and isinstance(model, Updates) and model.remembers(last):
            return updated_with(model, last, slab, timings)
        domain = domain_of(dataset, state.data)
        return fitted_on(model, state.data, timings, domain=domain, warm_start=last, capacity=capacity)

    def _record(
        self,
        dataset: Dataset,
        state: Round,
        evaluation: Mapping[str, ProductData],
        timings: PhaseTimings,
        capacity: int | None,
        recorder: Recorder,
    ) -> None:
        """Score every split and write the step, with all that resuming needs."""
        assert state.fitted is not None
        splits = {"train": state.data, **evaluation}
        scores = scores_of(state.fitted, splits, timings, capacity=capacity, keep=self.max_points, announce=recorder.announce)
        candidates = dataset.candidates
        names = candidates.coordinates
        latest = dict(zip(names, map(one_or_all, candidates.points[list(state.latest)].T), strict=True)) if state.latest else None
        step = Step(
            n_train=state.data.n_observed,
            coordinates={"round": state.number},
            acquired=latest,
            metrics=scores.metrics,
            scored=scores.scored,
            timings=timings.as_dict(),
            peak_rss_bytes=peak_rss_bytes(),
            diagnostics=state.fitted.report.diagnostics,
            notes=state.fitted.report.notes,
            cases=scores.cases,
            warnings=_thin_start(candidates, state.initial) if state.number == 0 else (),
        )
        surrogate = scope.kept(state.fitted, scope.Scope.of(state.data))
        kept: Tree = {
            "initial": candidates.points[list(state.initial)],
            "acquired": candidates.points[list(state.acquired)],
            "held_out": candidates.points[list(dataset.held_out)],
            "case_coordinates": np.array(names, dtype=str),
            "initial_rows": np.asarray(state.initial, dtype=np.int64),
            "acquired_rows": np.asarray(state.acquired, dtype=np.int64),
            "chosen_rows": np.asarray(state.chosen, dtype=np.int64),
        }
        recorder.step(step, predictions=scores.predictions, surrogate=surrogate, state=kept)

    def _resumed(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> Round:
        """The state at the end of the last recorded round."""
        record = recorder.record
        assert record.state is not None and record.surrogate is not None
        initial = tuple(int(row) for row in np.atleast_1d(np.asarray(record.state["initial_rows"])))
        acquired = tuple(int(row) for row in np.atleast_1d(np.asarray(record.state["acquired_rows"])))
        data = dataset.label([*initial, *acquired], recorder.announce)
        chosen = tuple(int(row) for row in np.atleast_1d(np.asarray(record.state["chosen_rows"])))
        return Round(len(record.steps) - 1, initial, acquired, data, model.from_state(scope.own_state(record.surrogate)), chosen=chosen)


def _has_meshes_of_its_own(dataset: Dataset, data: ProductData) -> bool:
    """Whether a case adds rows rather than a point of the last axis."""
    return dataset.candidates.coordinates != data.axes[-1].coordinates


def _slab(dataset: Dataset, data: ProductData) -> tuple[Axis, ...]:
    """The axes of the field of a case that nobody has seen."""
    return dataset.field_axes() if isinstance(dataset, HasFields) and _has_meshes_of_its_own(dataset, data) else data.axes[:-1]


def _thin_start(candidates: Axis, initial: tuple[int, ...]) -> tuple[str, ...]:
    """A warning where the initial cases, from which length scales are chosen once and for all, do not vary in a coordinate."""
    span, spread = np.ptp(candidates.points, axis=0), np.ptp(candidates.points[list(initial)], axis=0)
    single = [name for name, whole, part in zip(candidates.coordinates, span, spread, strict=True) if whole > 0 and part == 0]
    if not single:
        return ()
    names = " and of ".join(single)
    return (f"the initial cases have a single value of {names}: a length scale chosen from them is a guess; raise task.initial",)
