"""Which cases a solver is asked for, what is known before, and answers that somebody else has."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from binn_cli.config.schema import HeatConfig, SimulatorConfig
from binn_cli.datasets.calls import COMPLETE, FAILED, KNOWN, NO_ROUND, PENDING, TOLD
from binn_cli.datasets.dataset import AsksSolver
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.simulator.answers import read_answers
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import ConfigError, DataError

Build = Callable[..., Simulator]
EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "heat.py"
SOURCES = [[a, b] for a in np.linspace(0.1, 0.9, 4) for b in np.linspace(0.1, 0.9, 4)]


@pytest.mark.thorough
def test_heat_as_an_external_program_has_the_same_cases_and_values(project: Path) -> None:
    built_in = Heat(
        HeatConfig(
            grid=5,
            cells=4,
            times=3,
            substeps=2,
            candidates=[3, 3],
            train_cases=4,
            test_cases=2,
            offgrid_points=0,
            source_centers=SOURCES,
            cache="",
        ),
        4,
    )
    command = f"{sys.executable} {EXAMPLE} --k {{k}} --P {{P}} --cells 4 --times 3 --substeps 2 --out {{output}}"
    leaves = {"parameters": {"k": [1, 4], "P": [100, 200]}, "outputs": ["u"], "axes": ["x", "y", "t"]}
    for output in ("field.csv", "field.npz"):
        config = SimulatorConfig(
            command=command,
            output=output,
            candidates={"k": 3, "P": 3},
            test_cases=2,
            initial_cases=4,
            at_once=2,
            **leaves,
        )
        external = Simulator(config, seed=4)
        np.testing.assert_array_equal(external.candidates.points, built_in.candidates.points)
        assert external.held_out == built_in.held_out and np.array_equal(external.order, built_in.order)
        rows = external.begin_with(4)
        assert rows == tuple(built_in.order[:4])
        for ours, theirs in (
            (external.label(rows), built_in.label(rows)),
            (external.evaluation()["test"], built_in.evaluation()["test"]),
        ):
            for one, other in zip(ours.axes, theirs.axes, strict=True):
                np.testing.assert_allclose(one.points, other.points, rtol=1e-15)
            np.testing.assert_allclose(ours.values, theirs.values, rtol=0, atol=1e-12 * np.abs(theirs.values).max())


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ({"k": 3, "P": [100, 150]}, [[1, 100], [1, 150], [2.5, 100], [2.5, 150], [4, 100], [4, 150]]),
        ([[1, 100], {"P": 120, "k": 2}], [[1, 100], [2, 120]]),
        ("cases.csv", [[1.5, 110], [2, 120]]),
    ],
)
def test_lists_of_candidates(project: Path, simulator: Build, candidates: object, expected: list[list[float]]) -> None:
    (project / "cases.csv").write_text("P,name,k\n110,a,1.5\n120,b,2\n")
    dataset = simulator(callable="functions:number", candidates=candidates)
    assert dataset.is_finite and dataset.candidates.points.tolist() == expected
    assert isinstance(dataset, AsksSolver)


def test_a_number_of_candidates_is_spread_over_the_ranges(simulator: Build) -> None:
    points = simulator(callable="functions:number", candidates=64, constraints=["k * P < 500"]).candidates.points
    assert points.shape == (64, 2) and np.all(points.prod(axis=1) < 500)


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ({"k": 3}, "says nothing of 'P'"),
        ({"q": 3, "k": 1, "P": 2}, "names 'q', which is no parameter"),
        ([[1, 2]], "case 1: 'P' is 2, outside its range"),
        ([[1]], "case 1 must have a value for each of k, P"),
        (1, "at least 2"),
        ("absent.csv", "no such file"),
        (3.5, "must be null"),
        ({"k": 2000, "P": 2000}, "4,000,000 combinations"),
        ([[1, 100]], "leaves 1 of 1 cases"),
    ],
)
def test_lists_that_cannot_be_used(simulator: Build, candidates: object, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        simulator(callable="functions:number", candidates=candidates)


def test_in_the_ranges_there_is_a_design_and_whatever_is_added(simulator: Build) -> None:
    dataset = simulator(callable="functions:number", test_cases=3)
    assert not dataset.is_finite and dataset.initial_cases == 6 and dataset.held_out == (0, 1, 2)
    assert dataset.order.tolist() == list(range(3, 9)) == list(dataset.begin_with(6))
    added = dataset.admitted(np.array([[1.25, 125.0], dataset.candidates.points[4]]))
    assert added == (9, 4) and dataset.candidates.size == 10
    data = dataset.answered(added, number=3)
    np.testing.assert_allclose(data.values[:, 0], data.axes[-1].points.prod(axis=1))
    assert [call.round for call in dataset.calls.each] == [3, 3]
    heard: list[tuple[str, int, int]] = []
    assert dataset.evaluation(lambda *said: heard.append(said))["test"].axes[-1].size == 3
    assert {said for said, *_ in heard} == {"test cases: calling the solver"} and heard[-1][1:] == (3, 3)
    assert dataset.stated_ranges(("x", "P", "k"))[1:].tolist() == [[100, 200], [1, 4]]


def test_where_there_are_only_some_cases_all_are_candidates(simulator: Build) -> None:
    some = {"n": {"integer": [1, 3]}, "m": {"choice": ["a", "b"]}}
    dataset = simulator(parameters=some, constraints=["n < 3 or m == 'a'"])
    assert dataset.is_finite and dataset.candidates.size == 5 == dataset.initial_cases
    assert not simulator(parameters={**some, "N": {"integer": [1, 9999]}}).is_finite


@pytest.mark.parametrize("design", ["sobol", "latin_hypercube", "random"])
def test_designs_among_listed_candidates(simulator: Build, design: str) -> None:
    dataset = simulator(callable="functions:number", candidates={"k": 6, "P": 6}, design=design, test_cases=5)
    rows = dataset.begin_with(9)
    assert len(set(rows)) == 9 and not set(rows) & set(dataset.held_out)
    with pytest.raises(ConfigError, match="31 candidates are left"):
        dataset.begin_with(32)


def test_known_results_come_first_and_are_not_computed(project: Path, simulator: Build) -> None:
    (project / "known.csv").write_text("k,P,u,status\n2,150,-1,\n3,120,,failed\n1,199,-2,complete\n")
    dataset = simulator(callable="functions:number", known="known.csv")
    rows = dataset.begin_with(5)
    data = dataset.answered(rows, number=0)
    assert data.values[:2, 0].tolist() == [-1, -2] and data.axes[-1].size == 5
    by_source = {(call.source, call.status): call for call in dataset.calls.each}
    assert by_source[KNOWN, FAILED].parameters == (3.0, 120.0) and by_source[KNOWN, COMPLETE].round == NO_ROUND
    assert sum(call.source == KNOWN for call in dataset.calls.each) == 3 and len(dataset.calls.each) == 6
    assert set(dataset.identity()) == {"dataset.known", "dataset.solver"}
    assert dataset.training().axes[-1].size == 2


def test_known_fields_in_one_table_or_in_files(project: Path, simulator: Build) -> None:
    lines = [f"{k},{P},{x},{k * x + P}" for k, P in ((1, 100), (2, 150)) for x in (0, 0.5, 1)]
    (project / "long.csv").write_text("k,P,x,u\n" + "\n".join(lines) + "\n")
    for k, P in ((1, 100), (2, 150)):
        (project / f"{k}.csv").write_text("x,u\n" + "\n".join(f"{x},{k * x + P}" for x in (0, 0.5, 1)) + "\n")
    (project / "files.csv").write_text("k,P,file\n1,100,1.csv\n2,150,2.csv\n")
    for known in ("long.csv", "files.csv"):
        data = simulator(known=known).training()
        assert data.inputs == ("x", "k", "P")
        np.testing.assert_array_equal(data.values[..., 0], [[100, 150], [100.5, 151], [101, 152]])
    (project / "3.csv").write_text("x,u\n0,1\n1,2\n")
    (project / "files.csv").write_text("k,P,file\n1,100,1.csv\n2,150,3.csv\n")
    with pytest.raises(DataError, match="files.csv, line 3: has values at 2 points, but the cases before it"):
        simulator(known="files.csv")
    (project / "run.csv").write_text("run,k,P,u\n1,1,100,5\n2,1,100,5\n3,2,150,5\n")
    with pytest.raises(DataError, match="line 4: has values at 1 point, .* told apart by run .dataset.axes says"):
        simulator(known="run.csv")


def test_by_hand_everything_is_pending_until_it_is_told(project: Path, simulator: Build) -> None:
    dataset = simulator()
    assert dataset.by_hand
    rows = dataset.begin_with(6)
    assert dataset.answered(rows, number=0) is None
    assert [call.status for call in dataset.calls.each] == [PENDING] * 6
    told = simulator()
    point = dataset.candidates.points[rows[2]]
    (project / "results.csv").write_text(f"k,P,u\n{point[0]:.12g},{point[1]:.12g},7\n1.5,100,8\n")
    assert told.answered(told.begin_with(6), number=0) is None
    for answer in read_answers(project / "results.csv", told.space, told.constraints, told.layout):
        told.accepted(answer, number=0)
    data = told.answered(told.begin_with(6), number=0)
    assert data.values.tolist() == [[7.0]] and np.array_equal(data.axes[-1].points[0], point)
    assert [(call.status, call.source) for call in told.calls.each].count((COMPLETE, TOLD)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("k,P,u\n1,100,1\n5,100,2\n", r"line 3: 'k' is 5, outside its range \[1, 4\]"),
        ("k,P,u\n1,100,1\n1,100,2\n", r"line 3: the same case as in .*line 2, but \[2.0\] instead of \[1.0\]"),
        ("k,P,u\n1,100,nan\n", "line 2: 'u' is nan, which is not a finite number|'u' is missing"),
        ("k,P,u\n1,100,\n", "line 2: .*has no value of 'u'.*'status'"),
        ("k,P,u\n1,100,fast\n", "line 2: 'u' is 'fast'"),
        ("k,u\n1,1\n", "line 2: there is no column 'P'"),
        ("k,P,w\n1,100,1\n", "there is no column 'u'"),
        ("k,P,u,status\n1,100,,brkoen\n", "the status 'brkoen' is not one of complete, failed, timed_out, abandoned"),
        ("k,P,u\n4,200,1\n", r"does not fulfil the constraint k \* P < 700"),
        ("k,P,file\n1,100,absent.csv\n", "line 2: absent.csv: there is no such file"),
        ("k,P,u\n", "no row"),
    ],
)
def test_answers_that_cannot_be_used(project: Path, simulator: Build, text: str, said: str) -> None:
    (project / "results.csv").write_text(text)
    dataset = simulator(constraints=["k * P < 700"])
    with pytest.raises(DataError, match=said):
        read_answers(project / "results.csv", dataset.space, dataset.constraints, dataset.layout)


def test_parameters_may_be_called_like_columns_of_answers(project: Path, simulator: Build) -> None:
    names = ("gain", "status", "file", "reason", "seconds")
    dataset = simulator(parameters={name: [1, 9] for name in names})
    (project / "r.csv").write_text(f"{','.join(names)},u\n1,2,3,4,5,6\n")
    (project / "r.json").write_text(
        json.dumps([{"parameters": dict(zip(names, range(1, 6), strict=True)), "gain": 0.5, "u": 6}])
    )
    for path in project.glob("r.*"):
        (answer,) = read_answers(path, dataset.space, dataset.constraints, dataset.layout)
        assert answer.point.tolist() == [1, 2, 3, 4, 5] and answer.field.values.tolist() == [6]


def test_answers_as_json_and_the_same_twice(project: Path, simulator: Build) -> None:
    dataset = simulator()
    (project / "a.json").write_text(
        '[{"k": 1, "P": 100, "u": 3, "seconds": 2.5}, {"parameters": {"k": 2, "P": 100}, "status": "timed out"}]'
    )
    first, second = read_answers(project / "a.json", dataset.space, dataset.constraints, dataset.layout)
    assert (
        first.field.values.tolist() == [3.0]
        and first.seconds == 2.5
        and second.status == "timed_out"
        and second.field is None
    )
    (project / "b.csv").write_text("k;P;u\n1;100;3,0\n1;100;3,0\n2;100;1,5\n")
    answers = read_answers(project / "b.csv", dataset.space, dataset.constraints, dataset.layout)
    assert [answer.field.values.tolist() for answer in answers] == [[3.0], [1.5]]
    assert answers[0].agrees_with(first) and not answers[1].agrees_with(first)
