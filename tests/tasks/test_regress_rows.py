"""The regress task on rows that are read in chunks from a file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.errors import BinnError
from binn_cli.tasks.evaluation import PhaseTimings, fitted_on_rows
from tests.datasets.table_files import values, written
from tests.models.problems import problem

SMALL = "model.modes=2 model.centers=5 model.length=1.2 model.padding=1 model.stretch=0 model.sweeps=6 output.figures=false"


def _rmse(path: Path, monkeypatch: pytest.MonkeyPatch, stream: str, capsys: pytest.CaptureFixture) -> tuple[list[float], int]:
    monkeypatch.chdir(path.parent)
    asked = f"dataset=table dataset.path={path} dataset.outputs=[u] dataset.stream={stream} task=regress output.root={stream}"
    assert main(["run", *asked.split(), *SMALL.split()]) == 0
    with h5py.File(capsys.readouterr().out.splitlines()[-1]) as file:
        return file["metrics/rmse"][0, :, 0].tolist(), int(file["step/n_train"][0])


def test_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    path = written(tmp_path / "t.h5", values(5_000))
    (streamed, n), (kept, m) = (_rmse(path, monkeypatch, stream, capsys) for stream in ("true", "false"))
    assert n == m == 4_000
    np.testing.assert_allclose(streamed, kept, rtol=0.1)
    assert streamed[1] < 0.01


def test_a_model_that_needs_everything_at_once_says_so() -> None:
    from binn_cli.datasets.rows import TableRows

    class Other:
        name = "gp"

    with pytest.raises(BinnError, match="model=gp needs all data in memory; set dataset.stream=false"):
        fitted_on_rows(Other(), TableRows(problem("line")), PhaseTimings(), lambda *_: None)
