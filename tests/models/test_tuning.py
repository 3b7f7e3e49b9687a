"""Hyperparameters by the evidence: what is stated for them does not matter, and what is chosen has the highest evidence of those tried."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.chidenn import Patch
from binn_cli.models.binn.counts import candidates, choose_count
from binn_cli.models.binn.model import Binn
from binn_cli.models.compilation import Stopwatch
from tests.models.problems import new_points, problem, smooth


def _rmse(data, config: BinnConfig) -> tuple[float, dict]:
    fitted = Binn(config).fit(data)
    new = new_points(data)
    error = fitted.predict([new]).mean[:, 0] - smooth(new.points)
    return float(np.sqrt(np.mean(error**2))), dict(fitted.report.diagnostics)


@pytest.mark.thorough
def test_stated_values_do_not_matter_and_would_have() -> None:
    data = problem("grid", noise=1e-3)
    stated: list[dict[str, object]] = [
        {"length": 30.0, "centers": 9, "modes": 1},
        {"length": 0.2, "centers": 9, "modes": 6, "padding": 0},
    ]
    with_tuning = [_rmse(data, BinnConfig(tune=True, **s)) for s in stated]
    without = [_rmse(data, BinnConfig(**s))[0] for s in stated]
    assert with_tuning[0][0] == with_tuning[1][0]
    assert min(without) > 5 * with_tuning[0][0]
    found = with_tuning[0][1]
    assert int(found["modes"]) == found["evidence_modes"][np.argmax(found["evidence_modes"][:, 1]), 0]
    for name in data.inputs:
        trace = found[f"evidence_{name}"]
        best = trace[np.argmax(trace[:, 2]), 1]
        assert abs(np.log(found["length_scales"][data.inputs.index(name)] / best)) < np.log(1.25)


def test_one_product_needs_one_mode() -> None:
    data = problem("grid")
    rng = np.random.default_rng(0)
    single = np.sin(1 + data.table()[0] / np.array([1.0, 1.0, 0.04])).prod(axis=1)
    noisy = (single + 1e-2 * rng.standard_normal(len(single))).reshape(data.values.shape)
    fitted = Binn(BinnConfig(tune=True, decomposition="cp")).fit(type(data)(data.axes, noisy, data.outputs))
    assert int(fitted.report.diagnostics["modes"]) == 1
    assert len(fitted.report.diagnostics["evidence_modes"]) > 1


@pytest.mark.parametrize("kind", ["hat", "bspline", "chidenn"])
def test_a_straight_line_needs_few_centres_and_a_wave_more(kind: str) -> None:
    s = np.linspace(0, 1, 40)
    rng = np.random.default_rng(1)
    chosen = []
    for values in (1 + s, np.sin(15 * s)):
        columns = (values + 0.01 * rng.standard_normal(40))[:, None]
        count, trace = choose_count(kind, Patch(), np.ones((40, 40)), s, columns, Stopwatch())
        assert count == trace[np.argmax(trace[:, 1]), 0]
        chosen.append(count)
    assert chosen[0] <= 4 and 6 <= chosen[1] <= 40


def test_there_are_no_more_centres_than_values() -> None:
    assert candidates(1) == [2] and candidates(10)[-1] == 10 and candidates(1000)[-1] == 64


def test_tuned_centres_are_used_and_kept() -> None:
    data = problem("grid", noise=1e-2)
    fitted = Binn(BinnConfig(tune=True, basis="bspline", centers=3)).fit(data)
    trace = fitted.report.diagnostics["evidence_centers_x"]
    assert fitted.dimensions[0].weights.shape[2] == trace[np.argmax(trace[:, 1]), 0] + 2
