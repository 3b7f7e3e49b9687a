"""The three ways to call a solver, each a `Runner` inside the worker process."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from binn_cli.datasets.simulator.call_store import ENVIRONMENT, STDERR
from binn_cli.datasets.simulator.errors import SolverUnusable, plain
from binn_cli.whole_file import write_whole

LONGEST_LINE = 200
KEPT_VARIABLES = (
    "CONDA_PREFIX",
    "CUDA_VISIBLE_DEVICES",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TZ",
    "VIRTUAL_ENV",
)
KEPT_BEGINNINGS = ("LC_", "MKL_", "NUMEXPR_", "OMP_", "OPENBLAS_", "SLURM_JOB")
"""The variables of the environment that are written down: those that change results, none that may hold a secret."""


class Runner(Protocol):
    """Calls a solver.

    Attributes:
        keeps_time: whether `run` ends by itself when the time is over.
    """

    keeps_time: bool

    def prepare(self) -> dict[str, Any]:
        """Get ready; gives what the solver says of itself.

        Raises:
            SolverUnusable: if it cannot be called.
            SolverGone: if it does not answer.
        """
        ...

    def run(self, directory: Path, case: Mapping[str, Any], timeout: float | None) -> None:
        """Call it in a working directory of its own, in which it leaves its output.

        Raises:
            CallFailed: if it does not give what it should.
            CallTimedOut: if it takes too long.
            SolverGone: if it does not answer.
        """
        ...

    def stop(self) -> None:
        """End what runs now."""
        ...


def runner_of(solver: Mapping[str, Any]) -> Runner:
    """The runner of a solver as `description.py` describes it."""
    if solver["kind"] == "command":
        from binn_cli.datasets.simulator.by_command import CommandRunner

        return CommandRunner(solver)
    if solver["kind"] == "callable":
        from binn_cli.datasets.simulator.by_callable import CallableRunner

        return CallableRunner(solver)
    if solver["kind"] == "umbridge":
        from binn_cli.datasets.simulator.by_umbridge import UmbridgeRunner

        return UmbridgeRunner(solver)
    raise SolverUnusable(f"there is no way to call {solver['kind']!r}")


def laid_out(directory: Path, solver: Mapping[str, Any]) -> dict[str, str]:
    """Put the files of `dataset.files` into a working directory and write down the environment; gives that of the
    call."""
    for path in map(Path, solver["files"]):
        target = directory / path.name
        try:
            target.symlink_to(path)
        except OSError:  # Windows allows no links to everybody
            import shutil

            shutil.copy2(path, target) if path.is_file() else shutil.copytree(path, target)
    environment = {**os.environ, **solver["environment"]}
    search = [solver["start"], *filter(None, [environment.get("PYTHONPATH", "")])]
    environment["PYTHONPATH"] = os.pathsep.join(search)
    known = {
        name: value
        for name, value in sorted(environment.items())
        if name in KEPT_VARIABLES or name in solver["environment"] or name.startswith(KEPT_BEGINNINGS)
    }
    content = {
        "directory": str(directory),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "variables": known,
    }
    write_whole(directory / ENVIRONMENT, json.dumps(content, indent=1) + "\n")
    return environment


def last_words(directory: Path) -> str:
    """The last line that a call wrote to stderr, as an addition to a reason; empty where there is none."""
    try:
        with open(directory / STDERR, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return f": {plain(lines[-1])[:LONGEST_LINE]}" if lines else ""
