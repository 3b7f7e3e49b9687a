"""A run's directory belongs to one process: it is claimed once, and held while it is worked on."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from binn_cli.directory import claimed, held
from binn_cli.errors import BinnError


def test_runs_that_start_together_get_a_directory_each(tmp_path: Path) -> None:
    start = Barrier(16)

    def claim(_: int) -> str:
        start.wait(10)
        return claimed(tmp_path / "new" / "root", "run").name

    with ThreadPoolExecutor(16) as threads:
        names = list(threads.map(claim, range(16)))
    assert sorted(names) == sorted(["run", *(f"run-{i}" for i in range(2, 17))])


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("what was logged\n")
    with held(tmp_path, "run.log"):
        with pytest.raises(BinnError) as caught, held(tmp_path, "run.log"):
            pytest.fail("held twice")
        assert str(caught.value) == f"{tmp_path}: another process is working on this run; wait until it has ended, or stop it first"
    with held(tmp_path, "run.log"):
        assert (tmp_path / "run.log").read_text() == "what was logged\n"


HOLD = """
import subprocess, sys
from pathlib import Path
from binn_cli.directory import held
with held(Path(sys.argv[1]), "run.log"):
    subprocess.Popen([sys.executable, "-c", "input()"])
    print("held", flush=True)
    input()
"""
"""Holds a directory, and has a process of its own, as the scaling task does."""


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(BinnError, match="another process"), held(tmp_path, "run.log"):
            pytest.fail("held twice")
        process.kill()
        process.wait()
        # The process that it started lives on, until the input of both is closed.
        with held(tmp_path, "run.log"):
            pass
