"""How far a run has come, in a small file beside it: what another process, perhaps on another machine, shows of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from binn_cli.results.json_file import read_json, write_json

FILE_NAME = ".progress.json"
PAUSE_SECONDS = 0.5
"""At most so often is the file written within a step."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        done: finished steps.
        total: how many there will be; 0 where nobody knows yet.
        message: what is being done.
    """

    done: int = 0
    total: int = 0
    message: str = ""


class ProgressFile:
    """A listener of a recorder that keeps the file up to date; a failure to write it is no reason to stop."""

    def __init__(self, directory: Path) -> None:
        """`directory` is the run's."""
        self._path = directory / FILE_NAME
        self._progress = Progress()
        self._written = float("-inf")

    def on_note(self, note: str) -> None:
        """Nothing to show."""

    def on_data(self, line: str) -> None:
        """Nothing to keep."""

    def on_plan(self, total: int) -> None:
        """Know how many steps there will be."""
        self._keep(Progress(self._progress.done, total, self._progress.message))

    def on_announce(self, message: str, done: int, total: int) -> None:
        """Say what is being done, but not all the time."""
        if time.monotonic() - self._written >= PAUSE_SECONDS:
            self._keep(Progress(self._progress.done, self._progress.total, message))

    def on_step(self, index: int, step: Any) -> None:
        """One more step is done."""
        self._keep(Progress(index + 1, self._progress.total))

    def on_finish(self, status: str, reason: str | None) -> None:
        """The results file knows the rest."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _keep(self, progress: Progress) -> None:
        self._progress, self._written = progress, time.monotonic()
        with suppress(OSError):
            write_json(self._path, asdict(progress), indent=None)


def progress_of(directory: Path) -> Progress:
    """How far the run in a directory has come, as it said last."""
    found = read_json(directory / FILE_NAME) or {}
    with suppress(TypeError, ValueError):
        return Progress(int(found.get("done", 0)), int(found.get("total", 0)), str(found.get("message", "")))
    return Progress()
