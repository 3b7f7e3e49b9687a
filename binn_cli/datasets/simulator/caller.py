"""Calls a solver for cases of which nothing is known yet; everything else comes from where calls are kept."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from binn_cli.config.schema import SimulatorConfig
from binn_cli.datasets.dataset import Announce
from binn_cli.datasets.simulator.call_pool import CallPool, Job
from binn_cli.datasets.simulator.call_store import COMPLETE as DONE
from binn_cli.datasets.simulator.call_store import CallRecord, CallStore
from binn_cli.datasets.simulator.cases import Value, text_of
from binn_cli.datasets.simulator.description import Solver

LOG = logging.getLogger("binn")


class Caller:
    """A solver with its workers and its store."""

    def __init__(self, solver: Solver, config: SimulatorConfig, start: Path) -> None:
        """Nothing is started or written before a case is asked for."""
        self.solver = solver
        self.store = CallStore(start / config.store, solver.identity)
        self._config = config
        self._pool = CallPool(solver.worker, config.at_once)
        self._ready: dict[str, Any] | None = None
        weakref.finalize(self, self._pool.close)

    def known(self, case: Mapping[str, Value]) -> CallRecord | None:
        """What an earlier call has found, unless it failed and shall be asked again."""
        record = self.store.known(case)
        if record is None:
            return None
        tried = len(record.attempts) > self._config.retries and not self._config.again
        return record if record.last.status == DONE or tried else None

    def prepared(self) -> dict[str, Any]:
        """What the solver says of itself, asked once.

        Raises:
            SimulatorError: if it cannot be called.
            SolverGone: if it does not answer.
        """
        if self._ready is None:
            self._ready = self._pool.prepare()
        return self._ready

    def called(self, cases: Sequence[Mapping[str, Value]], announce: Announce) -> list[tuple[CallRecord, bool]]:
        """The records of cases, in their order, each with whether it was computed now.

        Raises:
            BinnError: if the solver cannot be called, or no longer; what was computed by then is kept.
        """
        found: dict[int, tuple[CallRecord, bool]] = {}
        for i, case in enumerate(cases):
            record = self.known(case)
            if record is not None:
                found[i] = (record, False)
        missing = [i for i in range(len(cases)) if i not in found]
        if missing:
            self.prepared()
            self._run(cases, missing, found, announce)
        return [found[i] for i in range(len(cases))]

    def _run(
        self,
        cases: Sequence[Mapping[str, Value]],
        missing: Sequence[int],
        found: dict[int, tuple[CallRecord, bool]],
        announce: Announce,
    ) -> None:
        jobs, before = [], {}
        for i in missing:
            folder = self.store.prepared(cases[i])
            record = self.store.known(cases[i])
            before[i] = len(record.attempts) if record else 0
            # Those that failed earlier do not count where the user wants them asked again.
            allowed = self._config.retries + 1 + (before[i] if self._config.again else 0)
            jobs.append(Job(i, folder, self.solver.case(cases[i]), self._config.timeout, allowed))
        several = f", {self._config.at_once} at a time" if self._config.at_once > 1 and len(jobs) > 1 else ""
        message = f"calling the solver{several}"
        announce(message, 0, len(jobs))
        done = 0
        for event in self._pool.run(jobs):
            case = cases[event.job.key]
            if event.kind == "waiting":
                LOG.info("another process is working on %s; waiting for it", text_of(case))
                announce(f"waiting for another process that works on {text_of(case)}", done, len(jobs))
            elif event.record is not None:
                done += 1
                found[event.job.key] = (event.record, len(event.record.attempts) > before[event.job.key])
                last = event.record.last
                LOG.info(
                    "%s: %s in %.3g s%s",
                    text_of(case),
                    last.status,
                    last.seconds,
                    f" ({last.reason})" if last.reason else "",
                )
                announce(message, done, len(jobs))
