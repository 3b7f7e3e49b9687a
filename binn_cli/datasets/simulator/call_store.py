"""Where calls of solvers are kept: a folder for each solver, in it one for each case, so that none is computed twice.

    STORE/1f3a9c…/solver.json                 what the solver is: its command and the digests of its files
    STORE/1f3a9c…/k=1.5,P=120-5b1c0e77/call.json           how the call ended; it is there exactly if the call has ended
    STORE/1f3a9c…/k=1.5,P=120-5b1c0e77/attempt-1/          working directory: output, stdout.txt, stderr.txt,
    environment.json

A case is worked on under a lock, by a process that outlives its driver; a file is moved into place when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from binn_cli.datasets.simulator.cases import Value, text_of
from binn_cli.whole_file import write_whole

RECORD, SOLVER, LOCK = "call.json", "solver.json", ".lock"
STDOUT, STDERR, ENVIRONMENT = "stdout.txt", "stderr.txt", "environment.json"

COMPLETE, FAILED, TIMED_OUT = "complete", "failed", "timed_out"
LONGEST_LABEL = 80


@dataclass(frozen=True)
class Attempt:
    """One run of a solver.

    Attributes:
        status: COMPLETE, FAILED or TIMED_OUT.
        directory: name of its working directory in the folder of the case.
        seconds: how long it took.
        reason: why it did not complete, one sentence.
        started: when, in UTC, ISO 8601.
    """

    status: str
    directory: str
    seconds: float
    reason: str = ""
    started: str = ""


@dataclass(frozen=True)
class CallRecord:
    """What is known of a case.

    Attributes:
        parameters: what the solver was told.
        attempts: all attempts, first to last; the last one counts.
    """

    parameters: dict[str, Value]
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def last(self) -> Attempt:
        """The attempt that counts."""
        return self.attempts[-1]

    def with_attempt(self, attempt: Attempt) -> CallRecord:
        """The record after one more attempt."""
        return CallRecord(self.parameters, (*self.attempts, attempt))


def digest_of(description: Mapping[str, Any]) -> str:
    """A hash of plain values by name."""
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def case_name(case: Mapping[str, Value]) -> str:
    """The name of a case's folder: readable, and different for different cases."""
    label = re.sub(r"[^\w.=+-]+", ",", text_of(case), flags=re.ASCII).strip(",.")[:LONGEST_LABEL]
    return f"{label}-{digest_of(case)[:12]}"


def _keep(path: Path, content: Any) -> None:
    """Write JSON whole and flush it to the disk.

    Raises:
        OSError: if it cannot be written; a file that was there stays as it was.
    """
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n", durable=True)


def read_record(folder: Path) -> CallRecord | None:
    """What is known of the case of a folder, None where no call has ended."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8", errors="surrogateescape"))
        attempts = tuple(Attempt(**attempt) for attempt in found["attempts"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return CallRecord(found["parameters"], attempts) if attempts else None


def write_record(folder: Path, record: CallRecord) -> None:
    """Keep what is known of a case."""
    _keep(folder / RECORD, asdict(record))


class CallStore:
    """The calls of one solver."""

    def __init__(self, root: Path, solver: Mapping[str, Any]) -> None:
        """Nothing is written before a case is.

        Args:
            root: the folder of all solvers.
            solver: what the results depend on beside the parameters.
        """
        self.digest = digest_of(solver)
        self.folder = root.absolute() / self.digest[:16]
        self._solver = solver

    def folder_of(self, case: Mapping[str, Value]) -> Path:
        """The folder of a case, which need not be there."""
        return self.folder / case_name(case)

    def known(self, case: Mapping[str, Value]) -> CallRecord | None:
        """What is known of a case."""
        return read_record(self.folder_of(case))

    def prepared(self, case: Mapping[str, Value]) -> Path:
        """The folder of a case, made where it is missing.

        Raises:
            OSError: if it cannot be made.
        """
        folder = self.folder_of(case)
        folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / SOLVER).exists():
            _keep(self.folder / SOLVER, dict(self._solver))
        return folder
