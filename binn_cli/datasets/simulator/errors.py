"""How a call of a solver can end badly."""

from __future__ import annotations

from binn_cli.errors import BinnError, ConfigError


class CallFailed(Exception):
    """The solver ran and did not give what it should; the text is one clause about it."""


class CallTimedOut(CallFailed):
    """The solver was ended because it took too long."""


class SolverUnusable(Exception):
    """The solver cannot be called at all; the text says why and what would be right."""


class SolverGone(BinnError):
    """The solver can no longer be called; nothing is wrong with the case."""


class SimulatorError(ConfigError):
    """A solver that cannot be called as it is described."""
