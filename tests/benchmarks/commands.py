"""Whole commands, from Enter to the prompt: with empty caches and with full ones, and where the time goes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from binn_cli.results.store import read
from tests.benchmarks.timing import Row, seconds

REPEATS = 3
TABLE_ROWS, TABLE_INPUTS = 80, 8

COMMANDS = {
    "main job": "run task=active_learn dataset=heat",
    "a table of 80 rows": "run dataset=table dataset.path=runs.csv dataset.outputs=[y]",
    "active learning on poisson": "run task=active_learn dataset=poisson",
    "four outputs of an aircraft": "run experiment=blendednet_all",
}
"""What users wait for."""

IMPORTS = "import numpy, scipy.linalg, scipy.optimize, h5py, hydra.main, omegaconf, rich.console"
"""What no run can do without: the floor of its start."""


def commands_with_full_caches() -> list[Row]:
    """Each command again, against its first time; the note has the phases of the run, and what is left beside them."""
    return [_twice(name, line) for name, line in COMMANDS.items()]


def start_against_imports() -> Row:
    """A configuration composed and printed, against importing what a run needs."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        pairs = [
            (_seconds("run --cfg job", place), seconds(lambda: _python("-c", IMPORTS))) for _ in range(REPEATS + 1)
        ]
    ours, theirs = zip(*pairs[1:], strict=True)
    return Row("binn run --cfg job / imports", ours, theirs, f"theirs: {IMPORTS}")


def _import() -> None:
    _python("-c", IMPORTS)


def _twice(name: str, line: str) -> Row:
    fresh, full, note = [], [], ""
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            _write_table(place / "runs.csv")
            fresh.append(_seconds(line, place))
            full.append(_seconds(line, place))
            note = _phases(max((place / "outputs").rglob("results.h5")), full[-1])
    return Row(f"{name}, full caches / fresh", tuple(full), tuple(fresh), f"`binn {line}`; the last time {note}")


def _seconds(line: str, place: Path) -> float:
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}

    def run() -> None:
        _python("-m", "binn_cli", *line.split(), cwd=place, environment=environment)

    return seconds(run)


def _python(*arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, check=True, capture_output=True)


def _phases(file: Path, whole: float) -> str:
    steps = read(file).steps
    spent = {name: sum(step.timings[name] for step in steps) for name in steps[0].timings}
    parts = [f"{name} {value:.2f} s" for name, value in spent.items() if value >= 0.005]
    peak = max(step.peak_rss_bytes for step in steps) / 1e6
    return f"{', '.join(parts)}, beside them {whole - sum(spent.values()):.2f} s, peak memory {peak:.0f} MB"


def _write_table(path: Path) -> None:
    """A smooth function of eight inputs, of which three matter most."""
    x = np.random.default_rng(0).random((TABLE_ROWS, TABLE_INPUTS))
    y = np.sin(3.0 * x[:, 0]) * x[:, 1] + 0.5 * x[:, 2] ** 2 + 0.1 * x[:, 3:].sum(axis=1)
    names = ",".join([*(f"x{d}" for d in range(TABLE_INPUTS)), "y"])
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header=names, comments="")
