"""The recorder: a task hands it steps, it keeps the results file up to date and tells whoever listens."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from binn_cli.datasets.calls import Calls
from binn_cli.errors import BinnError
from binn_cli.models.surrogate import Tree
from binn_cli.results import provenance
from binn_cli.results.answers import Answer
from binn_cli.results.cautions import cautions
from binn_cli.results.provenance import DATA_IDENTITY, SIDE_BY_SIDE
from binn_cli.results.record import Header, Predictions, RunRecord, Step
from binn_cli.results.store import FILE_NAME, clear_leftovers, read, write
from binn_cli.results.surface import SurfacePrediction

LOG = logging.getLogger("binn")

DATA = "data"
"""The attribute of /provenance that says what was read."""

MOST_WRITING = 0.05
"""Share of the time that steps may spend on writing the file."""


@runtime_checkable
class Listener(Protocol):
    """Who wants to know how a run goes."""

    def on_note(self, note: str) -> None:
        """What to say of the data beside their name, such as "synthetic"."""
        ...

    def on_data(self, line: str) -> None:
        """What was read: one line on inputs, outputs, units, rows, and what was left out."""
        ...

    def on_plan(self, total: int) -> None:
        """The run will have so many steps, those already done included."""
        ...

    def on_announce(self, message: str, done: int, total: int) -> None:
        """Inside a step: what is being done, how many are done, and how many there are."""
        ...

    def on_step(self, index: int, step: Step) -> None:
        """Step `index` (from 0) is done, with its warnings; it is in the file now or soon."""
        ...

    def on_finish(self, status: str, reason: str | None) -> None:
        """The run is over: "complete" or "failed", with the reason."""
        ...


class Recorder:
    """Keeps one run; after every call the file in `directory` is whole and, unless `write_rarely`, up to date.

    Raises:
        BinnError: from the constructor, `step` and `finish`, if the file cannot be written.
    """

    _directory: Path
    _record: RunRecord
    _listeners: list[Listener]
    _total: int | None
    _written: float
    _cost: float
    _share: float
    _counts: dict[str, Callable[[], int]]

    def __init__(
        self, directory: Path, header: Header, known: Mapping[str, str | int | float | bool] | None = None
    ) -> None:
        """Start a run in a directory that exists and is this run's own; `known` is its provenance, where it began
        before."""
        self._open(directory, RunRecord(header=header, provenance=provenance.collect() if known is None else known))

    @classmethod
    def reopen(cls, directory: Path, *, complete_too: bool = False) -> Recorder:
        """Go on with a run that was interrupted or failed, or where asked with one that is complete.

        Raises:
            BinnError: if there is no readable results file or the run is complete.
        """
        record = read(directory / FILE_NAME)
        if record.status == "complete" and not complete_too:
            raise BinnError(f"the run in {directory} is complete; there is nothing to resume")
        clear_leftovers(directory / FILE_NAME)
        known = provenance.collect()
        first = {
            name: record.provenance[name]
            for name in ("argv", "start_time", DATA_IDENTITY, SIDE_BY_SIDE)
            if name in record.provenance
        }
        known |= {"resume_argv": known["argv"], "resume_time": provenance.now(), **first}
        recorder = cls.__new__(cls)
        recorder._open(directory, replace(record, status="running", reason=None, provenance=known))
        return recorder

    @property
    def path(self) -> Path:
        """The results file."""
        return self._directory / FILE_NAME

    @property
    def record(self) -> RunRecord:
        """The run so far."""
        return self._record

    def subscribe(self, listener: Listener) -> None:
        """Tell the listener of all that happens from now on, and of the plan if there is one."""
        self._listeners.append(listener)
        if self._total is not None:
            listener.on_plan(self._total)

    def write_rarely(self, share: float = MOST_WRITING) -> None:
        """Spend at most this share of the time on writing the file: steps that come faster are written together.

        Whatever ends the run in Python must call `finish`, which writes all. Whoever kills it loses a few seconds,
        which `binn resume` computes again, to the same numbers.
        """
        self._share = share

    def note(self, note: str) -> None:
        """Say what every view shall say of the data, and keep it; nothing happens where there is nothing to say."""
        if not note:
            return
        self._keep(replace(self._record, header=replace(self._record.header, note=note)))
        for listener in self._listeners:
            listener.on_note(note)

    def identify(self, data: Mapping[str, str]) -> None:
        """Keep what the data are known by, as JSON in `data_identity` of /provenance; before the first step.

        Args:
            data: names to digests or versions, empty for formulas; see `binn_cli.datasets.dataset.Identified`.

        Raises:
            BinnError: if the run goes on with steps that it learned from other data.
        """
        known = self._record.provenance.get(DATA_IDENTITY)
        text = json.dumps(dict(sorted(data.items())), ensure_ascii=False)
        if self._record.steps and known is not None and known != text:
            changed = ", ".join(
                key for key in {**json.loads(str(known)), **data} if json.loads(str(known)).get(key) != data.get(key)
            )
            raise BinnError(
                f"{self._directory}: the data have changed since this run began ({changed}); begin a new run with "
                f"binn run"
            )
        self._keep(replace(self._record, provenance={**self._record.provenance, DATA_IDENTITY: text}))

    def describe(self, data: str) -> None:
        """Say in one line what was read, and keep it as `data` of /provenance; nothing happens where there is nothing
        to say."""
        if not data:
            return
        self._keep(replace(self._record, provenance={**self._record.provenance, DATA: data}))
        LOG.info("data: %s", data)
        for listener in self._listeners:
            listener.on_data(data)

    def plan(self, total: int) -> None:
        """Say how many steps the run will have, those already done included."""
        self._total = total
        for listener in self._listeners:
            listener.on_plan(total)

    def announce(self, message: str, done: int, total: int) -> None:
        """Say what is being done inside a step; nothing is written."""
        for listener in self._listeners:
            listener.on_announce(message, done, total)

    def step(
        self,
        step: Step,
        *,
        predictions: Predictions | None = None,
        surface: SurfacePrediction | None = None,
        surrogate: Tree | None = None,
        state: Tree | None = None,
        outputs: Sequence[str] | None = None,
        answers: Mapping[str, Answer] | None = None,
    ) -> None:
        """Add a step, warned about as `cautions` finds fit; what is None stays as the step before left it.

        Args:
            step: the step.
            predictions: on the test split, which also name the outputs.
            surface: a case of it on a whole surface, where the data have one.
            surrogate: the fitted surrogate's state.
            state: what the task needs to resume.
            outputs: names of the outputs, where no predictions name them.
            answers: what else was asked, by the name of its group.
        """
        before = self._record
        names = _output_names(before, step, predictions, outputs)
        step = replace(step, warnings=(*step.warnings, *cautions(step, names)))
        self._keep_soon(
            replace(
                before,
                steps=(*before.steps, step),
                outputs=names,
                predictions=before.predictions if predictions is None else predictions,
                surface=before.surface if surface is None else surface,
                surrogate=before.surrogate if surrogate is None else surrogate,
                state=before.state if state is None else state,
                answers=before.answers if answers is None else {**before.answers, **answers},
            )
        )
        for warning in step.warnings:
            LOG.warning("step %d: %s", len(before.steps), warning)
        for listener in self._listeners:
            listener.on_step(len(before.steps), step)

    def calls(self, calls: Calls) -> None:
        """Keep what became of the cases that a solver was asked for; nothing is written where nothing has changed."""
        if calls != self._record.calls:
            self._keep(replace(self._record, calls=calls))

    def conclude(self, conclusion: str) -> None:
        """Keep why the run ends before all that was planned; empty where it no longer does."""
        if conclusion:
            LOG.info("%s", conclusion)
        self._keep(replace(self._record, conclusion=conclusion))

    def ask_at_the_end(self, name: str, count: Callable[[], int]) -> None:
        """Keep what a function counts until the run is over as an attribute of /provenance; of a run in parts the most
        of all parts."""
        self._counts[name] = count

    def finish(self, status: str, reason: str | None = None) -> None:
        """Close the run as "complete" or "failed"."""
        if status not in ("complete", "failed"):
            raise ValueError(f'a run finishes "complete" or "failed", not {status!r}')
        asked: dict[str, str | int] = {
            "devices": provenance.devices(),
            "processes": provenance.processes(),
        }  # once jax is there to be asked
        for name, count in self._counts.items():
            asked[name] = max(count(), int(self._record.provenance.get(name, 0)))
        ended = {**self._record.provenance, "end_time": provenance.now(), **asked}
        self._keep(replace(self._record, status=status, reason=reason, provenance=ended))
        for listener in self._listeners:
            listener.on_finish(status, reason)

    def _open(self, directory: Path, record: RunRecord) -> None:
        self._directory = Path(directory)
        self._listeners = []
        self._counts = {}
        self._total = None
        self._share = math.inf
        self._keep(record)

    def _keep(self, record: RunRecord) -> None:
        began = time.monotonic()
        write(self.path, record)
        self._record, self._written = record, time.monotonic()
        self._cost = self._written - began

    def _keep_soon(self, record: RunRecord) -> None:
        """As `_keep`, unless the last time was too recent; where the file has gone, at once, to tell it now."""
        if time.monotonic() - self._written >= self._cost / self._share or not self.path.exists():
            self._keep(record)
        else:
            self._record = record


def _output_names(
    before: RunRecord, step: Step, predictions: Predictions | None, outputs: Sequence[str] | None
) -> tuple[str, ...]:
    if outputs is not None:
        return tuple(outputs)
    if predictions is not None:
        return predictions.output_names
    values = [value for scores in step.metrics.values() for value in scores.values()]
    if before.outputs or not values:
        return before.outputs
    return tuple(f"output_{i}" for i in range(len(values[0])))
