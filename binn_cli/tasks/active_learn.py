"""Active learning (Algorithm 1): fit, ask the surrogate where it knows least, label that case, fit again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.dataset import AsksSolver, Dataset, reading_of
from binn_cli.datasets.product import ProductData
from binn_cli.errors import ConfigError
from binn_cli.models import scope
from binn_cli.models.surrogate import FittedSurrogate, Surrogate, Updates
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step, one_or_all
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.acquisition import Aim
from binn_cli.tasks.evaluation import PhaseTimings, Timer, compiling, domain_of, fitted_on, updated_with
from binn_cli.tasks.labelling import failures, labelled, newly_asked
from binn_cli.tasks.outlook import Outlook, Outlooks, diagnostics_of, scores_ahead, spread_of
from binn_cli.tasks.proposing import next_cases
from binn_cli.tasks.rounds import Round, begun, field_of, has_meshes_of_its_own, kept_of, resumed, thin_start
from binn_cli.tasks.scoring import Scores, scores_of
from binn_cli.tasks.stopping import Stopping, conclusion


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
        if known := getattr(getattr(dataset, "config", None), "outputs", None):
            Aim.of(self.config, tuple(known))
        initial = self._initial(dataset)
        rounds = self._rounds(dataset, initial)
        recorder.plan(rounds + 1)
        done = len(recorder.record.steps)
        if done > rounds:
            return
        stopping = Stopping.of(self.config.stop, recorder.record.steps)
        stopping.require_room(newly_asked(dataset, initial))
        with Timer() as timer:
            recorder.describe(reading_of(dataset, recorder.announce))
            state = resumed(dataset, model, recorder) if done else begun(dataset, initial, recorder)
            evaluation = {} if state is None else dataset.evaluation(recorder.announce)
        if state is None:
            return
        if 0 < done <= rounds and not state.chosen:
            return  # it had stopped before its last round, and was interrupted before it could say so
        outlooks = Outlooks(self.config, dataset, recorder.record.steps)
        timings = PhaseTimings(data=timer.seconds)
        for number in range(done, rounds + 1):
            before = state.fitted
            if number > 0:
                state = self._labelled(dataset, replace(state, number=number), timings, recorder)
            capacity = self._capacity(dataset, rounds, state)
            told = compiling(model) if number == done else ""
            recorder.announce(f"fitting {state.data.n_observed:,} points{told}", 0, 1)
            state = replace(state, fitted=self._fitted(dataset, model, state, timings, capacity), chosen=())
            assert state.fitted is not None
            ahead = None if "test" in evaluation else scores_ahead(before, state.slab, timings, self.max_points)
            scores = self._scores(state, evaluation, ahead, timings, capacity, recorder)
            expected = outlooks.of(state.fitted, before, state.slab, field_of(dataset, state.data), timings)
            asked = newly_asked(dataset, state.asked)
            why = stopping.reached(scores.metrics, expected, spread_of(state.data), asked) if number < rounds else ""
            if number < rounds and not why:
                batch = stopping.left(asked, self.config.batch)
                state = replace(state, chosen=self._chosen(dataset, state, batch, timings, recorder))
            if why:
                saved = (rounds - number) * self.config.batch
                saved = min(saved, self._left(dataset, state.asked)) if _is_finite(dataset) else saved
                recorder.conclude(conclusion(why, number, saved))
            self._record(dataset, state, scores, expected, timings, recorder)
            if why:
                return
            timings = PhaseTimings()

    def learn(
        self, dataset: Dataset, model: Surrogate, recorder: Recorder, known: Sequence[int], new: Sequence[int]
    ) -> None:
        """One more fit and step, from answers that somebody else has found.

        Args:
            dataset: the data set.
            model: what learns.
            recorder: of the run.
            known: rows of all cases with an answer, the new ones among them.
            new: rows of those that no fit has seen.
        """
        assert isinstance(dataset, AsksSolver)
        record, timings, number = recorder.record, PhaseTimings(), len(recorder.record.steps)
        before = None if record.surrogate is None else model.from_state(scope.own_state(record.surrogate))
        with Timer() as timer:
            data, slab = dataset.answered(known), dataset.answered(new) if before is not None else None
        timings.data += timer.seconds
        assert data is not None
        old = tuple(row for row in known if row not in new)
        state = Round(
            number, old if old else tuple(new), tuple(new) if old else (), data, None, latest=tuple(new) if old else ()
        )
        state = replace(state, slab=slab, numbers=(number,) * len(state.acquired))
        state = replace(state, fitted=self._fitted(dataset, model, state, timings, None))
        assert state.fitted is not None
        ahead = scores_ahead(before, slab, timings, self.max_points)
        scores = self._scores(state, {}, ahead, timings, None, recorder)
        outlooks = Outlooks(self.config, dataset, record.steps)
        expected = outlooks.of(state.fitted, before, slab, field_of(dataset, data), timings)
        rules = Stopping.of(self.config.stop, ())  # nobody counts the seconds of other people
        why = rules.reached(scores.metrics, expected, spread_of(data), newly_asked(dataset, known))
        recorder.conclude(f"{why}: no more simulations are needed" if why else "")
        self._record(dataset, state, scores, expected, timings, recorder)

    def _initial(self, dataset: Dataset) -> tuple[int, ...]:
        wanted = dataset.initial_cases if self.config.initial is None else self.config.initial
        if isinstance(dataset, AsksSolver):
            return dataset.begin_with(wanted)
        pool = len(dataset.order)
        if wanted > pool:
            held = len(dataset.held_out)
            key = "task.initial" if self.config.initial is not None else "dataset.initial_cases"
            problem = (
                f"asks for {wanted} initial cases, but the pool holds {pool} beside {held} held-out ones; ask "
                f"for at most {pool}"
            )
            raise ConfigError(key, problem)
        return tuple(int(row) for row in dataset.order[:wanted])

    def _rounds(self, dataset: Dataset, initial: tuple[int, ...]) -> int:
        """So many as the configuration says, as long as there are candidates; none where somebody else runs the
        solver."""
        if isinstance(dataset, AsksSolver) and (dataset.by_hand or not dataset.is_finite):
            return 0 if dataset.by_hand else self.config.rounds
        return min(self.config.rounds, -(-self._left(dataset, initial) // self.config.batch))

    def _left(self, dataset: Dataset, asked: tuple[int, ...]) -> int:
        return len(set(dataset.order.tolist()) - set(asked))

    def _capacity(self, dataset: Dataset, rounds: int, state: Round) -> int | None:
        """How many cases there will be in the end; None where nobody knows how many rows cases with points of their own
        will have."""
        if has_meshes_of_its_own(dataset, state.data):
            return None
        wanted = rounds * self.config.batch
        more = min(wanted, self._left(dataset, state.initial)) if _is_finite(dataset) else wanted
        return max(len(state.initial) + more, state.data.axes[-1].size)

    def _fitted(
        self, dataset: Dataset, model: Surrogate, state: Round, timings: PhaseTimings, capacity: int | None
    ) -> FittedSurrogate:
        """The surrogate of the data: the last one told of the new ones where it remembers the others; itself where
        there are none."""
        if state.fitted is not None and state.number > 0 and state.slab is None:
            return state.fitted
        last, slab = state.fitted, state.slab
        if (
            last is not None
            and slab is not None
            and slab.observed is None
            and isinstance(model, Updates)
            and model.remembers(last)
        ):
            return updated_with(model, last, slab, timings)
        domain = domain_of(dataset, state.data)
        return fitted_on(model, state.data, timings, domain=domain, warm_start=last, capacity=capacity)

    def _chosen(
        self, dataset: Dataset, state: Round, batch: int, timings: PhaseTimings, recorder: Recorder
    ) -> tuple[int, ...]:
        """The cases to label next; chosen in the round that knows what is unknown, so that a round's compilation is all
        in the first."""
        assert state.fitted is not None
        recorder.announce("choosing the next case", 0, 1)
        field = field_of(dataset, state.data)
        with Timer() as timer:
            chosen, compiled = next_cases(
                self.config, dataset, state.fitted, field, state.asked, state.number, batch, state.data.outputs
            )
        timings.compile += compiled
        timings.acquire += timer.seconds - compiled
        return chosen

    def _labelled(self, dataset: Dataset, state: Round, timings: PhaseTimings, recorder: Recorder) -> Round:
        """The state with the chosen cases labelled."""
        assert state.chosen
        with Timer() as timer:
            slab = labelled(dataset, state.chosen, state.number, recorder)
            data = state.data if slab is None else state.data.appended(slab)
        timings.data += timer.seconds
        numbers = (*state.numbers, *[state.number] * len(state.chosen))
        acquired = (*state.acquired, *state.chosen)
        return replace(state, acquired=acquired, numbers=numbers, latest=state.chosen, data=data, slab=slab)

    def _scores(
        self,
        state: Round,
        evaluation: Mapping[str, ProductData],
        ahead: Scores | None,
        timings: PhaseTimings,
        capacity: int | None,
        recorder: Recorder,
    ) -> Scores:
        """Metrics of every split; of the new cases, as they were predicted before they were known, where there is no
        test."""
        assert state.fitted is not None
        splits = {"train": state.data, **evaluation}
        scores = scores_of(
            state.fitted, splits, timings, capacity=capacity, keep=self.max_points, announce=recorder.announce
        )
        if ahead is None:
            return scores
        cases = {**scores.cases, "ahead": ahead.cases["test"]}
        metrics = {**scores.metrics, "ahead": ahead.metrics["test"]}
        return Scores(metrics, scores.scored, ahead.predictions, cases, scores.predicted + ahead.predicted)

    def _record(
        self,
        dataset: Dataset,
        state: Round,
        scores: Scores,
        expected: Outlook | None,
        timings: PhaseTimings,
        recorder: Recorder,
    ) -> None:
        """Write the step, with all that resuming needs."""
        assert state.fitted is not None
        candidates = dataset.candidates
        names = candidates.coordinates
        latest = (
            dict(zip(names, map(one_or_all, candidates.points[list(state.latest)].T), strict=True))
            if state.latest
            else None
        )
        step = Step(
            n_train=state.data.n_observed,
            coordinates={"round": state.number},
            acquired=latest,
            metrics=scores.metrics,
            scored=scores.scored,
            timings=timings.as_dict(),
            peak_rss_bytes=peak_rss_bytes(),
            diagnostics={**state.fitted.report.diagnostics, **diagnostics_of(expected)},
            notes=state.fitted.report.notes,
            cases=scores.cases,
            predicted=scores.predicted,
            warnings=(
                *(thin_start(candidates, state.initial) if state.number == 0 else ()),
                *failures(dataset, state.number),
            ),
        )
        surrogate = scope.kept(state.fitted, scope.Scope.of(state.data))
        recorder.step(
            step,
            predictions=scores.predictions,
            surrogate=surrogate,
            state=kept_of(dataset, state),
            outputs=state.data.outputs,
        )


def _is_finite(dataset: Dataset) -> bool:
    """Whether there is a list of candidates, which runs out."""
    return not isinstance(dataset, AsksSolver) or dataset.is_finite
