"""Runs that share the machine know of one another, also of those that came and went."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from binn_cli.neighbours import among_neighbours

STAY = """
from binn_cli.neighbours import among_neighbours
with among_neighbours() as known:
    print("here", flush=True)
    input()
    print(known.count())
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def another() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", STAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    return process


def test_a_run_by_itself_has_no_neighbour() -> None:
    with among_neighbours() as first:
        assert first.count() == 0
    with among_neighbours() as second:
        assert second.count() == 0


def test_runs_that_come_and_go_are_counted() -> None:
    before = another()
    with among_neighbours() as known:
        assert known.count() == 1
        during = another()
        assert during.communicate("\n")[0] == "2\n" and known.count() == 2
        killed = another()
        killed.kill()
        killed.wait()
        assert known.count() == 3
    after = another()
    assert after.communicate("\n")[0] == "1\n", "those that have ended, however they did, are no neighbours"
    assert before.communicate("\n")[0] == "4\n"


def test_a_directory_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"binn-running-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with among_neighbours() as known:
        assert known.path is None and known.count() == 0
