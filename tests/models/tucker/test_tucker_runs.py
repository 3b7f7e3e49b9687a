"""`model.decomposition=tucker` through the program: tasks, results file, and the surrogate that comes back out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.tucker.fit import FittedTucker
from binn_cli.results import store
from tests.marks import thorough_for
from tests.models.problems import new_points, problem

QUICK = "model.decomposition=tucker model.centers=5 model.length=1.5 model.padding=1 model.stretch=0 model.sweeps=4 output.figures=false"
POISSON = "dataset=poisson dataset.grid=6 dataset.candidates=12 dataset.test_cases=2 dataset.offgrid_points=50"
HEAT = (
    "dataset=heat dataset.grid=6 dataset.cells=6 dataset.times=4 dataset.substeps=4 dataset.candidates=[3,3] dataset.test_cases=2 "
    "dataset.train_cases=5 dataset.initial_cases=4 dataset.offgrid_points=0"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    thorough_for(
        {f"task=active_learn task.rounds=2 {HEAT}"},
        (f"task=regress {POISSON} dataset.train_cases=5", f"task=active_learn task.rounds=2 {HEAT}", "task=regress dataset=sine"),
    ),
)
def test_tasks(line: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    status = main(["run", *line.split(), *QUICK.split(), "output.root=runs"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    record = store.read(Path(printed.out.splitlines()[-1]))
    assert record.steps[-1].metrics["test"]["rel_rmse"].max() < 0.7
    assert "tucker_ranks" in record.steps[-1].diagnostics
    assert [step.timings["compile"] > 0 for step in record.steps] == [True] + [False] * (len(record.steps) - 1)
    surrogate = Binn(BinnConfig()).from_state(record.surrogate)
    assert isinstance(surrogate, FittedTucker)
    kept = record.predictions
    names = tuple(f"x{d}" for d in range(kept.inputs.shape[1]))
    again = surrogate.predict([Axis("point", kept.inputs, names)])
    np.testing.assert_allclose(again.mean, kept.mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(again.epistemic_var), kept.std_epistemic, rtol=1e-5, atol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["mixed", "scattered"])
def test_state_goes_round(kind: str) -> None:
    data = problem(kind)
    model = Binn(BinnConfig(decomposition="tucker", ranks=2, centers=5, length=1.5, padding=1, stretch=10.0, sweeps=2))
    fitted = model.fit(data)
    axis = new_points(data, n=7)
    one, other = fitted.predict([axis]), model.from_state(fitted.state()).predict([axis])
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.epistemic_var, other.epistemic_var)
    np.testing.assert_array_equal(one.noise_var, other.noise_var)
