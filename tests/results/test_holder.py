"""A run's directory is held by one process at a time, and by none that has ended, whatever it left behind."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from binn_cli.errors import BinnError
from binn_cli.results import holder
from binn_cli.results.holder import HOLDER, LOG_NAME, Holder, held, holder_of, is_held


def left_by(directory: Path, known: Holder) -> None:
    (directory / HOLDER).write_text(json.dumps(asdict(known)))


def gone() -> Holder:
    """A process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(Holder.this_process(), pid=ended.pid)


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).write_text("what was logged\n")
    assert not is_held(tmp_path)
    with held(tmp_path):
        with pytest.raises(BinnError) as caught, held(tmp_path):
            pytest.fail("held twice")
        said = (
            f"another process (number {os.getpid()}) is working on this run; wait until it has ended, or stop it first"
        )
        assert str(caught.value) == f"{tmp_path}: {said}"
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with held(tmp_path):
        assert (tmp_path / LOG_NAME).read_text() == "what was logged\n"
    assert [file.name for file in tmp_path.iterdir()] == [LOG_NAME]


HOLD = """
import subprocess, sys
from pathlib import Path
from binn_cli.results.holder import held
with held(Path(sys.argv[1])):
    subprocess.Popen([sys.executable, "-c", "input()"])
    print("held", flush=True)
    input()
"""
"""Holds a directory, and has a process of its own, as the scaling task does."""


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(BinnError, match=rf"another process \(number {process.pid}\)"), held(tmp_path):
            pytest.fail("held twice")
        process.kill()
        process.wait()
        # The process that it started lives on, until the input of both is closed.
        assert not is_held(tmp_path)
        with held(tmp_path):
            pass


def test_a_lock_that_outlives_a_crash_holds_nobody(tmp_path: Path) -> None:
    with open(tmp_path / LOG_NAME, "ab") as stuck:
        fcntl.flock(stuck, fcntl.LOCK_EX)  # as the server of a network file system may keep it
        left_by(tmp_path, gone())
        assert not is_held(tmp_path)
        with held(tmp_path):
            assert holder_of(tmp_path) == Holder.this_process()
        left_by(tmp_path, replace(Holder.this_process(), machine="another"))
        assert is_held(tmp_path)
        with pytest.raises(BinnError, match="on another machine"), held(tmp_path):
            pytest.fail("taken from a process of which nothing is known")


def test_a_number_that_is_used_again_is_another_process() -> None:
    this = Holder.this_process()
    assert this.lives is True
    assert replace(this, began="1").lives is False
    assert replace(this, boot="before").lives is False
    assert replace(this, machine="another").lives is None
    assert gone().lives is False


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    with held(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(BinnError, match=f"stop process {os.getpid()} first"), held(tmp_path):
            pytest.fail("held twice")
    left_by(tmp_path, gone())
    assert not is_held(tmp_path)
    left_by(tmp_path, replace(Holder.this_process(), machine="another"))
    with pytest.raises(BinnError, match=rf"remove {tmp_path}/{HOLDER} if no process does"), held(tmp_path):
        pytest.fail("taken from a process of which nothing is known")


def test_who_only_looks_keeps_nobody_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / LOG_NAME, "ab") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        monkeypatch.setattr(holder.time, "sleep", lambda seconds: looking.close())
        with held(tmp_path):
            assert looking.closed and is_held(tmp_path)
