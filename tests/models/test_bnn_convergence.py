"""Chains on few points: at the budget `quick` they converge, and their intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.config.compose import validated
from binn_cli.config.store import conf_directory, register
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.results.cautions import LARGEST_R_HAT


def fitted_to_sine(model: str) -> tuple[FittedSurrogate, float]:
    """The model after the 60 points of `sine`, and the share of the 200 noisy test points inside their 95 %
    interval."""
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        settings = validated(compose("config", [f"model={model}", "dataset=sine"]))
    dataset = build.dataset(settings)
    found, test = build.model(settings).fit(dataset.training()), dataset.evaluation()["test"]
    predicted = found.predict(test.axes)
    return found, float(np.mean(np.abs(test.values - predicted.mean) <= 1.96 * predicted.total_std))


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["bnn_nuts", "bnn_hmc"])
def test_chains_converge_and_cover_on_sine(model: str) -> None:
    found, coverage = fitted_to_sine(model)
    kept = found.report.diagnostics
    assert all(kept[f"r_hat_{name}"] <= LARGEST_R_HAT for name in ("function", "log_density", "log_noise"))
    assert kept["ess_function"] > 100 and kept["divergences"] == 0
    assert 0.90 <= coverage <= 0.99
