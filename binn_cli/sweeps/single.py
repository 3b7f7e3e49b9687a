"""One run by itself: in this process or, where it has limits, in one that can be ended."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from binn_cli.config.compose import Settings
from binn_cli.execute import Interrupted, RunFailed, execute
from binn_cli.models.twins import twins_allowed
from binn_cli.results.fate import COMPLETE, FAILED, RESULTS
from binn_cli.sweeps.isolation import Stopped, warm_up
from binn_cli.sweeps.job import run_to_its_end


def run_single(settings: Settings, directory: Path, *, resuming: bool = False) -> Path:
    """Execute a run; gives its results file.

    Raises:
        BinnError: as `execute`, and `RunFailed` if it exceeded a limit.
    """
    if not settings.limits.any:
        with twins_allowed():
            return execute(settings, directory, live=True, resuming=resuming)
    warm_up()
    try:
        end = run_to_its_end(
            replace(settings, limits=replace(settings.limits, isolate=True)), directory, resuming=resuming, live=True
        )
    except Stopped as stopped:
        raise Interrupted(f"{stopped.end.reason}; go on with: {_command(directory)}") from stopped
    if end.status == FAILED:
        raise RunFailed(end.reason)
    if end.status != COMPLETE:
        raise RunFailed(f"{end.reason}; what it had is kept; go on with: {_command(directory)}")
    return directory / RESULTS


def _command(directory: Path) -> str:
    return shlex.join(["binn", "resume", str(directory)])
