"""The regress task: one fit on the training split, judged on all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig, PoissonConfig, RegressConfig, SineConfig, TableConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.sine import Sine
from binn_cli.datasets.table import Table
from binn_cli.errors import ConfigError, DataError
from binn_cli.metrics import METRICS
from binn_cli.models.binn.surrogate import Binn
from binn_cli.results.record import PHASES
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks.regress import Regress
from tests.tasks.fakes import CASES, ORDER, FakeDataset, FakeSurrogate, Listener, new_recorder


def test_one_step_with_everything_in_it(tmp_path) -> None:
    dataset, model = FakeDataset(outputs=2), FakeSurrogate()
    recorder, listener = new_recorder(tmp_path, "regress"), Listener()
    recorder.subscribe(listener)
    Regress(RegressConfig(), 4).run(dataset, model, recorder)
    record = read(recorder.path)
    assert listener.planned == [1]
    assert (len(model.fits), len(record.steps), record.outputs) == (1, 1, ("u0", "u1"))
    (step,) = record.steps
    assert (step.n_train, step.acquired) == (30, None)
    np.testing.assert_array_equal(model.fits[0]["data"].axes[-1].points, CASES[ORDER[:6]])
    np.testing.assert_array_equal(model.fits[0]["domain"], [[0, 1], [1, 4], [100, 200]])
    assert model.fits[0]["warm_start"] is None
    assert record.splits == ("train", "test", "offgrid")
    assert all(set(step.metrics[split]) == set(METRICS) for split in record.splits)
    truth = dataset.evaluation()["offgrid"].values
    expected = np.sqrt(np.mean((truth - model.fitted[0].memory) ** 2, axis=(0, 1)))
    np.testing.assert_allclose(step.metrics["offgrid"]["rmse"], expected, rtol=1e-14)
    assert set(step.timings) == set(PHASES)
    assert all(value >= 0 for value in step.timings.values())
    assert (step.timings["compile"], step.timings["fit"], step.timings["acquire"]) == (0.25, 0.5, 0.0)
    assert record.surrogate is not None and record.surrogate["generation"] == 0
    assert record.predictions is not None
    assert (len(record.predictions.inputs), record.predictions.stride, record.predictions.n_points_total) == (4, 3, 10)


@pytest.mark.parametrize("stream", [False, True])
def test_a_single_point_is_not_learned_from(tmp_path: Path, stream: bool) -> None:
    """It would be taken for a constant that is known exactly."""
    (tmp_path / "t.csv").write_text("x,y\n0.1,1\n0.2,2\n")
    table = Table(TableConfig(path=str(tmp_path / "t.csv"), outputs=["y"], stream=stream), 0)
    with pytest.raises(DataError, match="1 point to learn from, which says nothing of how y varies; two are the least"):
        Regress(RegressConfig(), 4).run(table, Binn(BinnConfig()), new_recorder(tmp_path, "regress"))


def test_a_sample_of_the_training_points_is_kept(tmp_path) -> None:
    dataset = FakeDataset(outputs=2)
    Regress(RegressConfig(), 7).run(dataset, FakeSurrogate(), new_recorder(tmp_path, "regress"))
    state = read(tmp_path / "results.h5").state
    assert state is not None
    inputs, truth = state["train_inputs"], state["train_truth"]
    assert inputs.shape == (len(truth), 3) and truth.shape == (len(truth), 2) and 1 < len(truth) <= 7
    every, values = dataset.training().table()
    rows = [int(np.flatnonzero((every == point).all(axis=1))[0]) for point in inputs]
    assert len(set(np.diff(rows))) == 1, "evenly strided"
    np.testing.assert_array_equal(truth, values[rows])


def test_the_first_fit_is_announced_to_compile(tmp_path) -> None:
    recorder, heard = new_recorder(tmp_path, "regress"), []
    listener = Listener()
    listener.on_announce = lambda message, done, total: heard.append(message)  # type: ignore[method-assign]
    recorder.subscribe(listener)
    Regress(RegressConfig(), 7).run(FakeDataset(), FakeSurrogate(), recorder)
    assert heard == ["fitting 30 points; the first fit also compiles"]


@pytest.mark.parametrize(
    ("dataset", "model", "told"),
    [
        ({}, {}, None),
        ({"n_train": 3}, {"basis": "hat"}, "hardly determine the noise"),
        ({"n_train": 2}, {}, "hardly determine the noise"),
        ({}, {"length": 1e-3}, "on its own training points"),
        # flat over the whole range, and its prior keeps it at zero
        (
            {},
            {"length": 50.0, "length_unit": "input", "centers": 2, "prior_variance": 1e-6},
            "on its own training points",
        ),
    ],
)
def test_what_the_engine_fits_badly_is_warned_about(tmp_path, dataset: dict, model: dict, told: str | None) -> None:
    Regress(RegressConfig(), 100).run(
        Sine(SineConfig(**dataset), 0), Binn(BinnConfig(**model)), new_recorder(tmp_path, "regress")
    )
    (step,) = read(tmp_path / "results.h5").steps
    assert any(told in warning for warning in step.warnings) if told else step.warnings == ()


def test_a_split_that_the_data_set_lacks_is_left_out(tmp_path) -> None:
    recorder = new_recorder(tmp_path, "regress")
    Regress(RegressConfig(), 100).run(FakeDataset(offgrid=False), FakeSurrogate(), recorder)
    assert recorder.record.splits == ("train", "test")


def test_nothing_is_fitted_twice(tmp_path) -> None:
    recorder = new_recorder(tmp_path, "regress")
    Regress(RegressConfig(), 100).run(FakeDataset(), FakeSurrogate(), recorder)
    model = FakeSurrogate()
    Regress(RegressConfig(), 100).run(FakeDataset(), model, Recorder.reopen(tmp_path))
    assert (model.fits, len(read(tmp_path / "results.h5").steps)) == ([], 1)


def test_seconds_spent_compiling_a_prediction_are_not_counted_as_predicting(tmp_path) -> None:
    recorder, model = new_recorder(tmp_path, "regress"), FakeSurrogate()

    def fit(*arguments: object, **named: object):
        found = FakeSurrogate.fit(model, *arguments, **named)
        found.compile_seconds = 1e-9
        return found

    model.fit = fit  # type: ignore[method-assign]
    Regress(RegressConfig(), 100).run(FakeDataset(), model, recorder)
    (step,) = recorder.record.steps
    np.testing.assert_allclose(step.timings["compile"], 0.25 + 3e-9, rtol=0, atol=1e-12)
    assert step.timings["predict"] > 0


def test_a_random_part_of_the_points_is_learned_from_and_said(tmp_path) -> None:
    dataset = Poisson(PoissonConfig(grid=4, candidates=10, train_cases=3, test_cases=2, offgrid_points=5), 0)
    model = Binn(BinnConfig(modes=2, centers=4, length=1.5, padding=1, stretch=0, sweeps=2))
    Regress(RegressConfig(train_points=50, seed=4), 1000).run(dataset, model, new_recorder(tmp_path, "regress"))
    record = read(tmp_path / "results.h5")
    (step,) = record.steps
    assert step.n_train == 50 and "only 50 of the 192 training points were used (task.train_points)" in step.warnings
    every, values = dataset.training().table()
    assert record.state is not None
    rows = [int(np.flatnonzero((every == point).all(axis=1))[0]) for point in record.state["train_inputs"]]
    assert len(set(rows)) == 50
    np.testing.assert_array_equal(record.state["train_truth"], values[rows])
    assert record.surrogate is not None
    np.testing.assert_allclose(
        record.surrogate["input_span"], 1.0
    )  # of the whole problem, not of the points that were drawn


def test_asking_for_more_points_than_there_are_takes_all(tmp_path) -> None:
    model = FakeSurrogate()
    Regress(RegressConfig(train_points=31), 100).run(FakeDataset(), model, new_recorder(tmp_path, "regress"))
    assert model.fits[0]["data"].n_points == 30
    assert not any("train_points" in warning for warning in read(tmp_path / "results.h5").steps[0].warnings)


def test_no_point_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="task.train_points: must be at least 1"):
        RegressConfig(train_points=0)
