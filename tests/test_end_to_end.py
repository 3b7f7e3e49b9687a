"""The program as a user starts it, in processes of its own: mistakes, Ctrl-C, resuming, and what stands on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import binn_cli
from binn_cli.config.store import options
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read

PROGRAM = [sys.executable, "-m", "binn_cli"]
BRISK = (
    "model.modes=2 model.centers=5 model.length=1.5 model.padding=1 model.stretch=0 model.sweeps=4 output.figures=false"
)
POISSON = "dataset=poisson dataset.grid=6 dataset.candidates=40 dataset.test_cases=2 dataset.offgrid_points=0"
HEAT = (
    "dataset=heat dataset.grid=6 dataset.cells=6 dataset.times=4 dataset.substeps=4 dataset.candidates=[3,3] "
    "dataset.test_cases=2 "
    "dataset.train_cases=5 dataset.initial_cases=3 dataset.offgrid_points=0"
)


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    """Nothing of the caller's that changes a run; what was compiled is shared by the runs of these tests."""
    taken = ("HYDRA_FULL_ERROR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    return {**kept, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def binn(environment, tmp_path):
    """Runs the program on a line of arguments, in an empty directory, and gives the finished process."""

    def started(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, *line.split()]
        return subprocess.run(
            command, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True, timeout=120, check=False
        )

    return started


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "dataset=heta",
            'dataset: "heta" is not one of advection, blendednet, equation, heat, heat3d, helmholtz, poisson, '
            "poisson_nd, simulator, sine, snapshots, table; did you "
            'mean "heat"?',
        ),
        ("model=bin", f'model: "bin" is not one of {", ".join(options("model"))}; did you mean "binn"?'),
        (
            "task=active_lern",
            'task: "active_lern" is not one of active_learn, ',
        ),
        ("dataset=sine dataset.noise_variance=-0.04", "dataset.noise_variance: must be at least 0, not -0.04"),
        ("model.noise_variance=-1e-3", "model.noise_variance: must be from 1e-30 to 1e+12, not -0.001"),
        ("task.rounds=0", "task.rounds: must be at least 1, not 0"),
        ("dataset=heat dataset.grid=1", "dataset.grid: must be at least 2, not 1"),
        ("dataset=poisson dataset.grid=1", "dataset.grid: must be at least 2, not 1"),
        ("output.root=/proc/1/fdinfo/runs", 'output.root: cannot make a directory below "/proc/1/fdinfo/runs" ('),
        (
            "output.root=/proc/nope",
            'output.root: cannot make a directory below "/proc/nope" (No such file or directory); choose another',
        ),
    ],
)
def test_what_cannot_run_is_one_sentence(binn, tmp_path, arguments: str, sentence: str) -> None:
    done = binn(f"run {arguments}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence), done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    assert list(tmp_path.iterdir()) == []


def test_an_output_root_that_is_a_file(binn, tmp_path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = binn(f"run {POISSON} output.root=taken")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('output.root: cannot make a directory below "taken" (')
    assert (tmp_path / "taken").read_text() == "mine"


MANY = "asks for 39 initial cases, but the pool holds 38 beside 2 held-out ones; ask for at most 38"
NARROW = "dataset.source_radius: must be at least 0.0027 on 6 cells, not 1e-06: too narrow to be integrated"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (f"task=active_learn {POISSON} task.initial=39", f"task.initial: {MANY}"),
        (f"task=active_learn {POISSON} dataset.initial_cases=39", f"dataset.initial_cases: {MANY}"),
        (f"task=regress {HEAT} dataset.source_radius=1e-6", NARROW),
    ],
)
def test_what_only_the_data_set_knows(binn, tmp_path, arguments: str, sentence: str) -> None:
    done = binn(f"run {arguments}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == sentence
    assert "Traceback" not in done.stderr
    (run,) = (tmp_path / "outputs").iterdir()
    record = read(run / "results.h5")
    assert (record.status, record.reason, record.steps) == ("failed", sentence, ())


def test_a_traceback_only_on_request(binn) -> None:
    done = binn("run dataset=heta", HYDRA_FULL_ERROR="1")
    assert done.returncode != 0
    assert done.stderr.startswith("Traceback (most recent call last):") and "heta" in done.stderr
    done = binn(f"run task=active_learn {POISSON} task.initial=39", HYDRA_FULL_ERROR="1")
    assert done.returncode != 0
    assert "Traceback (most recent call last):" in done.stderr and "ConfigError" in done.stderr.splitlines()[-1]


def follow(process: subprocess.Popen[str], until: str) -> str:
    """What the process says on stderr up to the line that holds `until`."""
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if until in line:
            return "".join(said)
    raise AssertionError(f"the run ended before {until!r}: {''.join(said)}")


def test_an_interrupted_run_is_kept_and_goes_on(binn, environment, tmp_path) -> None:
    rounds = 7
    command = [*PROGRAM, "run", "task=active_learn", f"task.rounds={rounds}", *f"{POISSON} {BRISK}".split()]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            follow(process, f"round 3/{rounds}")
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    assert stdout == ""
    (run,) = (tmp_path / "outputs").iterdir()
    name = run.relative_to(tmp_path)
    record = read(run / "results.h5")
    kept = len(record.steps)
    assert 4 <= kept <= rounds, "it must have been stopped on the way for this test to mean anything"
    assert (
        stderr.splitlines()[-1]
        == f"interrupted: {kept} finished steps kept in {name}/results.h5; go on with: binn resume {name}"
    )
    assert "Traceback" not in stderr
    assert (record.status, record.reason) == ("failed", "interrupted by the user or the system")
    assert [step.coordinates["round"] for step in record.steps] == list(range(kept))
    done = binn(f"resume {name}")
    assert (done.returncode, done.stdout) == (0, f"{name}/results.h5\n"), done.stderr
    complete = read(run / "results.h5")
    assert (complete.status, complete.reason, len(complete.steps)) == ("complete", None, rounds + 1)
    assert_continued(record, complete)
    assert binn(f"resume {name}").returncode == 1


def test_a_live_run_is_left_alone_and_a_killed_one_goes_on(binn, environment, tmp_path) -> None:
    rounds = 7
    command = [*PROGRAM, "run", "task=active_learn", f"task.rounds={rounds}", *f"{POISSON} {BRISK}".split()]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            follow(process, f"round 1/{rounds}")
            # A stopped process is as alive as a busy one, and cannot end before it is looked at.
            process.send_signal(signal.SIGSTOP)
            (run,) = (tmp_path / "outputs").iterdir()
            name = run.relative_to(tmp_path)
            before = {path.name: path.read_bytes() for path in run.iterdir()}
            refused = binn(f"resume {name}")
            after = {path.name: path.read_bytes() for path in run.iterdir()}
        finally:
            process.kill()
    assert (refused.returncode, refused.stdout) == (1, "")
    holder = f"another process (number {process.pid}) is working on this run"
    assert refused.stderr == f"{name}: {holder}; wait until it has ended, or stop it first\n"
    assert after == before
    assert read(run / "results.h5").status == "running"
    done = binn(f"resume {name}/results.h5")
    assert (done.returncode, done.stdout) == (0, f"{name}/results.h5\n"), done.stderr
    complete = read(run / "results.h5")
    assert (complete.status, len(complete.steps)) == ("complete", rounds + 1)


LOST = """
import gc, os, signal, sys
from types import SimpleNamespace
from binn_cli import build
from binn_cli.cli import main

class Task:
    def run(self, dataset, model, recorder):
        gc.callbacks.append(lambda phase, info: phase == "stop" and os.kill(os.getpid(), signal.SIGINT))
        gc.collect()
        gc.callbacks.clear()
        recorder.announce("still going", 0, 1)
        recorder.announce("deaf", 0, 1)

build.dataset = build.model = lambda settings: SimpleNamespace(note="")
build.task = lambda settings: Task()
sys.exit(main(["run", "dataset=sine", "task=regress"]))
"""
"""Ctrl-C while the garbage collector calls back, where Python drops the exception."""


def test_ctrl_c_is_heeded_at_the_next_word_where_python_loses_it(environment, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.startswith("Exception ignored in: "), "this test needs Python to drop it"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("interrupted: no finished step kept in ")
    assert "deaf" not in done.stderr


def assert_continued(before: RunRecord, after: RunRecord) -> None:
    """The first steps are those of the interrupted run, and no case was labelled twice."""
    for mine, kept in zip(before.steps, after.steps, strict=False):
        assert mine.acquired == kept.acquired and mine.timings == kept.timings
        np.testing.assert_array_equal(mine.metrics["test"]["rmse"], kept.metrics["test"]["rmse"])
    assert after.state is not None and before.state is not None
    labelled = np.concatenate([after.state["initial_rows"], after.state["acquired_rows"]])
    assert len(np.unique(labelled)) == len(labelled) == 8 + len(after.steps) - 1
    assert after.provenance["start_time"] == before.provenance["start_time"] and "resume_time" in after.provenance


@pytest.mark.thorough
def test_two_runs_at_once_and_what_show_says_of_them(binn, environment, tmp_path) -> None:
    command = [*PROGRAM, "run", "dataset=sine", "task=regress", *BRISK.split()]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], answers
    paths = [Path(stdout.splitlines()[-1]) for stdout, _ in answers]
    assert len({path.parent for path in paths}) == 2 == len(list((tmp_path / "outputs").iterdir()))
    assert all(path.name == "results.h5" and read(tmp_path / path).status == "complete" for path in paths)
    assert all(stdout.count("\n") == 1 and "regress · sine · binn" in stderr for stdout, stderr in answers)

    table = binn(f"show {paths[0]}")
    assert (table.returncode, table.stderr) == (0, "")
    for word in ("regress · sine · binn", "complete", "RMSE", "train", "test", "60 training points"):
        assert word in table.stdout
    together = binn("show outputs")
    assert (together.returncode, together.stderr) == (0, "")
    assert all(str(path.parent) in together.stdout for path in paths)
    both = binn(f"show --json {paths[0].parent} {paths[1].parent} nowhere")
    assert both.returncode == 1 and both.stderr.startswith("there is no results file nowhere")
    shown = json.loads(both.stdout)
    assert [run["directory"] for run in shown] == [str(path.parent) for path in paths]
    for run, path in zip(shown, paths, strict=True):
        (step,) = read(tmp_path / path).steps
        assert (run["status"], run["seed"], run["steps"][0]["n_train"]) == ("complete", 0, 60)
        assert run["steps"][0]["metrics"]["test"]["rmse"]["y"] == step.metrics["test"]["rmse"][0]
    assert shown[0]["steps"][0]["metrics"] == shown[1]["steps"][0]["metrics"]


def test_a_run_goes_on_when_nobody_reads_its_progress(environment, tmp_path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "run", "dataset=sine", "task=active_learn", "task.rounds=2", *BRISK.split()]
    try:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    record = read(tmp_path / done.stdout.strip())
    assert (record.status, len(record.steps)) == ("complete", 3)


@pytest.mark.thorough
def test_a_second_heat_run_solves_nothing(binn, tmp_path) -> None:
    line = f"run task=active_learn task.rounds=1 {HEAT} {BRISK}"
    first = binn(line)
    assert first.returncode == 0, first.stderr
    assert "solving k = " in first.stderr
    stored = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data" / "heat").iterdir()}
    assert len(stored) == 3, "one file for every k"
    second = binn(line)
    assert second.returncode == 0, second.stderr
    assert "solv" not in second.stderr
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data" / "heat").iterdir()} == stored
    one, other = (read(tmp_path / done.stdout.splitlines()[-1]) for done in (first, second))
    assert one.header.config_id == other.header.config_id
    assert one.steps[-1].acquired == other.steps[-1].acquired
    np.testing.assert_allclose(
        one.steps[-1].metrics["test"]["rmse"], other.steps[-1].metrics["test"]["rmse"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("line", "largest", "axes"),
    [
        ("dataset=poisson dataset.train_cases=8", 1e-10, "x1 and x2 and x3"),
        ("dataset=heat dataset.train_cases=35", 4e-6, "x and y"),
    ],
)
def test_errors_between_the_nodes_are_those_of_the_front_page(
    line: str, largest: float, axes: str, binn, tmp_path
) -> None:
    """The README's table, from the command line; the walls of both problems are found."""
    process = binn(f"run task=regress {line} output.figures=false")
    assert process.returncode == 0, process.stderr
    assert f"odd or even at both ends of {axes}" in " ".join(process.stderr.split())
    scores = (
        binn_cli.load(next((tmp_path / "outputs").iterdir())).metrics.sel(split="offgrid", output="u").isel(step=-1)
    )
    assert float(scores.rmse) < largest
    assert float(scores.coverage_95) > 0.85
