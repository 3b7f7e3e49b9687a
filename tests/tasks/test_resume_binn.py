"""Resuming with the real engine: a warm start from the file is as good as one from memory."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import ActiveLearnConfig, BinnConfig, PoissonConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.models.binn.surrogate import Binn
from binn_cli.results.record import RunRecord
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks.active_learn import ActiveLearn
from tests.tasks.fakes import new_recorder


class Stopping(Poisson):
    """Is interrupted when the second chosen case is to be labelled."""

    calls = 0

    def label(self, cases, announce=None):
        self.calls += len(cases) == 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().label(cases)


def learn(dataset: Poisson, recorder: Recorder) -> RunRecord:
    model = Binn(BinnConfig(modes=2, centers=5, length=1.5, padding=1, stretch=0, sweeps=8, prior_mean="start"))
    ActiveLearn(ActiveLearnConfig(rounds=3), 500).run(dataset, model, recorder)
    return read(recorder.path)


def test_a_resumed_run_ends_like_one_that_was_not_interrupted(tmp_path) -> None:
    config = PoissonConfig(grid=6, candidates=9, train_cases=4, initial_cases=2, test_cases=2, offgrid_points=50)
    whole = learn(Poisson(config, 0), new_recorder(tmp_path / "whole", "active_learn"))
    recorder = new_recorder(tmp_path / "stopped", "active_learn")
    with pytest.raises(KeyboardInterrupt):
        learn(Stopping(config, 0), recorder)
    assert len(recorder.record.steps) == 2
    resumed = learn(Poisson(config, 0), Recorder.reopen(tmp_path / "stopped"))
    assert len(resumed.steps) == len(whole.steps) == 4
    for mine, other in zip(resumed.steps, whole.steps, strict=True):
        assert mine.acquired == other.acquired
        for split in ("train", "test", "offgrid"):
            for name in ("rmse", "nlpd", "sharpness"):
                np.testing.assert_allclose(
                    mine.metrics[split][name], other.metrics[split][name], rtol=1e-6, err_msg=f"{split} {name}"
                )
    assert resumed.predictions is not None and whole.predictions is not None
    np.testing.assert_allclose(resumed.predictions.mean, whole.predictions.mean, rtol=0, atol=1e-9)
    assert resumed.surrogate is not None and whole.surrogate is not None
    np.testing.assert_allclose(*(tree.surrogate["outputs"]["000"]["noise"] for tree in (resumed, whole)), rtol=1e-6)
