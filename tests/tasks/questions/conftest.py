"""One run that all questions ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from binn_cli.cli import main


@pytest.fixture(scope="session")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table of y = k x and z = k + P, all inputs from 0 to 1."""
    place = tmp_path_factory.mktemp("asked")
    x, k, p = np.random.default_rng(7).uniform(0.0, 1.0, (3, 24))
    rows = np.stack([x, k, p, k * x, k + p], axis=1)
    np.savetxt(place / "runs.csv", rows, delimiter=",", header="x,k,P,y,z", comments="")
    command = (
        f"run dataset=table dataset.path={place / 'runs.csv'} dataset.outputs=[y,z] output.root={place / 'runs'} "
        "dataset.ranges={x:[0,1],k:[0,1],P:[0,1]} output.figures=false model.decomposition=limit"
    )
    assert main(command.split()) == 0
    return next((place / "runs").glob("*"))


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where runs would be written if they were not refused before that, and before anything is made ready for them."""

    def not_yet() -> None:
        raise AssertionError("the run goes on")

    monkeypatch.setattr("binn_cli.compiled_code.prepare_jax", not_yet)
    yield tmp_path / "refused"
    assert not (tmp_path / "refused").exists()
