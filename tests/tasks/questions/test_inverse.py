"""The posterior of unknown inputs, against closed forms; the command from a table to its answer."""

from __future__ import annotations

from pathlib import Path

import arviz
import numpy as np
import pytest
import xarray

import binn_cli
from binn_cli.cli import main
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.inverse.inference import infer
from binn_cli.tasks.questions.inverse.observations import Observations
from tests.tasks.questions.exact import source_of

WIDE = {"x": (0.0, 1.0), "a": (-50.0, 50.0), "b": (-50.0, 50.0)}


def _line(table: np.ndarray) -> np.ndarray:
    return table[:, [1]] + table[:, [2]] * table[:, [0]]


@pytest.mark.parametrize("method", ["laplace", pytest.param("nuts", marks=pytest.mark.thorough)])
def test_a_straight_line_has_the_posterior_of_least_squares(method: str) -> None:
    random = np.random.default_rng(3)
    x = np.linspace(0.0, 1.0, 12)
    y = 2.0 - 3.0 * x + 0.5 * random.standard_normal(12)
    source = source_of(_line, WIDE)
    observed = Observations("0", ("x",), x[:, None], (0,), y[:, None])
    prior = joint_of(source, "task.prior", ["a", "b"], None)
    found = infer(
        source, observed, prior, noise_std=0.5, method=method, draws=1000 if method == "laplace" else 300, seed=1
    )
    design = np.stack([np.ones(12), x], axis=1)
    covariance = 0.25 * np.linalg.inv(design.T @ design)
    mean = covariance @ design.T @ y / 0.25
    std = np.sqrt(np.diag(covariance))
    assert np.allclose(found.mean, mean, atol=0.1 * std.max())
    assert np.allclose(found.std, std, rtol=0.1)
    assert np.allclose(found.interval, mean[:, None] + std[:, None] * [-1.96, 1.96], atol=0.2 * std.max())
    assert found.correlation[0, 1] == pytest.approx(covariance[0, 1] / std.prod(), abs=0.05)
    assert found.by == method and np.all(found.r_hat < 1.02) and np.all(found.ess > 400)
    assert found.warnings == ()


def test_the_error_of_the_surrogate_widens_the_posterior_as_a_common_shift_would() -> None:
    source = source_of(lambda t: t[:, [1]] + 0.0 * t[:, [0]], {"x": (0.0, 1e9), "a": (-5.0, 5.0)}, std=0.3)
    observed = Observations("0", ("x",), np.arange(10.0)[:, None], (0,), np.full((10, 1), 1.0))
    prior = joint_of(source, "task.prior", ["a"], None)
    found = infer(source, observed, prior, noise_std=0.1)
    # All points are next to each other in the range of x, so that the error is the same at all of them.
    assert found.std[0] == pytest.approx(np.sqrt(0.3**2 + 0.1**2 / 10), rel=0.08)


def test_noise_is_learned_and_two_maxima_are_told() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0.0, 1.0, 40)
    y = 4.0 * x + 0.2 * random.standard_normal(40)
    source = source_of(lambda t: t[:, [1]] ** 2 * t[:, [0]], {"x": (0.0, 1.0), "a": (-3.0, 3.0)})
    observed = Observations("0", ("x",), x[:, None], (0,), y[:, None])
    found = infer(source, observed, joint_of(source, "task.prior", ["a"], None))
    assert np.allclose(np.sort(found.maxima[:, 0]), [-2.0, 2.0], atol=0.1)
    assert np.allclose(found.shares, 0.5, atol=0.1) and found.r_hat[0] < 1.02
    assert np.quantile(found.noise[1], 0.5) == pytest.approx(0.2, rel=0.3)
    assert any("2 maxima" in warning for warning in found.warnings)


def test_observations_without_noise_find_the_unknown_to_seven_digits() -> None:
    x = np.linspace(0.0, 1.0, 20)
    source = source_of(lambda t: np.exp(t[:, [1]] * t[:, [0]]), {"x": (0.0, 1.0), "a": (-3.0, 3.0)})
    observed = Observations("0", ("x",), x[:, None], (0,), np.exp(1.7 * x)[:, None])
    found = infer(source, observed, joint_of(source, "task.prior", ["a"], None))
    assert found.mode[0] == pytest.approx(1.7, rel=1e-7)
    assert found.by == "laplace" and found.std[0] < 1e-5 and found.ess[0] > 500


