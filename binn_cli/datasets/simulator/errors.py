"""How a call of a solver can end badly."""

from __future__ import annotations

import re

from binn_cli.errors import BinnError, ConfigError

TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|[^\S ]|[\x00-\x1f\x7f-\x9f]", re.DOTALL
)
"""What moves the cursor of a terminal, colours it or renames its window."""


def plain(text: str) -> str:
    """What somebody else's program said, as one line that does nothing to a terminal."""
    return " ".join(TERMINAL.sub(lambda found: " " if found[0].isspace() else "", text).split())


class CallFailed(Exception):
    """The solver ran and did not give what it should; the text is one clause about it."""

    def __init__(self, clause: str) -> None:
        """`clause` may hold what the solver said."""
        super().__init__(plain(clause))


class CallTimedOut(CallFailed):
    """The solver was ended because it took too long."""


class SolverUnusable(Exception):
    """The solver cannot be called at all; the text says why and what would be right."""


class SolverGone(BinnError):
    """The solver can no longer be called; nothing is wrong with the case."""


class SimulatorError(ConfigError):
    """A solver that cannot be called as it is described."""
