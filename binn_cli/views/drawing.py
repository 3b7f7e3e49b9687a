"""The files beside a run's results: all its figures and its surface, drawn here or by a process that stands by.

Two thirds of a second of matplotlib are imported while the run computes, on another core, and several figures are drawn
at once; a run whose fit takes a second ended two seconds after its tables before.
"""

from __future__ import annotations

import atexit
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

from binn_cli.cores import available_cores
from binn_cli.results.record import RunRecord
from binn_cli.results.store import FILE_NAME, read


class NotDrawn(Exception):
    """The figures could not be drawn; the traceback of the process that tried."""


class DrawingProcess:
    """A process that imports what figures need, and then draws those of each directory that it is told."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # Not in the group of this process: Ctrl-C is for the run, and this one ends with its pipe. -P: a file of the
        # user's that is named as a module is not that module.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    @property
    def stands_by(self) -> bool:
        """Whether it can still be asked."""
        return self.owner == os.getpid() and self._process.poll() is None

    def draw(self, directory: Path) -> list[Path]:
        """Draw what a directory's results show.

        Raises:
            NotDrawn: if that failed.
            OSError: if the process has ended.
        """
        self.ask(directory)
        return self.answer(directory)

    def ask(self, directory: Path) -> None:
        """Let it begin with a directory's results, which are complete.

        Raises:
            OSError: if the process has ended.
        """
        asked = self._process.stdin
        assert asked is not None
        asked.write(json.dumps(str(directory.resolve())) + "\n")
        asked.flush()

    def answer(self, directory: Path) -> list[Path]:
        """Wait until it has drawn what it was asked for last; gives and raises what `draw` does."""
        answers = self._process.stdout
        assert answers is not None
        answer = answers.readline()
        if not answer:
            raise OSError("the process that draws has ended")
        told = json.loads(answer)
        if "failed" in told:
            raise NotDrawn(told["failed"])
        return [directory / name for name in told["drawn"]]

    def end(self) -> None:
        """End it, without waiting for what it does."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()


def has_matplotlib() -> bool:
    """Whether this process has imported already what takes longest."""
    return "matplotlib.figure" in sys.modules


_standing_by: DrawingProcess | None = None


def stand_by() -> None:
    """Start the process that will draw, if there is a second core for it and something to be gained; the runs of a
    sweep share one."""
    global _standing_by
    if available_cores() < 2 or has_matplotlib() or (_standing_by is not None and _standing_by.stands_by):
        return
    try:
        _standing_by = DrawingProcess()
    except OSError:  # no more processes are allowed
        return
    atexit.register(_standing_by.end)


def draw_all(directory: Path) -> list[Path]:
    """Draw what the results of a directory show: by the process that stands by, or here where there is none.

    Returns:
        The paths of all files written.

    Raises:
        NotDrawn: if the process that stands by could not.
        BinnError: if there is no readable results file.
    """
    return begun(directory)()


def begun(directory: Path) -> Callable[[], list[Path]]:
    """Let the process that stands by, if there is one, draw what the results of a directory show while this one does
    other things; gives what waits for it, or draws where there is none, and returns and raises what `draw_all` does."""
    process = _standing_by
    asked = False
    if process is not None and process.stands_by:
        with suppress(OSError):  # it was killed, as for the memory of the machine
            process.ask(directory)
            asked = True

    def finished() -> list[Path]:
        if process is not None and asked:
            with suppress(OSError):
                return process.answer(directory)
        return _drawn(read(directory / FILE_NAME, surrogate=False), directory, at_once=1)

    return finished


def _drawn(record: RunRecord, directory: Path, at_once: int) -> list[Path]:
    from binn_cli.views.plots import FIGURES, draw_record
    from binn_cli.views.surface_file import write_surface_file

    written = write_surface_file(record, directory)
    if at_once > 1 and sys.platform == "linux":
        # Arguments of the initializer are inherited by a fork, not copied.
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(at_once, fork, _remember, (record, directory)) as pool:
            found = [path for path in pool.map(_draw_remembered, FIGURES) if path is not None]
    else:
        found = draw_record(record, directory)
    return found if written is None else [*found, written]


_remembered: tuple[RunRecord, Path]


def _remember(record: RunRecord, directory: Path) -> None:
    global _remembered
    _remembered = record, directory


def _draw_remembered(name: str) -> Path | None:
    from binn_cli.views.plots import draw_figure

    return draw_figure(*_remembered, name)


def main() -> None:
    """Answer each line of standard input, a directory, with one line: what was drawn, or why nothing was."""
    from binn_cli.views.plots import FIGURES

    for module, _ in FIGURES.values():
        importlib.import_module(f"binn_cli.views.plots.{module}")
    importlib.import_module("scipy.special")  # for quantiles, beside figures
    for line in sys.stdin:
        directory = Path(json.loads(line))
        try:
            drawn = _drawn(read(directory / FILE_NAME, surrogate=False), directory, at_once=available_cores())
            answer: dict[str, object] = {"drawn": [path.name for path in drawn]}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
