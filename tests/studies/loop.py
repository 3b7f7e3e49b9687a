"""Runs in this process that leave no files: what the studies of fits and of whole loops are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.config.compose import Settings, validated
from binn_cli.config.store import conf_directory, register
from binn_cli.results.record import Step


@dataclass
class Memory:
    """A recorder that keeps the steps and writes nothing."""

    record: Any = field(default_factory=lambda: SimpleNamespace(steps=[], state=None, surrogate=None, conclusion=""))

    def plan(self, total: int) -> None:
        """How many steps there will be."""

    def describe(self, data: str) -> None:
        """What was read."""

    def calls(self, calls: object) -> None:
        """What became of the calls of a solver."""

    def conclude(self, conclusion: str) -> None:
        """Why the run ended early."""
        self.record.conclusion = conclusion

    def announce(self, message: str, done: int, total: int) -> None:
        """What is being done."""

    def step(self, step: Step, **rest: object) -> None:
        """Keep one step."""
        self.record.steps.append(step)


def settings_of(*overrides: str) -> Settings:
    """The settings that `binn run` would make of these words."""
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        return validated(compose("config", list(overrides)))


def steps_of(*overrides: str) -> list[Step]:
    """The steps of the run that `binn run` would make of these words."""
    settings, memory = settings_of(*overrides), Memory()
    build.task(settings).run(build.dataset(settings), build.model(settings), memory)
    return list(memory.record.steps)


def score(step: Step, split: str, name: str = "rmse") -> float:
    """A metric of the first output."""
    return float(np.ravel(step.metrics[split][name])[0])


def fit_seconds(steps: list[Step]) -> float:
    """Seconds of fitting, compilation apart."""
    return float(sum(step.timings["fit"] for step in steps))
