"""Files of observations: the same care for sensors of an equation, for an inverse question and for a wanted field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from binn_cli.config.schema import HeatConfig, InverseConfig, OptimizeConfig, SolveConfig
from binn_cli.datasets.heat import Heat
from binn_cli.errors import BinnError
from binn_cli.models.scope import Scope
from binn_cli.tasks.questions.inverse.observations import read_observations
from binn_cli.tasks.questions.optimize.objective import Objective
from binn_cli.tasks.sensors import read_sensors
from tests.tasks.questions.exact import source_of

Reader = Callable[[str], tuple[str, ...]]
"""From a file to what is said of it."""


def by_sensors(path: str, units: tuple[str, str]) -> tuple[str, ...]:
    problem = Heat(HeatConfig(source_centers=[[0.5, 0.5]]), 0).problem()
    low, high = problem.domain.T
    scope = Scope(problem.inputs, (units[0], *[""] * (len(low) - 1)), (problem.output,), units[1:], low, high)
    sensors = read_sensors(SolveConfig(observations=path, unknown=["k", "P"]), problem, scope)
    assert sensors.points.tolist() == [[0.5, 0.5, 0.03], [0.6, 0.5, 0.03]] and sensors.values.tolist() == [0.2, 0.3]
    return sensors.notes


def by_inverse(path: str, units: tuple[str, str]) -> tuple[str, ...]:
    (found,) = read_observations(InverseConfig(run="r", observations=path, unknown=["k"]), _known(units))
    assert found.points.tolist() == [[0.5, 0.5, 0.03], [0.6, 0.5, 0.03]] and found.values.tolist() == [[0.2], [0.3]]
    return found.notes


def by_target(path: str, units: tuple[str, str]) -> tuple[str, ...]:
    found = Objective.of(OptimizeConfig(run="r", goal="target", target=path, inputs=["k"]), _known(units))
    assert found.wanted is not None and found.wanted.tolist() == [0.2, 0.3]
    return found.notes


def _known(units: tuple[str, str]):  # type: ignore[no-untyped-def]
    ranges = {"x": (0.0, 1.0), "y": (0.0, 1.0), "t": (0.0, 0.1), "k": (0.0, 1.0)}
    source = source_of(lambda table: table[:, :1], ranges, ("u",))
    return replace(source, scope=replace(source.scope, input_units=(units[0], "", "", ""), output_units=units[1:]))


READERS = pytest.mark.parametrize("reader", [by_sensors, by_inverse, by_target])


def _written(path: Path, lines: str) -> str:
    path.write_text("\n".join(lines.split(" | ")) + "\n", encoding="utf-8")
    return str(path)


@READERS
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("x,y,t,u | mm,,,K | 0.5,0.5,0.03,0.2", "'x' is in mm, but in m in the "),
        ("x,y,t,u | m,,,C | 0.5,0.5,0.03,0.2", "'u' is in C, but in K in the "),
        ("x [m],y,t,u | 0.5,0.5,0.03,0.2", 'did you mean "x [m]", whose unit belongs into a line below the names?'),
        ("y,t,u | 0.5,0.03,0.2", "there is no column x, an input that is n|of the run that is not|neither chosen nor"),
        ("x,y,t,w | 0.5,0.5,0.03,0.2", "column u, the|no column for an output of the run (u)"),
        ("x,y,t,u | 0.5,0.5,0.03,0.2 | 7,0.5,0.03,0.2", "line 3: x is 7, outside the training range |domain 0 to 1"),
        ("x,y,t,u | 0.5,0.5,0.03,0.2 | ,0.5,0.03,0.2", "line 3: x is empty; every row with a value needs a number"),
        ("x,y,t,u | 0.5,0.5,0.03,", "holds no observation; give at least one row with a number for u"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_line(reader, lines: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BinnError) as refusal:
        reader(_written(tmp_path / "obs.csv", lines), ("m", "K"))
    assert any(part in str(refusal.value) for part in told.split("|")), refusal.value


@READERS
def test_what_is_not_looked_at_and_what_nobody_can_check_is_said(reader, tmp_path: Path) -> None:
    rows = "0.5,0.5,0.03,0.2,1 | 0.6,0.5,0.03,0.3,2 | 0.7,0.5,0.03,,3 | ,,,,"
    path = _written(tmp_path / "obs.csv", f"x,y,t,u,number | m,,,K, | {rows}")
    unused, passed_over = "obs.csv: not used: number", "obs.csv: 1 row is passed over, without a number for u"
    assert reader(path, ("m", "K")) == (unused, passed_over)
    whose = "the equation" if reader is by_sensors else "the run"
    unknown = f"obs.csv: x [m], u [K]: {whose} states no unit, so that the numbers count as they stand"
    assert reader(path, ("", "")) == (unused, unknown, passed_over)


def test_a_choice_that_is_missing_is_told_with_the_choices(tmp_path: Path) -> None:
    source = source_of(lambda table: table[:, :1], {"material": (0.0, 1.0), "k": (0.0, 1.0)})
    known = replace(source, scope=replace(source.scope, choices={"material": ("steel", "oak")}))
    path = _written(tmp_path / "obs.csv", "material,y | steel,1 | ,2")
    with pytest.raises(BinnError, match="line 3: material is empty; every row with a value needs one of steel, oak"):
        read_observations(InverseConfig(run="r", observations=path, unknown=["k"]), known)


def test_names_are_the_same_however_unicode_composes_them(tmp_path: Path) -> None:
    source = source_of(lambda table: table[:, :1], {"h\u00f6he": (0.0, 1.0), "k": (0.0, 1.0)})
    path = _written(tmp_path / "obs.csv", "ho\u0308he,y | 0.5,1")
    (found,) = read_observations(InverseConfig(run="r", observations=path, unknown=["k"]), source)
    assert np.array_equal(found.points, [[0.5]]) and found.notes == ()
