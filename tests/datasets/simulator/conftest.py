"""A directory with the functions that solvers call, in which a test stands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from binn_cli.config.schema import SimulatorConfig
from binn_cli.datasets.simulator.dataset import Simulator

HERE = Path(__file__).resolve().parent
K_P = {"k": [1, 4], "P": [100, 200]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with `functions.py`, the present one."""
    shutil.copy(HERE / "functions.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def simulator(project: Path) -> Callable[..., Simulator]:
    """Builds a data set of two parameters with one output `u` out of the leaves of its configuration."""

    def build(seed: int = 0, **leaves: Any) -> Simulator:
        return Simulator(SimulatorConfig(**{"parameters": K_P, "outputs": ["u"], **leaves}), seed)

    return build
