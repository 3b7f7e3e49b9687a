"""The regress task: one fit on the training split, judged on all."""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema import RegressConfig
from binn_cli.metrics import METRICS
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
