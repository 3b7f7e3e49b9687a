"""A run in a process of its own: limits, signals, kills, and a process that ends with whoever waits for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from binn_cli.config.compose import Settings
from binn_cli.config.schema import LimitsConfig
from binn_cli.results import holder
from binn_cli.results.fate import fate_of
from binn_cli.results.store import read
from binn_cli.sweeps import isolation, memory
from binn_cli.sweeps.isolation import Request, Stopped, supervised, warm_up
from binn_cli.sweeps.job import run_to_its_end


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warm_up()


@pytest.fixture
def waiting(tmp_path: Path, settings) -> Settings:
    """A run that waits for a table that nobody writes."""
    os.mkfifo(tmp_path / "never.csv")
    return settings(
        "dataset=table",
        "task=regress",
        f"dataset.path={tmp_path}/never.csv",
        "dataset.outputs=[y]",
        "output.figures=false",
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def when_it_runs(run: Path, act) -> threading.Thread:
    """Do something to the process of a run as soon as it waits for its data."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            known = holder.holder_of(run)
            if known is not None and (run / "results.h5").exists():
                time.sleep(0.3)
                return act(known.pid)
            time.sleep(0.05)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_run_that_takes_too_long(waiting: Settings, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heed = isolation._Watch.heed

    def once_it_runs(watch, *arguments) -> None:
        # A busy machine may need longer than the limit to begin.
        if not (run / "results.h5").exists():
            watch._began = time.monotonic()
        heed(watch, *arguments)

    monkeypatch.setattr(isolation._Watch, "heed", once_it_runs)
    end = run_to_its_end(replace(waiting, limits=LimitsConfig(seconds=1.5)), run, resuming=False)
    assert (end.status, end.reason) == ("timed out", "timed out after 1.5 s (limits.seconds)")
    record = read(run / "results.h5")
    assert (record.status, record.reason) == ("failed", end.reason)
    assert fate_of(run).status == "timed out" and not holder.is_held(run)


def test_a_run_that_takes_too_much(waiting: Settings, run: Path) -> None:
    end = run_to_its_end(replace(waiting, limits=LimitsConfig(memory_gb=0.01)), run, resuming=False)
    assert end.status == "out of memory" and end.reason.endswith("more than limits.memory_gb = 0.01")
    assert not holder.is_held(run)


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (signal.SIGKILL, "killed", "killed by SIGKILL"),
        (signal.SIGTERM, "interrupted", "interrupted by the user or the system"),
    ],
)
def test_a_run_that_is_ended_from_outside(
    waiting: Settings, run: Path, number: signal.Signals, status: str, reason: str
) -> None:
    thread = when_it_runs(run, lambda pid: os.kill(pid, number))
    end = run_to_its_end(waiting, run, resuming=False)
    thread.join()
    assert (end.status, end.reason) == (status, reason)
    assert read(run / "results.h5").reason == reason and fate_of(run).status == status


def test_the_system_s_want_of_memory_is_told_from_a_kill(
    waiting: Settings, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([3, 4])
    monkeypatch.setattr(memory, "_ended_by_system", lambda: next(counts))
    thread = when_it_runs(run, lambda pid: os.kill(pid, signal.SIGKILL))
    end = run_to_its_end(waiting, run, resuming=False)
    thread.join()
    assert end.status == "out of memory" and fate_of(run).status == "out of memory"


def test_ctrl_c_ends_the_run_once_and_cleanly(waiting: Settings, run: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = when_it_runs(run, lambda pid: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Stopped) as stopped:
        supervised(Request(waiting, run, False, False, dict(os.environ)), LimitsConfig())
    thread.join()
    assert stopped.value.end.status == "interrupted"
    assert read(run / "results.h5").reason == "interrupted by the user or the system"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_that_does_not_answer_is_killed(waiting: Settings, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "GRACE_SECONDS", 0.5)
    thread = when_it_runs(run, lambda pid: os.kill(pid, signal.SIGSTOP))
    asked: list[float] = []

    def stop() -> str | None:
        if thread.is_alive():
            return None
        asked.append(time.monotonic())
        return "another job failed"

    end = supervised(Request(waiting, run, False, False, dict(os.environ)), LimitsConfig(), stop)
    assert (end.status, end.reason) == ("interrupted", "interrupted: another job failed")
    assert time.monotonic() - asked[0] < 10


def test_memory_of_processes_that_a_run_starts_counts() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(10**8); input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        watch = memory.MemoryWatch(process.pid)
        deadline = time.monotonic() + 30
        while watch.held_bytes() < 1e8 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert watch.held_bytes() > 1e8
        children = psutil.Process(process.pid).children()
        watch.end_all()
        psutil.wait_procs(children, 10)
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


ORPHAN = """
import sys, time
from pathlib import Path
from binn_cli.config.compose import read
from binn_cli.sweeps.job import run_to_its_end
run_to_its_end(read(Path(sys.argv[1])), Path(sys.argv[2]), resuming=False)
"""


def test_a_run_ends_with_the_process_that_waits_for_it(waiting: Settings, run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(waiting.yaml)
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path / "config.yaml"), str(run)])
    child: list[int] = []
    thread = when_it_runs(run, lambda pid: (child.append(pid), parent.kill()))
    parent.wait(120)
    thread.join()
    deadline = time.monotonic() + 10
    while holder.is_held(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert child and not holder.is_held(run)
    assert fate_of(run).status == "interrupted" and read(run / "results.h5").status == "running"


def test_a_run_in_a_process_of_its_own_leaves_nothing_in_this_one() -> None:
    assert multiprocessing.active_children() == []
