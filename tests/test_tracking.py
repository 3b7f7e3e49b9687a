"""MLflow hears of every run, in a local store; without the extra a sentence says so before anything runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from binn_cli.results.store import read
from tests.sweeps.conftest import Program, binn

__all__ = ["binn"]

QUICK = ["dataset=sine", "task=regress", "output.figures=false", "limits.isolate=false", "hydra/callbacks=mlflow"]

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason='needs the extra "mlflow"')


@pytest.fixture
def tracked(binn: Program) -> Program:
    binn.steps = 2
    return binn


@needs_mlflow
def test_a_sweep_in_a_local_store(tracked: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    def fail_for_two(model: object) -> None:
        if model.modes == 2:  # type: ignore[attr-defined]
            raise ZeroDivisionError("as told")

    tracked.act = fail_for_two
    assert tracked("run", "-m", *QUICK, "model.modes=1,2", "seed=4") == 1
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = MlflowClient("mlruns")
    experiment = client.get_experiment_by_name("binn")
    runs = sorted(client.search_runs([experiment.experiment_id]), key=lambda run: run.data.params["model.modes"])
    assert [(run.info.status, run.data.tags["fate"]) for run in runs] == [
        ("FINISHED", "complete"),
        ("FAILED", "failed"),
    ]
    assert runs[1].data.tags["reason"] == "ZeroDivisionError: as told"
    run = runs[0]
    assert (
        run.info.run_name == "0_regress_sine_binn"
        and run.data.params["seed"] == "4"
        and "output.root" not in run.data.params
    )
    history = client.get_metric_history(run.info.run_id, "test/rmse")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 1.1)]
    record = read(Path(run.data.tags["results.h5"]))
    assert run.data.tags["config_id"] == record.header.config_id and run.data.metrics["seconds/fit"] == 0.1
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["config.yaml"]


@needs_mlflow
def test_a_store_that_cannot_be_written_harms_no_run(tracked: Program) -> None:
    uri = "hydra.callbacks.mlflow.tracking_uri=/dev/null/mlruns"
    assert tracked("run", *QUICK, "model.modes=1", uri) == 0
    assert read(Path(tracked.out[-1])).status == "complete"
    assert tracked.err[-1].startswith(f"MLflow could not be told of {tracked.out[-1]} (")


@pytest.mark.parametrize("many", [[], ["-m", "seed=0,1"]])
def test_without_the_extra(tracked: Program, monkeypatch: pytest.MonkeyPatch, many: list[str]) -> None:
    monkeypatch.setattr("binn_cli.tracking.find_spec", lambda name: None)
    assert tracked("run", *many, *QUICK, "model.modes=1") == 1
    assert tracked.err == ['hydra/callbacks=mlflow needs the extra "mlflow": pip install "binn[mlflow]"']
    assert tracked.ran == [] and not Path("outputs").exists()


def test_nobody_is_told_unless_asked(tracked: Program) -> None:
    assert tracked("run", *QUICK[:-1], "model.modes=1") == 0
    assert {path.name for path in Path(".").iterdir()} <= {"outputs", "cache"}
