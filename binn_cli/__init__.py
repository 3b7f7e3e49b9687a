"""Bayesian Interpolating Neural Network (B-INN): a command-line experiment runner.

For programs: `binn_cli.load(RUN)` gives a run, `binn_cli.load_many(…)` several at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from binn_cli.loading import Run, Runs, load, load_many

__version__ = "0.1.0"
__all__ = ["Run", "Runs", "__version__", "load", "load_many"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the command line starts without numpy.
    if name in __all__:
        return getattr(import_module("binn_cli.loading"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
