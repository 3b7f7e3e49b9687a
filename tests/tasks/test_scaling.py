"""The scaling task: every size in a process of its own, and what happens when one of them fails."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from binn_cli.config.compose import validated
from binn_cli.config.schema import ScalingConfig
from binn_cli.errors import BinnError
from binn_cli.metrics import METRICS
from binn_cli.results.record import PHASES
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks import scaling
from binn_cli.tasks.scaling import Scaling
from tests.tasks.fakes import FakeDataset, FakeSurrogate, Listener, new_recorder

RESOLVED = {"dataset": {"name": "fake", "n_train": 7, "grid": 5}, "seed": 3}


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """What a measuring process says."""
    size = request["dataset"]["n_train"]
    return {
        "n_train": 10 * size,
        "outputs": ["y"],
        "metrics": {"test": {"rmse": [1 / size], "r2": [math.nan]}},
        "timings": {"data": 0.1, "compile": 2.0, "fit": 0.01 * size, "acquire": 0.0, "predict": 0.5},
        "fit_seconds": [0.01 * size] * 2,
        "diagnostics": {"effective_parameters": [0.95 * 10 * size if size == 8 else 3.0], "residual": [0.5, math.nan]},
        "peak_rss_bytes": 1000 * size,
    }


@pytest.fixture
def processes(monkeypatch):
    """Replaces the processes: gives the list of what they were asked, and takes what happens at a size."""
    asked: list[dict[str, Any]] = []
    happens: dict[int, Callable[[], subprocess.CompletedProcess]] = {}

    def run(
        command: list[str], *, input: str, timeout: float, env: dict[str, str], **named: Any
    ) -> subprocess.CompletedProcess:
        request = json.loads(input)
        asked.append({"command": command, "request": request, "timeout": timeout, "env": env})
        size = request["dataset"]["n_train"]
        if size in happens:
            return happens[size]()
        return subprocess.CompletedProcess(command, 0, f"chatter\n{json.dumps(answered(request))}\n", "a warning\n")

    monkeypatch.setattr(scaling, "subprocess", SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))
    return asked, happens


def scale(recorder: Recorder, sizes: list[int], **settings: Any) -> None:
    Scaling(ScalingConfig(sizes=sizes, **settings), RESOLVED).run(FakeDataset(), FakeSurrogate(), recorder)


def ends(status: int, stderr: str) -> Callable[[], subprocess.CompletedProcess]:
    return lambda: subprocess.CompletedProcess([], status, "", stderr)


def test_every_size_is_asked_for_and_recorded(tmp_path, processes) -> None:
    asked, _ = processes
    recorder, listener = new_recorder(tmp_path, "scaling"), Listener()
    recorder.subscribe(listener)
    scale(recorder, [2, 4, 8], repeats=2, timeout=9.0)
    assert listener.planned == [3]
    assert [(call["request"], call["timeout"]) for call in asked] == [
        ({"dataset": {"name": "fake", "n_train": size, "grid": 5}, "seed": 3}, 9.0) for size in (2, 4, 8)
    ]
    assert all(call["command"] == [sys.executable, "-m", "binn_cli.measure", "2"] for call in asked)
    assert all(call["env"]["JAX_ENABLE_COMPILATION_CACHE"] == "false" for call in asked)
    record = read(recorder.path)
    assert [(step.n_train, step.coordinates["size"], step.peak_rss_bytes) for step in record.steps] == [
        (20, 2, 2000),
        (40, 4, 4000),
        (80, 8, 8000),
    ]
    assert [step.timings["fit"] for step in record.steps] == [0.02, 0.04, 0.08]
    np.testing.assert_array_equal(record.series("test", "rmse")[:, 0], [0.5, 0.25, 0.125])
    assert record.outputs == ("y",)
    np.testing.assert_array_equal(record.steps[1].diagnostics["fit_seconds"], [0.04, 0.04])
    assert [step.diagnostics["effective_parameters"].tolist() for step in record.steps] == [[3.0], [3.0], [76.0]]
    assert [bool(step.warnings) for step in record.steps] == [False, False, True]
    assert "hardly determine the noise" in record.steps[2].warnings[0]


def test_another_leaf_can_take_the_sizes(tmp_path, processes) -> None:
    asked, happens = processes
    happens[7] = ends(1, "no")
    with pytest.raises(BinnError):
        scale(new_recorder(tmp_path, "scaling"), [2, 3], parameter="grid")
    assert [call["request"]["dataset"] for call in asked] == [
        {"name": "fake", "n_train": 7, "grid": size} for size in (2, 3)
    ]


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        (ends(1, "x: chatter\nmodel.modes: must be smaller\n"), "model.modes: must be smaller"),
        (ends(3, ""), "the process ended with status 3"),
        (ends(-9, "half a line"), "the process was stopped by SIGKILL; perhaps there was not enough memory"),
    ],
)
def test_a_size_that_fails_is_kept_with_its_reason_and_the_others_go_on(
    tmp_path, processes, happened, reason: str
) -> None:
    _, happens = processes
    happens[4] = happened
    recorder = new_recorder(tmp_path, "scaling")
    with pytest.raises(BinnError) as caught:
        scale(recorder, [2, 4, 8])
    assert str(caught.value) == f"1 of 3 sizes failed (4: {reason})"
    record = read(recorder.path)
    assert [step.coordinates["size"] for step in record.steps] == [2, 4, 8]
    assert np.isnan(record.steps[1].timings.get("fit", np.nan)) and record.steps[1].metrics == {}
    assert record.steps[2].timings["fit"] == 0.08
    assert record.state == {"reason_4": reason}
    assert [step.n_train for step in record.steps] == [20, 4, 80]
    assert [step.warnings for step in record.steps[:2]] == [(), (f"n_train = 4 failed: {reason}",)]


def stops_late(command: list[str], said: str) -> Callable[[], subprocess.CompletedProcess]:
    """A process that is stopped after it has said how many points it has."""

    def happen() -> subprocess.CompletedProcess:
        if command == ["timeout"]:
            raise subprocess.TimeoutExpired([], 9.0, output=said.encode())
        return subprocess.CompletedProcess([], -9, said, "")

    return happen


@pytest.mark.parametrize("command", [["timeout"], ["kill"]])
def test_the_points_of_a_size_that_fails_half_way_are_known(tmp_path, processes, command: list[str]) -> None:
    _, happens = processes
    turns = iter((stops_late(command, 'chatter\n{"n_train": 123}\n{"half": '), ends(1, "no")))
    happens[7] = lambda: next(turns)()
    recorder = new_recorder(tmp_path, "scaling")
    with pytest.raises(BinnError, match=r"^2 of 2 sizes failed \(2: "):
        scale(recorder, [2, 4], parameter="grid")
    record = read(recorder.path)
    # a grid of 4 lines is not a number of points, and nobody counted them
    assert [(step.coordinates["size"], step.n_train) for step in record.steps] == [(2, 123), (4, 0)]


def test_a_size_that_the_model_refuses_does_not_fail_the_run(tmp_path, processes) -> None:
    _, happens = processes
    happens[8] = ends(1, "skipped: needs 300 GB of memory")
    recorder = new_recorder(tmp_path, "scaling")
    scale(recorder, [2, 8])
    record = read(recorder.path)
    assert record.state == {"reason_8": "skipped: needs 300 GB of memory"}
    assert record.steps[1].warnings == ("n_train = 8 was skipped: needs 300 GB of memory",)


def test_a_resumed_run_measures_what_is_left_and_forgets_no_failure(tmp_path, processes) -> None:
    asked, happens = processes
    happens[2] = ends(1, "broken")

    def stop() -> subprocess.CompletedProcess:
        raise KeyboardInterrupt

    happens[8] = stop
    with pytest.raises(KeyboardInterrupt):
        scale(new_recorder(tmp_path, "scaling"), [2, 4, 8, 16])
    del happens[8]
    asked.clear()
    with pytest.raises(BinnError, match=r"^1 of 4 sizes failed \(2: broken\)$"):
        scale(Recorder.reopen(tmp_path), [2, 4, 8, 16])
    assert [call["request"]["dataset"]["n_train"] for call in asked] == [8, 16]
    assert [step.coordinates["size"] for step in read(tmp_path / "results.h5").steps] == [2, 4, 8, 16]


def test_what_is_larger_than_a_size_that_took_too_long_is_not_tried(tmp_path, processes) -> None:
    asked, happens = processes
    happens[4] = stops_late(["timeout"], "")
    recorder = new_recorder(tmp_path, "scaling")
    scale(recorder, [2, 4, 8], timeout=9.0)
    assert [call["request"]["dataset"]["n_train"] for call in asked] == [2, 4]
    record = read(recorder.path)
    reasons = {
        "reason_4": "took longer than task.timeout = 9 s",
        "reason_8": "skipped: 4 took longer than task.timeout",
    }
    assert record.state == reasons
    assert [step.warnings for step in record.steps[1:]] == [
        ("n_train = 4 took longer than task.timeout = 9 s",),
        ("n_train = 8 was skipped: 4 took longer than task.timeout",),
    ]


def sine(**dataset: Any) -> dict[str, Any]:
    model = {"name": "binn", "modes": 1, "centers": 6, "length": 1.5, "padding": 0, "stretch": 0, "sweeps": 3}
    settings = {
        "dataset": {"name": "sine", "n_test": 30, **dataset},
        "model": model,
        "task": {"name": "scaling"},
        "seed": 0,
    }
    return dict(validated({**settings, "budget": "quick", "verbose": False, "output": {}}).resolved)


def test_sizes_run_in_fresh_processes(tmp_path, monkeypatch) -> None:
    started: list[int] = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            started.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    recorder = new_recorder(tmp_path, "scaling")
    started.clear()
    with pytest.raises(BinnError, match=r"^1 of 3 sizes failed \(1: dataset.n_train: must be at least 2, not 1\)$"):
        Scaling(ScalingConfig(sizes=[1, 12, 40], repeats=2), sine()).run(FakeDataset(), FakeSurrogate(), recorder)
    assert len({*started, os.getpid()}) == 4
    record = read(recorder.path)
    assert [step.n_train for step in record.steps[1:]] == [12, 40]
    for step in record.steps[1:]:
        assert set(step.metrics) == {"test"} and set(step.metrics["test"]) == set(METRICS)
        assert set(step.timings) == set(PHASES)
        assert all(value >= 0 for value in step.timings.values())
        assert step.timings["compile"] >= 0 and step.timings["fit"] > 0
        assert (
            step.timings["fit"] == np.median(step.diagnostics["fit_seconds"])
            and len(step.diagnostics["fit_seconds"]) == 2
        )
        assert step.peak_rss_bytes > 10**7


@pytest.mark.thorough
def test_a_size_that_would_not_fit_in_memory_is_skipped(tmp_path: Path) -> None:
    resolved = sine() | {"model": {"name": "gp", "memory": 1e-6, "iterations": 0}}
    recorder = new_recorder(tmp_path, "scaling")
    Scaling(ScalingConfig(sizes=[2, 3000], repeats=1), dict(validated(resolved).resolved)).run(
        FakeDataset(), FakeSurrogate(), recorder
    )
    record = read(recorder.path)
    assert list(record.state) == ["reason_3000"] and record.state["reason_3000"].startswith(
        "skipped: model=gp: 3,000 points need"
    )
    assert record.steps[0].timings["fit"] > 0 and np.isnan(record.steps[1].timings.get("fit", np.nan))


def test_a_size_that_takes_too_long(tmp_path: Path) -> None:
    recorder = new_recorder(tmp_path, "scaling")
    with pytest.raises(BinnError) as caught:
        Scaling(ScalingConfig(sizes=[12], timeout=0.05), sine()).run(FakeDataset(), FakeSurrogate(), recorder)
    assert str(caught.value) == "1 of 1 sizes failed (12: took longer than task.timeout = 0.05 s)"
    assert read(recorder.path).state == {"reason_12": "took longer than task.timeout = 0.05 s"}
