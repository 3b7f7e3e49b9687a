"""The best inputs, against closed forms; with acquisition=ei a loop finds them in few simulations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import binn_cli
from binn_cli.cli import main
from binn_cli.config.schema import ActiveLearnConfig, OptimizeConfig
from binn_cli.errors import BinnError, ConfigError
from binn_cli.tasks.acquisition import Aim, improvement
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.optimize.objective import Objective
from binn_cli.tasks.questions.optimize.search import Optimum, find_optimum
from binn_cli.tasks.questions.source import Source
from tests.tasks.questions.exact import source_of


def _bowl(table: np.ndarray) -> np.ndarray:
    a, b = table[:, 0], table[:, 1]
    return np.stack([(a - 0.3) ** 2 + 2.0 * (b + 0.2) ** 2, a + b], axis=1)


RANGES = {"a": (-1.0, 1.0), "b": (-1.0, 1.0)}


def _found(source: Source, *, draws: int = 8, **settings: object) -> Optimum:
    config = OptimizeConfig(**settings)  # type: ignore[arg-type]
    objective = Objective.of(config, source)
    return find_optimum(objective, joint_of(source, "task.inputs", objective.names, None), 256, draws, 0)


def test_an_optimum_inside_and_one_on_a_constraint() -> None:
    source = source_of(_bowl, RANGES, ("y", "g"))
    free = _found(source, output="y")
    assert np.allclose(free.inputs, [0.3, -0.2], atol=1e-5) and abs(free.merit) < 1e-9
    bound = _found(source, output="y", constraints=["g >= 0.7"])
    # Lagrange: 2 (a - 0.3) = 4 (b + 0.2) on a + b = 0.7.
    assert np.allclose(bound.inputs, [0.7, 0.0], atol=1e-4) and bound.mean[1] == pytest.approx(0.7, abs=1e-6)
    high = _found(source, output="y", goal="maximize", fixed={"b": 0.0})
    assert high.inputs[0] == pytest.approx(-1.0) and high.mean[0] == pytest.approx(1.69 + 0.08)


def test_a_mean_over_a_field_and_a_target(tmp_path: Path) -> None:
    ranges = {"t": (0.0, 1.0), "a": (-2.0, 2.0)}
    source = source_of(lambda x: ((x[:, 1] - 2.0 * x[:, 0]) ** 2)[:, None], ranges, widths=(1, 1))
    assert _found(source).inputs[0] == pytest.approx(1.0, abs=1e-4)
    line = source_of(lambda x: (x[:, 1] * x[:, 0])[:, None], ranges, widths=(1, 1))
    np.savetxt(tmp_path / "wanted.csv", [[0.5, 0.6], [1.0, 1.2]], delimiter=",", header="t,y", comments="")
    found = _found(line, goal="target", target=str(tmp_path / "wanted.csv"))
    assert found.inputs[0] == pytest.approx(1.2, abs=1e-4) and found.merit < 1e-4


def test_the_place_along_a_constraint_is_as_unsure_as_with_that_input_fixed() -> None:
    source = source_of(_bowl, RANGES, ("y", "g"), std=0.05)
    bound = _found(source, draws=64, output="y", constraints=["b >= 0.4"])
    fixed = _found(source, draws=64, output="y", fixed={"b": 0.4})
    assert bound.inputs == pytest.approx([0.3, 0.4], abs=1e-4) and fixed.inputs[0] == pytest.approx(0.3, abs=1e-4)
    assert len(np.unique(bound.places, axis=0)) > 32
    assert bound.places[:, 0].std() == pytest.approx(fixed.places[:, 0].std(), rel=0.5)


def test_an_uncertain_surrogate_is_unsure_of_the_place_in_proportion() -> None:
    wide, narrow = (
        _found(source_of(_bowl, RANGES, ("y", "g"), std=std), draws=48, output="y") for std in (0.05, 0.0005)
    )
    assert wide.std[0] == pytest.approx(0.05, rel=0.4)
    assert 0.01 < wide.places[:, 0].std() < 0.5 and narrow.places[:, 0].std() < 0.2 * wide.places[:, 0].std()
    low, high = np.quantile(wide.places[:, 0], (0.025, 0.975))
    assert low < 0.3 < high


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"output": "y", "constraints": ["g >= 1", "g <= 0"]}, "contradict each other"),
        ({"output": "y", "constraints": ["g >= 5"]}, "no inputs within the ranges fulfil"),
        ({"output": "y", "constraints": ["g"]}, "is no comparison"),
        ({"output": "y", "constraints": ["h <= 1"]}, "neither an output nor an input"),
        ({"output": "q"}, "'q' is no output"),
        ({}, "name the output that is to be best"),
        ({"output": "y", "fixed": {"a": 7.0}}, "outside its range"),
        ({"output": "y", "fixed": {"a": 0.0}, "inputs": ["a"]}, "cannot be chosen too"),
    ],
)
def test_what_cannot_be_best(settings: dict, told: str) -> None:
    with pytest.raises(BinnError, match=told):
        _found(source_of(_bowl, RANGES, ("y", "g")), **settings)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("task.output=w", "task.output: 'w' is no output of"),
        ("task.output=y task.inputs=[KK]", 'did you mean "k"?'),
        ("task.output=y task.fixed={q:1}", "task.fixed: 'q' is no input"),
        ("task.output=y task.constraints=['zz<1']", 'zz is neither an output nor an input; did you mean "z"?'),
    ],
)
def test_a_misspelt_name_is_refused_before_anything_is_written(
    options: str, told: str, a_run: Path, nothing_computed: Path, capsys: pytest.CaptureFixture
) -> None:
    command = f"run task=optimize task.run={a_run} output.root={nothing_computed} {options}"
    assert main(command.split()) == 1
    assert told in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_target_belongs_to_its_goal() -> None:
    with pytest.raises(ConfigError, match="belongs to task.goal=target"):
        OptimizeConfig(target=1.0)


def test_the_command_says_place_and_value(a_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["task.output=z", 'task.constraints=["k >= 0.25","y >= 0.2"]', "task.fixed={x: 0.5}", "task.points=256"]
    assert main([*f"run task=optimize task.run={a_run} output.root={tmp_path} task.draws=8".split(), *options]) == 0
    path = Path(capsys.readouterr().out.strip().splitlines()[-1])
    found = binn_cli.load(path).optimum
    assert np.allclose(found["inputs"].sel(input=["k", "P"]), [0.4, 0.0], atol=5e-3)
    assert np.allclose(found["mean"].sel(output=["y", "z"]), [0.2, 0.4], atol=5e-3)
    assert found["std"].sel(output="z") >= 0.0 and (path.parent / "optimum.png").stat().st_size > 5000
    assert main(["show", str(path)]) == 0
    assert "at the optimum" in capsys.readouterr().out


@pytest.mark.thorough
@pytest.mark.parametrize("batch", [1, 3])
def test_active_learning_finds_the_best_case_of_a_pool(batch: int, tmp_path: Path) -> None:
    a, b = np.meshgrid(np.linspace(-1.0, 1.0, 15), np.linspace(-1.0, 1.0, 15))
    y = (a - 0.3) ** 2 + 2.0 * (b + 0.15) ** 2
    rows = np.stack([a.ravel(), b.ravel(), y.ravel(), -y.ravel()], axis=1)
    np.savetxt(tmp_path / "pool.csv", rows, delimiter=",", header="a,b,y,w", comments="")
    command = (
        f"run task=active_learn task.acquisition=ei dataset=table dataset.path={tmp_path / 'pool.csv'} "
        f"dataset.outputs=[y,w] task.initial=8 task.rounds={6 // batch} task.batch={batch} output.figures=false "
        f"model.decomposition=limit output.root={tmp_path} task.output=w task.goal=maximize"
    )
    assert main(command.split()) == 0
    run = binn_cli.load(next(tmp_path.glob("*active_learn*")))
    steps = run.steps
    taken = np.stack([steps["acquired_a"].values.ravel(), steps["acquired_b"].values.ravel()], axis=1)
    taken = taken[np.isfinite(taken).all(axis=1)]
    assert len({tuple(row) for row in taken.round(9).tolist()}) == 6
    best = np.min((taken[:, 0] - 0.3) ** 2 + 2.0 * (taken[:, 1] + 0.15) ** 2)
    assert best <= np.sort(y.ravel())[4]


def test_an_aim_needs_an_output_that_there_is() -> None:
    with pytest.raises(ConfigError, match="name the output that is to become better"):
        Aim.of(ActiveLearnConfig(acquisition="ei"), ("y", "w"))
    with pytest.raises(ConfigError, match="'v' is no output"):
        Aim.of(ActiveLearnConfig(acquisition="ei", output="v"), ("y", "w"))
    with pytest.raises(ConfigError, match="belongs to task.acquisition=ei"):
        ActiveLearnConfig(output="y")


def test_expected_improvement_is_the_mean_of_what_is_gained() -> None:
    mean, std = np.array([0.0, 1.0, -0.5, 0.2]), np.array([1.0, 0.3, 2.0, 0.0])
    draws = np.random.default_rng(0).standard_normal(400_000)
    known = [np.mean(np.maximum(0.4 - (m + s * draws), 0.0)) for m, s in zip(mean, std, strict=True)]
    assert np.allclose(improvement(mean, std, 0.4), known, atol=5e-3)
