"""`binn run experiment=table2`: a sweep without -m, the paper's table at its end, and error bars that hold beyond the
envelope."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.cli import main
from binn_cli.config.compose import validated
from binn_cli.config.store import conf_directory, register
from binn_cli.metrics import score
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read
from binn_cli.tasks.evaluation import domain_of

TINY = ["dataset.stride=30", "model.sweeps=2", "dataset.cache=cache", "output.root=runs"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def records(printed: str) -> list[RunRecord]:
    return [read(Path(line)) for line in printed.split()]


def test_the_experiment_is_a_sweep_of_its_own_and_ends_with_the_table(elsewhere, capsys) -> None:
    assert main(["run", "experiment=table2", "model=binn", "dataset.outputs=[cp],[cf_z]", *TINY]) == 0
    printed = capsys.readouterr()
    found = records(printed.out)
    assert [record.outputs for record in found] == [("cp",), ("cf_z",)]
    assert all(record.header.note == "synthetic" and record.surface is not None for record in found)
    assert "Table 2" in printed.err and "synthetic" in printed.err and "0.0464" in printed.err
    (sweep,) = Path("runs").iterdir()
    names = {"surface_plan.png", "surface_oblique.png", "surface.vtk", "parity.png"}
    assert all(names <= {file.name for file in run.iterdir()} for run in sweep.glob("*/"))
    assert main(["show", str(sweep)]) == 0
    assert "Table 2" in capsys.readouterr().out


@pytest.mark.thorough
def test_networks_run_in_it_too(elsewhere, capsys) -> None:
    arguments = ["experiment=table2", "budget=smoke", "model=bnn_vi,binn", "dataset.outputs=[cp]", *TINY[:1], *TINY[2:]]
    assert main(["run", *arguments, "output.figures=false"]) == 0
    assert [record.header.model for record in records(capsys.readouterr().out)] == ["bnn_vi", "binn"]


def test_error_bars_hold_inside_and_beyond_the_envelope(tmp_path) -> None:
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        settings = validated(compose("config", ["experiment=table2_smooth", f"dataset.cache={tmp_path}"]))
    dataset, model = build.dataset(settings), build.model(settings)
    train = dataset.training()
    fitted = model.fit(train, domain=domain_of(dataset, train))
    found, spread = {}, {}
    for split, data in dataset.evaluation().items():
        prediction = fitted.predict(data.axes)
        found[split] = {name: float(values[0]) for name, values in score(data.values, prediction).items()}
        spread[split] = float(np.sqrt(np.mean(prediction.epistemic_var)))
    # case_130 lies below the others' angles of attack, case_136 among them: eight cases, four parameters.
    assert found["interpolation"]["rel_rmse"] < found["test"]["rel_rmse"] < 0.3
    assert all(scores["coverage_95"] > 0.9 for scores in found.values())
    assert spread["test"] < 3.0 * found["test"]["rmse"]
