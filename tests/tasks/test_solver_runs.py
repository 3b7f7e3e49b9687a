"""Active learning on a solver: what fails, what is known, what is kept, and when it stops; with a surrogate that needs
no engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from binn_cli.config.schema import ActiveLearnConfig, SimulatorConfig
from binn_cli.config.schema.tasks import StopConfig
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import ConfigError, DataError
from binn_cli.results.calls import COMPLETE, FAILED, KNOWN, NO_ROUND, PENDING, SIMULATED, STORED
from binn_cli.results.recorder import Recorder
from binn_cli.results.store import read
from binn_cli.tasks.active_learn import ActiveLearn
from tests.tasks.fakes import FakeSurrogate, new_recorder

SOLVER = """
import os
import numpy as np
X = np.linspace(0.0, 1.0, 5)
def u(k, P):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{k!r} {P!r}\\n")
    if k * P > float(os.environ.get("LIMIT", "inf")):
        raise ValueError("too much")
    return {"x": X, "u": k + X * P / 100}
"""
LIST = {"k": 4, "P": 3}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "solver.py").write_text(SOLVER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    (tmp_path / "notes").touch()
    return tmp_path


def a_solver(**leaves: Any) -> Simulator:
    chosen = {
        "parameters": {"k": [1, 4], "P": [100, 200]},
        "outputs": ["u"],
        "callable": "solver:u",
        "initial_cases": 4,
        **leaves,
    }
    return Simulator(SimulatorConfig(**chosen), 0)


def learn(directory: Path, dataset: Simulator, **settings: Any):
    model, recorder = FakeSurrogate(), new_recorder(directory, "active_learn")
    ActiveLearn(ActiveLearnConfig(**{"rounds": 3, "acquisition": "maximin", **settings}), 1000).run(
        dataset, model, recorder
    )
    return model, read(recorder.path)


def asked() -> list[str]:
    return Path("notes").read_text().splitlines()


def test_cases_in_the_ranges_are_learned_and_kept(project: Path) -> None:
    _, record = learn(project / "run", a_solver(), batch=2)
    assert [step.n_train for step in record.steps] == [20, 30, 40, 50] and len(asked()) == 10
    assert [call.round for call in record.calls.each] == [0] * 4 + [1, 1, 2, 2, 3, 3]
    assert {(call.status, call.source) for call in record.calls.each} == {(COMPLETE, SIMULATED)}
    points = np.array([call.parameters for call in record.calls.each])
    assert np.all((points >= [1, 100]) & (points <= [4, 200]))
    np.testing.assert_array_equal(points[4:], record.state["acquired"])
    assert record.splits == ("train", "ahead") and "ahead" not in record.steps[0].metrics
    assert record.predictions.inputs.shape == (10, 3)  # the last two cases, as they were predicted before
    expected = record.steps[2].diagnostics
    assert expected["predicted_rmse"].shape == (1,) and expected["surprise"].shape == (2,)
    # The same again costs nothing.
    _, again = learn(project / "again", a_solver(), batch=2)
    assert len(asked()) == 10 and {call.source for call in again.calls.each} == {STORED}
    np.testing.assert_array_equal(again.series("ahead", "rmse"), record.series("ahead", "rmse"))


def test_failures_are_listed_and_the_others_are_learned(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT", "420")
    _, record = learn(project / "run", a_solver(candidates=LIST), batch=2, initial=6, rounds=10)
    failed = [call for call in record.calls.each if call.status == FAILED]
    assert len(record.calls.each) == 12 and failed and all(np.prod(call.parameters) > 420 for call in failed)
    assert {call.reason for call in failed} == {"raised ValueError: too much"}
    assert record.steps[-1].n_train == 5 * (12 - len(failed))
    assert len(set(asked())) == len(asked()) == 12
    assert any("failed" in warning for step in record.steps for warning in step.warnings)


def test_nothing_but_failures_ends_the_run_with_the_first_reason(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMIT", "0")
    with pytest.raises(
        DataError,
        match="none of the 4 calls of the solver gave a result; the first reason: raised ValueError: too much",
    ):
        learn(project / "run", a_solver())
    assert [call.status for call in read(project / "run" / "results.h5").calls.each] == [FAILED] * 4


def test_known_results_take_the_place_of_the_design(project: Path) -> None:
    rows = [f"2,{P},{x},{2 + x * P / 100}\n" for P in (100, 150) for x in np.linspace(0, 1, 5)]
    (project / "known.csv").write_text("".join(["k,P,x,u\n", *rows]))
    _, record = learn(project / "run", a_solver(known="known.csv"), rounds=1)
    assert len(asked()) == 3
    assert [(call.source, call.round) for call in record.calls.each][:2] == [(KNOWN, NO_ROUND)] * 2


def test_without_a_solver_a_run_says_what_is_pending(project: Path) -> None:
    model, record = learn(project / "run", a_solver(callable=""))
    assert (record.steps, model.fits) == ((), [])
    assert [(call.status, call.round) for call in record.calls.each] == [(PENDING, 0)] * 4


@pytest.mark.parametrize(
    "stop", [1, pytest.param(4, marks=pytest.mark.thorough), 5, pytest.param(8, marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("candidates", [None, LIST], ids=["ranges", "list"])
def test_an_interrupted_run_ends_like_one_that_was_not(
    project: Path, monkeypatch: pytest.MonkeyPatch, stop: int, candidates: object
) -> None:
    settings = {"batch": 2, "acquisition": "maximin"}
    _, whole = learn(project / "whole", a_solver(candidates=candidates), **settings)
    (project / "notes").write_text("")
    dataset = a_solver(candidates=candidates, store="other")
    answered = dataset._caller.called

    def interrupted(cases: Any, announce: Any) -> Any:
        if len(asked()) + len(cases) > stop:
            raise KeyboardInterrupt
        return answered(cases, announce)

    monkeypatch.setattr(dataset._caller, "called", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn(project / "stopped", dataset, **settings)
    resumed = a_solver(candidates=candidates, store="other")
    ActiveLearn(ActiveLearnConfig(rounds=3, **settings), 1000).run(
        resumed, FakeSurrogate(), Recorder.reopen(project / "stopped")
    )
    record = read(project / "stopped" / "results.h5")
    assert len(asked()) == 10
    np.testing.assert_array_equal(record.state["acquired"], whole.state["acquired"])
    assert [(call.parameters, call.round, call.status) for call in record.calls.each] == [
        (call.parameters, call.round, call.status) for call in whole.calls.each
    ]
    for split in ("train", "ahead"):
        np.testing.assert_array_equal(record.series(split, "rmse"), whole.series(split, "rmse"))


@pytest.mark.parametrize(
    ("stop", "rounds", "said"),
    [
        (
            {"rmse": 10.0},
            0,
            r"stopped after round 0: the predicted RMSE, .*, is within task.stop.rmse=10; 6 simulations were saved",
        ),
        ({"rel_rmse": 5.0}, 0, "the predicted relative RMSE, .*, is within task.stop.rel_rmse=5"),
        (
            {"metric": "rmse", "split": "ahead", "value": 100.0},
            1,
            "rmse on the split ahead, .*, has reached task.stop.value=100; 4 sim",
        ),
        ({"metric": "r2", "split": "train", "value": -100.0}, 0, "r2 on the split train"),
        (
            {"calls": 7},
            2,
            "after round 2: 7 cases have been asked for, as many as task.stop.calls allows; 2 simulations were saved",
        ),
        ({"seconds": 1e-3}, 0, "s have passed, and task.stop.seconds=0.001"),
        ({"rmse": 1e-9, "calls": 100, "seconds": 1e6}, 3, ""),
    ],
)
def test_rules_to_stop(project: Path, stop: dict[str, Any], rounds: int, said: str) -> None:
    import re

    _, record = learn(project / "run", a_solver(), batch=2, stop=StopConfig(**stop))
    assert len(record.steps) == rounds + 1
    assert re.search(said, record.conclusion) if said else record.conclusion == ""
    if "calls" in stop and said:
        assert len(record.calls.each) == stop["calls"]


def test_a_surrogate_that_has_not_been_put_to_the_test_must_be_surer(project: Path) -> None:
    _, record = learn(project / "run", a_solver(), stop=StopConfig(rmse=1e-9))
    first = float(record.steps[0].diagnostics["predicted_rmse"][0])
    for share, rounds in ((1.2, 3), (3.1, 0)):
        _, again = learn(project / f"run{share}", a_solver(), rounds=3, stop=StopConfig(rmse=share * first))
        assert (len(again.steps) - 1 == 0) == (rounds == 0)


def test_a_stopped_run_has_nothing_left_to_do(project: Path) -> None:
    stop = StopConfig(calls=6)
    learn(project / "run", a_solver(), batch=2, stop=stop)
    dataset, model = a_solver(), FakeSurrogate()
    ActiveLearn(ActiveLearnConfig(rounds=3, batch=2, stop=stop, acquisition="maximin"), 1000).run(
        dataset, model, Recorder.reopen(project / "run")
    )
    assert model.fits == [] and len(read(project / "run" / "results.h5").steps) == 2


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ({"rmse": 0.0}, "task.stop.rmse: must be greater than 0"),
        ({"calls": 0}, "task.stop.calls: must be at least 1"),
        ({"metric": "rmse"}, "task.stop.value: is missing"),
        ({"metric": "rsme", "value": 1.0}, 'did you mean "rmse"'),
    ],
)
def test_rules_that_cannot_be(stop: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StopConfig(**stop)


def test_fewer_calls_than_initial_cases(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"task.stop.calls: must be at least 4, the cases to begin with, not 3"):
        learn(project / "run", a_solver(), stop=StopConfig(calls=3))
    assert asked() == []


def test_constraints_and_levels_hold_for_every_case(project: Path) -> None:
    dataset = a_solver(parameters={"k": {"integer": [1, 4]}, "P": [100, 200]}, constraints=["k * P < 450"])
    _, record = learn(project / "run", dataset, batch=3, acquisition="maximin")
    points = np.array([call.parameters for call in record.calls.each])
    assert np.all(points.prod(axis=1) < 450) and np.array_equal(points[:, 0], points[:, 0].round())
    assert len(np.unique(points.round(6), axis=0)) == len(points) == 13


def test_a_command_is_called_as_well(project: Path) -> None:
    program = (
        "import sys\nk, P = map(float, sys.argv[1:3])\nopen('u.csv', 'w').write(f'x,u\\n0,{k}\\n1,{k + P / 100}\\n')\n"
    )
    (project / "program.py").write_text(program)
    dataset = a_solver(callable="", command=f"{sys.executable} program.py {{k}} {{P}}", output="u.csv", at_once=2)
    _, record = learn(project / "run", dataset)
    assert record.calls.count(COMPLETE) == 7 and record.steps[-1].n_train == 14
