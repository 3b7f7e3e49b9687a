"""A run's directory is claimed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from binn_cli.directory import claimed


def test_runs_that_start_together_get_a_directory_each(tmp_path: Path) -> None:
    start = Barrier(16)

    def claim(_: int) -> str:
        start.wait(10)
        return claimed(tmp_path / "new" / "root", "run").name

    with ThreadPoolExecutor(16) as threads:
        names = list(threads.map(claim, range(16)))
    assert sorted(names) == sorted(["run", *(f"run-{i}" for i in range(2, 17))])
