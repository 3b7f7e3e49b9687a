"""What became of every case that a solver was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

COMPLETE, FAILED, TIMED_OUT, PENDING, ABANDONED = "complete", "failed", "timed_out", "pending", "abandoned"
STATUSES = (COMPLETE, FAILED, TIMED_OUT, PENDING, ABANDONED)
"""ABANDONED is what somebody says of a case that shall never be asked for again."""

SIMULATED, STORED, KNOWN, TOLD = "simulated", "stored", "known", "told"
"""Where an answer came from: a call of this run, one of an earlier run, a table of results, or somebody who told it."""
ASKED = "asked"
"""What stands in its place while the answer is out: somebody was told to find it."""

NO_ROUND = -1
"""The round of cases that no round asked for: those of the test, and results that were there before."""


@dataclass(frozen=True)
class Call:
    """One case.

    Attributes:
        parameters: its values as numbers, in the order of the case axis.
        status: one of `STATUSES`.
        round: the round that asked for it, or `NO_ROUND`.
        seconds: how long the solver took; NaN where nobody knows.
        reason: why there is no answer, one clause; empty where there is one or none is due yet.
        source: where the answer came from, or for a pending case who asked for it.
        attempts: how often the solver was started.
        directory: where in `dataset.store` the working directories are, empty where there are none.
    """

    parameters: tuple[float, ...]
    status: str
    round: int = NO_ROUND
    seconds: float = float("nan")
    reason: str = ""
    source: str = SIMULATED
    attempts: int = 0
    directory: str = ""


@dataclass(frozen=True)
class Calls:
    """All cases, in the order in which they were asked for.

    Attributes:
        names: of the parameters.
        each: the cases.
        choices: the texts that the numbers of a parameter stand for, where they do.
    """

    names: tuple[str, ...]
    each: tuple[Call, ...] = ()
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def count(self, *statuses: str) -> int:
        """How many have one of these statuses."""
        return sum(call.status in statuses for call in self.each)
