"""Runs whose task does what the test says, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.cli import main
from binn_cli.config.compose import Settings, validated
from binn_cli.config.store import conf_directory, register
from binn_cli.results.record import Step

QUICK = ["dataset=sine", "task=regress", "output.figures=false", "limits.isolate=false"]


@dataclass
class Program:
    """`binn` in an empty directory.

    Attributes:
        act: called with the model's settings after each step; raising ends the run.
        steps: how many steps a run has.
        ran: the value of model.modes of every run that was executed, in order.
        data: what the data are known by.
    """

    capsys: pytest.CaptureFixture[str]
    act: Callable[[Any], None] = lambda model: None
    steps: int = 1
    ran: list[int] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def run(self, dataset: Any, model: Any, recorder: Any) -> None:
        self.ran.append(model.modes)
        for number in range(len(recorder.record.steps), self.steps):
            score = np.array([model.modes + number / 10])
            recorder.step(
                Step(n_train=10 + number, metrics={"test": {"rmse": score}}, timings={"fit": 0.1}), outputs=("y",)
            )
            self.act(model)

    def __call__(self, *arguments: str) -> int:
        """Type a command; `out` and `err` then hold the lines that it printed."""
        self.ran.clear()
        self.capsys.readouterr()
        status = main(list(arguments))
        printed = self.capsys.readouterr()
        self.out, self.err = printed.out.splitlines(), printed.err.splitlines()
        return status

    def sweep(self, *arguments: str) -> int:
        return self("run", "-m", *QUICK, *arguments)


@pytest.fixture
def binn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = Program(capsys)

    class Dataset(SimpleNamespace):
        def identity(self) -> dict[str, str]:
            return program.data

    monkeypatch.setattr(build, "dataset", lambda settings: Dataset(note=""))
    monkeypatch.setattr(build, "model", lambda settings: settings.model)
    monkeypatch.setattr(build, "task", lambda settings: SimpleNamespace(run=program.run))
    return program


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Settings from overrides."""

    def compose_with(*overrides: str) -> Settings:
        register()
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
            return validated(compose("config", list(overrides)))

    return compose_with


def sweeps() -> list[Path]:
    return sorted(path.parent for path in Path("outputs").glob("*/sweep.json"))


def as_killed(run: Path) -> None:
    """Leave of a run that ended what SIGKILL would have left: files that say that it still runs."""
    with h5py.File(run / "results.h5", "r+") as file:
        file.attrs["status"] = "running"
        del file.attrs["reason"]
    assert json.loads((run / "job.json").read_text())["status"] == "running"
