"""The user's own solver as a data set: cases are computed when they are asked for, and never twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import SimulatorConfig
from binn_cli.datasets.calls import COMPLETE, FAILED, KNOWN, NO_ROUND, PENDING, SIMULATED, STORED, TOLD, Call, Calls
from binn_cli.datasets.case_split import CaseSplit
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.simulator.answers import Answer, read_answers
from binn_cli.datasets.simulator.call_store import CallRecord
from binn_cli.datasets.simulator.caller import Caller
from binn_cli.datasets.simulator.constraints import Constraints
from binn_cli.datasets.simulator.decoding import Layout, decoded
from binn_cli.datasets.simulator.description import require_named, solver_of
from binn_cli.datasets.simulator.design import design, nearest_candidates
from binn_cli.datasets.simulator.mesh import read_mesh
from binn_cli.datasets.simulator.pool_of_cases import listed_candidates
from binn_cli.datasets.simulator.slabs import Slabs
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError, DataError


class Simulator:
    """Cases of the parameters of a solver, each a field on a fixed mesh or some numbers.

    Attributes:
        space: the parameters.
        constraints: what every case fulfils.
        by_hand: whether no solver is named, so that somebody asks for cases and tells the results.
        is_finite: whether there is a list of candidates; anything in the ranges is possible otherwise.
        known_rows: the cases of `dataset.known` that have results.
    """

    name = "simulator"
    note = ""
    size_parameter = "train_cases"

    def __init__(self, config: SimulatorConfig, seed: int) -> None:
        """Nothing is called before it is asked for.

        Raises:
            ConfigError: if the solver cannot be called as it is described.
            DataError: if a file that is named cannot be read.
        """
        self.config, self.seed, self._start = config, seed, Path.cwd()
        require_named(config)
        self.space = Space.of(config.parameters)
        self.constraints = Constraints.of(config.constraints, self.space)
        mesh = read_mesh(self._start / config.mesh, config.axes) if config.mesh else None
        self.layout = Layout(tuple(config.outputs), () if mesh else tuple(config.axes), self.space.names, mesh)
        solver = solver_of(config, self.space, self._start)
        self.by_hand = solver is None
        self._caller = None if solver is None else Caller(solver, config, self._start)
        self._slabs = Slabs(self.space, config.outputs)
        self._answers: dict[int, Answer] = {}
        self._calls: dict[int, Call] = {}
        listed = listed_candidates(config, self.space, self.constraints, seed, self._start)
        self.is_finite = listed is not None
        self._split: CaseSplit | None = None
        if listed is not None:
            if config.test_cases >= len(listed):
                raise ConfigError(
                    "dataset.test_cases", f"must be less than the {len(listed):,} candidates, not {config.test_cases}"
                )
            self._split = CaseSplit.drawn(len(listed), config.test_cases, seed)
            self._points = listed
        else:
            self._points = design("random", self.space, self.constraints, config.test_cases, seed, "simulator test")
        self._read: set[int] = set()
        self.known_rows = self._learned_from_file()
        if not self.is_finite:
            self._designed(max(self.initial_cases, config.train_cases))

    def identity(self) -> dict[str, str]:
        """What the results depend on: the solver, and the files that are named."""
        known = {key: getattr(self.config, key) for key in ("known", "mesh")}
        known["candidates"] = self.config.candidates if isinstance(self.config.candidates, str) else ""
        found = {f"dataset.{key}": file_digest(self._start / path) for key, path in known.items() if path}
        return found if self._caller is None else {**found, "dataset.solver": f"sha256:{self._caller.store.digest}"}

    @property
    def initial_cases(self) -> int:
        """So many as the configuration says, or two more than twice the number of parameters."""
        wanted = self.config.initial_cases or 2 * len(self.space) + 2
        return wanted if self._split is None or self.config.initial_cases else min(wanted, len(self._split.order))

    @property
    def candidates(self) -> Axis:
        """All cases that may be or have been asked for: a list that never changes at its beginning, but may grow."""
        return self.space.axis(self._points)

    @property
    def held_out(self) -> tuple[int, ...]:
        """The rows of the test cases."""
        return tuple(range(self.config.test_cases)) if self._split is None else self._split.held_out

    @property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other rows: a list of candidates in random order, or the initial design and what was added to it."""
        listed = np.arange(self.config.test_cases, len(self._points)) if self._split is None else self._split.order
        if self._split is not None:
            added = np.arange(len(self._split.order) + len(self._split.held_out), len(self._points))
            listed = np.concatenate([listed, added])
        listed.flags.writeable = False
        return listed

    @property
    def calls(self) -> Calls:
        """What became of every case that was asked for so far, in that order."""
        choices = {p.name: [str(choice) for choice in p.choices] for p in self.space.parameters if p.has_texts}
        return Calls(self.space.names, tuple(self._calls.values()), choices)

    def stated_ranges(self, inputs: Sequence[str]) -> Float[np.ndarray, "D 2"]:
        """The ranges of the parameters; NaN for the coordinates of a field."""
        known = dict(zip(self.space.names, self.space.bounds.tolist(), strict=True))
        return np.array([known.get(name, [np.nan, np.nan]) for name in inputs])

    @property
    def asked(self) -> tuple[int, ...]:
        """The rows of all cases that were asked for or have an answer, in that order; test cases left out."""
        return tuple(row for row in self._calls if row not in self.held_out)

    @property
    def with_answers(self) -> tuple[int, ...]:
        """Those of them whose outputs are known."""
        return tuple(row for row in self.asked if row in self._answers and self._answers[row].field is not None)

    def expect(self, calls: Sequence[Call]) -> None:
        """Know of cases whose answers are still out."""
        for call in calls:
            (row,) = self.admitted(np.array([call.parameters]))
            if row not in self._answers:
                self._calls[row] = call

    def in_order(self, points: Sequence[Sequence[float]]) -> None:
        """Let `calls` name these cases first."""
        rows = self.admitted(np.array(points)) if len(points) else ()
        self._calls = {**{row: self._calls[row] for row in rows if row in self._calls}, **self._calls}

    def answer_of(self, row: int) -> Answer | None:
        """The answer for a case, None where there is none yet."""
        return self._answers.get(row)

    def accepted(self, answer: Answer, number: int) -> Call:
        """Know of one more answer, told in the round `number`; whatever was known of the case before is replaced.

        Raises:
            DataError: if its field does not fit to the others.
        """
        (row,) = self.admitted(answer.point)
        before = self._calls.get(row)
        asking = number if before is None or before.status != PENDING else before.round
        self._take(row, answer, Call(self._numbers(row), answer.status, asking, answer.seconds, answer.reason, TOLD))
        if answer.field is not None and self._answers[row].field is None:
            raise DataError(f"{answer.place}: {self._calls[row].reason}")
        return self._calls[row]

    def admitted(self, points: Float[np.ndarray, "*n D"]) -> tuple[int, ...]:
        """The rows of cases, which are added where they are new."""
        rows = []
        for point in np.atleast_2d(points):
            same = np.flatnonzero(self.space.same(self._points, point)) if len(self._points) else np.zeros(0, dtype=int)
            if len(same) == 0:
                self._points = np.concatenate([self._points, point[None]])
            rows.append(int(same[0]) if len(same) else len(self._points) - 1)
        return tuple(rows)

    def begin_with(self, count: int) -> tuple[int, ...]:
        """The rows of so many cases to begin with: those whose results are known, and a design for the rest.

        Raises:
            ConfigError: if there are not so many.
        """
        known = [row for row in self.known_rows if row not in self.held_out]
        lacking = count - len(known)
        if lacking <= 0:
            return tuple(known)
        return (*known, *self._designed(lacking, without=known))

    def answered(self, cases: Sequence[int], announce: Announce = silent, number: int = NO_ROUND) -> ProductData | None:
        """The data of those of some cases that have an answer, None where none has; the others are in `calls` with the
        reason.

        Args:
            cases: rows of `candidates`.
            announce: told how far the calls are.
            number: the round that asks.

        Raises:
            BinnError: if the solver cannot be called at all.
        """
        rows = [int(row) for row in cases]
        missing = [row for row in dict.fromkeys(rows) if row not in self._answers]
        if self._caller is None:
            for row in missing:
                self._calls.setdefault(row, Call(self._numbers(row), PENDING, number))
        elif missing:
            told_cases = [self.space.told(self._points[row]) for row in missing]
            for row, (record, now) in zip(missing, self._caller.called(told_cases, announce), strict=True):
                self._take(row, *self._decoded(row, record, number, SIMULATED if now else STORED))
        given = [row for row in rows if row in self._answers and self._answers[row].field is not None]
        if not given:
            return None
        fields = [answer.field for row in given if (answer := self._answers[row]).field is not None]
        return self._slabs.product(fields, self._points[given])

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The data of the given cases, less those whose call failed.

        Raises:
            DataError: if none of them has an answer.
        """
        data = self.answered([int(row) for row in cases], announce)
        if data is None:
            raise DataError(self.no_answer([int(row) for row in cases]))
        return data

    def no_answer(self, cases: Sequence[int]) -> str:
        """The sentence about cases none of which has an answer."""
        if self.by_hand:
            return (
                "dataset=simulator names no solver, and no result is known; give dataset.command, callable, "
                "umbridge or known"
            )
        made = [call for row in cases if (call := self._calls.get(row)) is not None and call.reason]
        first = f"; the first reason: {made[0].reason}" if made else ""
        earlier = any(call.source == STORED for call in made)
        again = "; some calls were made in an earlier run, and dataset.again=true makes them again" if earlier else ""
        return f"none of the {len(cases)} calls of the solver gave a result{first}{again}"

    def training(self, announce: Announce = silent) -> ProductData:
        """`train_cases` cases to begin with, or all that are known, or as many as active learning begins with."""
        count = self.config.train_cases or len(self.known_rows) or self.initial_cases
        return self.label(self.begin_with(count)[:count], announce)

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the test cases, where there are some and not all of them failed."""

        def of_test(message: str, done: int, total: int) -> None:
            announce(f"test cases: {message}", done, total)

        data = self.answered(self.held_out, of_test) if self.held_out and not self.by_hand else None
        return {} if data is None else {"test": data}

    def _numbers(self, row: int) -> tuple[float, ...]:
        return tuple(float(value) for value in self._points[row])

    def _take(self, row: int, answer: Answer, call: Call) -> None:
        """Keep an answer, unless its field does not fit to the others."""
        refusal = self._slabs.refusal(answer.field) if answer.field is not None else ""
        if refusal:
            answer, call = replace(answer, status=FAILED, field=None), replace(call, status=FAILED, reason=refusal)
        self._answers[row], self._calls[row] = answer, call

    def _decoded(self, row: int, record: CallRecord, number: int, source: str) -> tuple[Answer, Call]:
        """The answer that a call left in its working directory."""
        assert self._caller is not None
        last, folder = record.last, self._caller.store.folder_of(record.parameters)
        status, reason, field = last.status, last.reason, None
        if status == COMPLETE:
            try:
                field = decoded(folder / last.directory / self._caller.solver.output, self.layout)
            except DataError as error:
                status, reason = FAILED, str(error)
        call = Call(
            self._numbers(row),
            status,
            number,
            last.seconds,
            reason,
            source,
            len(record.attempts),
            f"{folder.parent.name}/{folder.name}",
        )
        return Answer(self._points[row], status, field, reason, last.seconds), call

    def _learned_from_file(self) -> tuple[int, ...]:
        """The rows of the results in `dataset.known`."""
        if not self.config.known:
            return ()
        rows = []
        for answer in read_answers(
            self._start / self.config.known, self.space, self.constraints, self.layout, self._output
        ):
            (row,) = self.admitted(answer.point)
            self._read.add(row)
            self._take(
                row, answer, Call(self._numbers(row), answer.status, NO_ROUND, answer.seconds, answer.reason, KNOWN)
            )
            if self._answers[row].field is None and answer.field is not None:
                raise DataError(f"{answer.place}: {self._calls[row].reason}")
            rows += [row] if answer.field is not None else []
        return tuple(rows)

    @property
    def _output(self) -> str:
        return self.config.output if self._caller is None else self._caller.solver.output

    def _designed(self, count: int, without: Sequence[int] = ()) -> tuple[int, ...]:
        """The rows of a design of so many cases."""
        kind = self.config.design
        if self._split is not None:
            taken = {*without, *self._read}
            available = np.array([row for row in self._split.order if row not in taken], dtype=int)
            if count > len(available):
                key = "dataset.initial_cases"
                problem = (
                    f"asks for {count} cases beside those that are known, but {len(available)} candidates are left"
                )
                raise ConfigError(key, problem)
            if kind in ("auto", "random"):
                return tuple(available[:count].tolist())
            wanted = design(kind, self.space, Constraints(()), count, self.seed, "simulator design")
            return tuple(nearest_candidates(wanted, self._points, available, self.space).tolist())
        kind = "sobol" if kind == "auto" else kind
        return self.admitted(design(kind, self.space, self.constraints, count, self.seed, "simulator design"))

    @cached_property
    def sizes(self) -> dict[str, object]:
        """What the solver says of itself; empty where it says nothing or is called by hand."""
        return {} if self._caller is None else dict(self._caller.prepared())