def test_a_ridge_is_explored_and_what_is_not_known_is_said() -> None:
    source = source_of(lambda t: t[:, [0]] ** 2 + t[:, [1]] ** 2, {"a": (-2.0, 2.0), "b": (-2.0, 2.0)})
    observed = Observations("0", (), np.zeros((1, 0)), (0,), np.ones((1, 1)))
    found = infer(source, observed, joint_of(source, "task.prior", ["a", "b"], None), noise_std=0.02)
    radius = np.hypot(found.draws[..., 0], found.draws[..., 1])
    assert found.by == "tempered" and np.allclose(radius, 1.0, atol=0.1)
    assert np.all(np.abs(found.mean) < 0.25) and np.all(found.std > 0.5)
    assert any(warning.startswith("fewer observations (1) than unknowns (2)") for warning in found.warnings)


def test_distributions_other_than_uniform_are_the_prior_where_nothing_was_learned() -> None:
    source = source_of(lambda t: 0.0 * t[:, [0]], {"a": (0.0, 10.0)})
    prior = joint_of(source, "task.prior", ["a"], {"a": {"name": "normal", "mean": 4.0, "std": 0.5}})
    observed = Observations("0", (), np.zeros((1, 0)), (0,), np.zeros((1, 1)))
    found = infer(source, observed, prior, noise_std=1.0)
    assert found.mean[0] == pytest.approx(4.0, abs=0.05) and found.std[0] == pytest.approx(0.5, rel=0.06)
    assert any("next to nothing of a" in warning for warning in found.warnings)


def _observations(path: Path, header: str, rows: np.ndarray) -> None:
    np.savetxt(path, rows, delimiter=",", header=header, comments="")


def test_the_command_answers_by_name(a_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    x = np.linspace(0.1, 0.9, 6)
    _observations(tmp_path / "obs.csv", "x,y,z", np.stack([x, 0.7 * x, np.full(6, 0.7 + 0.4)], axis=1))
    command = f"run task=inverse task.run={a_run} task.observations={tmp_path / 'obs.csv'} task.unknown=[k,P]"
    assert main([*command.split(), "task.noise_std=0.001", f"output.root={tmp_path / 'asked'}", "task.draws=200"]) == 0
    path = Path(capsys.readouterr().out.strip().splitlines()[-1])
    run = binn_cli.load(path)
    assert (run.task, run.dataset, run.model) == ("inverse", "table", "binn")
    estimate = run.estimate
    assert np.allclose(estimate["mean"].sel(unknown=["k", "P"]), [0.7, 0.4], atol=0.01)
    low, high = estimate["interval_95"].sel(unknown="k").values
    assert low < 0.7 < high and high - low < 0.02
    with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
        assert dict(posterior.sizes) == {"chain": 4, "draw": 200}
        summary = arviz.summary(arviz.InferenceData(posterior=posterior.load()))
    assert summary.loc["k", "mean"] == pytest.approx(0.7, abs=0.01)
    assert (path.parent / "posterior.png").stat().st_size > 5000
    assert main(["show", str(path)]) == 0
    assert "unknown" in (shown := capsys.readouterr().out) and "0.70" in shown


@pytest.mark.parametrize(
    ("header", "rows", "options", "told"),
    [
        ("x,y", [[5.0, 1.0]], "task.unknown=[k,P]", "line 2: x is 5, outside the training range 0 to 1"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[kk]", "'kk' is no input of the run: x, k, P; did you mean \"k\"?"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.noise_std={q:1}", "task.noise_std: 'q' is no output"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.prior={q:{name:uniform}}", "task.prior: 'q' is no input"),
        ("y,z", [[0.5, 1.0]], "task.unknown=[k,P]", "there is no column x"),
        ("x,w", [[0.5, 1.0]], "task.unknown=[k,P]", "has no column for an output"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.outputs=[u]", "'u' is no output"),
        ("x,y", [[0.5, 1.0]], "", "task.unknown: name the inputs to find"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.run=nowhere", "task.run: there is no nowhere"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.prior={k:{name:normal,mean:9,std:0.1}}", "has no probability"),
        ("x,y", [[0.5, 1.0]], "task.unknown=[k,P] task.observations=none.csv", "none.csv"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence(
    header: str, rows: list, options: str, told: str, a_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture,
    nothing_computed: Path,
) -> None:  # fmt: skip
    _observations(tmp_path / "obs.csv", header, np.array(rows))
    command = f"run task=inverse task.run={a_run} task.observations={tmp_path / 'obs.csv'}"
    assert main([*command.split(), f"output.root={nothing_computed}", *options.split()]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1].replace(str(a_run), "the run")
    assert told in said and "Traceback" not in said
