"""A run whose simulations somebody else makes: what is known, what is out, and the surrogate of what is known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from binn_cli import build
from binn_cli.campaign.told_answers import kept
from binn_cli.config.compose import Settings, read
from binn_cli.datasets.calls import NO_ROUND, PENDING, SIMULATED, STORED
from binn_cli.datasets.dataset import Dataset
from binn_cli.datasets.simulator.answers import Answer
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import BinnError
from binn_cli.models import scope
from binn_cli.models.surrogate import FittedSurrogate, Surrogate
from binn_cli.restoring import results_of
from binn_cli.results import store
from binn_cli.results.fate import COMPLETE, FAILED, RESULTS
from binn_cli.results.holder import held
from binn_cli.results.recorder import Recorder

PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 0.1
"""How long a command waits for its turn while another one works on the campaign, and how often it tries."""


@dataclass(frozen=True)
class Campaign:
    """What a run knows when somebody asks or tells.

    Attributes:
        directory: of the run.
        settings: its configuration.
        dataset: its cases, with all answers and with what is out.
        recorder: of its results file.
    """

    directory: Path
    settings: Settings
    dataset: Simulator
    recorder: Recorder

    @property
    def number(self) -> int:
        """The round that comes next: how many fits there were."""
        return len(self.recorder.record.steps)

    @property
    def as_dataset(self) -> Dataset:
        """The data set as tasks take it: they change none of its attributes."""
        return cast(Dataset, self.dataset)

    def model(self) -> Surrogate:
        """The model, which has learned nothing."""
        return build.model(self.settings)

    def fitted(self) -> FittedSurrogate | None:
        """The surrogate of the last fit, None before the first."""
        state = self.recorder.record.surrogate
        return None if state is None else self.model().from_state(scope.own_state(state))

    def learned(self) -> frozenset[int]:
        """The rows of the cases that the last fit has seen."""
        state = self.recorder.record.state
        if state is None:
            return frozenset()
        points = np.concatenate(
            [np.asarray(state[name]).reshape(-1, len(self.dataset.space)) for name in ("initial", "acquired")]
        )
        return frozenset(self.dataset.admitted(points)) if len(points) else frozenset()

    def keep_calls(self) -> None:
        """Keep what is known of all cases."""
        self.recorder.calls(self.dataset.calls)


@contextmanager
def opened(run: Path) -> Iterator[Campaign]:
    """The campaign of a run, which no other process changes meanwhile; the next one waits for its turn.

    Raises:
        BinnError: if the run asks no solver, or another process works on it for too long.
    """
    directory = directory_of(run)
    settings = require_campaign(directory)
    with _turn(directory):
        dataset = build.dataset(settings)
        assert isinstance(dataset, Simulator)
        before = store.read(directory / RESULTS)
        recorder = Recorder.reopen(directory, complete_too=True)
        try:
            _remember(dataset, recorder, kept(directory))
            yield Campaign(directory, settings, dataset, recorder)
        finally:
            # A run that calls its solver and was interrupted can still be resumed afterwards.
            over = before.status == COMPLETE or dataset.by_hand
            recorder.finish(*((COMPLETE, None) if over else (FAILED, before.reason or "interrupted")))


def directory_of(run: Path) -> Path:
    """The directory of a run that is named by it or by its results file.

    Raises:
        BinnError: if there is no such run.
    """
    if not run.exists():
        raise BinnError(f"{run}: there is no such run; binn show lists those of outputs/")
    return results_of(run).parent


def require_campaign(directory: Path) -> Settings:
    """The settings of a run.

    Raises:
        BinnError: if it is none of active learning on a solver.
    """
    settings = read(directory / "config.yaml")
    task, dataset = settings.task.name, settings.dataset.name
    if (task, dataset) != ("active_learn", "simulator"):
        raise BinnError(
            f"{directory}: a run of task={task} dataset={dataset}; ask and tell need task=active_learn "
            f"dataset=simulator"
        )
    if settings.update:
        raise BinnError(
            f"{directory}: was made by binn update, whose rows are no answers of the solver; ask, and tell, the run "
            f"that it came from"
        )
    return settings


def _remember(dataset: Simulator, recorder: Recorder, answers: Sequence[Answer]) -> None:
    """Tell the data set all that the run knows: calls of its solver, what is out, and what was told."""
    calls = recorder.record.calls
    made = (
        [call for call in calls.each if call.source in (SIMULATED, STORED) and call.status != PENDING]
        if calls is not None
        else []
    )
    for number in dict.fromkeys(call.round for call in made):
        rows = [dataset.admitted(np.array([call.parameters]))[0] for call in made if call.round == number]
        dataset.answered(rows, number=number)
    if calls is not None:
        dataset.expect([call for call in calls.each if call.status == PENDING])
    rounds = {} if calls is None else {call.parameters: call.round for call in calls.each}
    for answer in answers:
        dataset.accepted(answer, rounds.get(tuple(answer.point.tolist()), NO_ROUND))
    dataset.in_order(list(rounds))


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Wait until nobody else works on a run."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        turn = held(directory)
        try:
            turn.__enter__()
            break
        except BinnError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        turn.__exit__(None, None, None)
