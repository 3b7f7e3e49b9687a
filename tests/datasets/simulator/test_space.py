"""Parameters: what a user may write of them, values out of the unit cube, and values read back."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema.parameters import specifications
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError, DataError

ALL = {
    "k": [1, 4],
    "Re": {"log": [1e3, 1e6], "unit": "1"},
    "n": {"integer": [1, 4]},
    "m": {"choice": ["steel", "copper", "tin"]},
    "h": {"choice": [0.1, 0.5, 2]},
    "N": {"range": [1, 1000], "log": True, "integer": True},
}


@pytest.fixture
def space() -> Space:
    return Space.of(specifications("dataset.parameters", ALL))


def test_a_canonical_form_stays_what_it_is() -> None:
    once = specifications("dataset.parameters", ALL)
    assert specifications("dataset.parameters", once) == once
    assert once["k"] == {"range": [1.0, 4.0], "log": False, "integer": False, "unit": ""}
    assert specifications("p", {"k": {"log": [1, 10]}}) == specifications("p", {"k": {"range": [1, 10], "log": True}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"k": [2, 2]}, r"range of 'k' has no width: \[2, 2\]"),
        ({"k": [4, 1]}, "low < high"),
        ({"k": {"log": [0, 1]}}, "must begin above 0"),
        ({"k": {"integer": [0.5, 3]}}, "whole number"),
        ({"k": {"choice": ["a"]}}, "two or more"),
        ({"k": {"choice": ["a", "a"]}}, "different"),
        ({"k": {"log": [1, 2], "range": [1, 2]}}, "one range, not 2"),
        ({"k": {"lgo": [1, 2]}}, 'did you mean "log"'),
        ({"k": 3}, "must be one of"),
        ({"k": [1, "x"]}, "must be one of"),
        ({"k": [1, float("inf")]}, "must be one of"),
        ({"output": [1, 2]}, "call it otherwise"),
        ({"a}b": [1, 2]}, "cannot be the name"),
        ({"k ": [1, 2]}, "begins or ends with a blank"),
        ({"a\rb": [1, 2]}, "cannot be the name"),
        ({"k": {"choice": [1, 1.0]}}, "different"),
        ({"k": {"choice": [1, float("nan")]}}, "different texts or numbers"),
        ({"k": [1, 1 + 1e-15]}, "next to no width"),
        ({"k": [-1e308, 1e308]}, "a width that is no number"),
        ({}, "at least one name"),
        ([1, 2], "at least one name"),
    ],
)
def test_what_is_no_parameter_is_refused(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        specifications("dataset.parameters", given)


def test_values_fill_their_ranges_evenly_on_their_scales(space: Space) -> None:
    unit = np.random.default_rng(0).random((4000, len(space)))
    points = space.at(unit)
    columns = dict(zip(space.names, points.T, strict=True))
    assert 1 <= columns["k"].min() < 1.01 and 3.99 < columns["k"].max() <= 4
    decades = np.histogram(np.log10(columns["Re"]), [3, 4, 5, 6])[0]
    assert decades.min() > 1200
    for name in ("n", "m", "h"):
        values, counts = np.unique(columns[name], return_counts=True)
        assert counts.min() > 0.8 * len(unit) / len(values)
    assert set(columns["n"]) == {1, 2, 3, 4} and set(columns["m"]) == {0, 1, 2} and set(columns["h"]) == {0.1, 0.5, 2.0}
    assert set(np.unique(columns["N"])) <= set(range(1, 1001)) and np.median(columns["N"]) < 60


def test_what_a_solver_is_told_is_read_back(space: Space) -> None:
    for point in space.at(np.random.default_rng(1).random((50, len(space)))):
        told = space.told(point)
        assert isinstance(told["n"], int) and isinstance(told["m"], str) and isinstance(told["k"], float)
        np.testing.assert_array_equal(space.read({**told, "other": "x"}), point)
        np.testing.assert_array_equal(space.read({name: repr(value).strip("'") for name, value in told.items()}), point)


def test_numbers_are_the_same_but_for_what_printing_loses(space: Space) -> None:
    points = space.at(np.random.default_rng(2).random((5, len(space))))
    printed = np.array([float(f"{value:.12g}") for value in points[3]])
    assert space.same(points, printed).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"k": 5}, r"'k' is 5, outside its range \[1, 4\]"),
        ({"k": "fast"}, "'k' is 'fast', which is not a number"),
        ({"k": float("nan")}, "not a number"),
        ({"n": 1.5}, "not a whole number"),
        ({"m": "lead"}, "not one of steel, copper, tin"),
        ({"h": 0.3}, "not one of 0.1, 0.5, 2"),
        ({"k": None}, "no column 'k'"),
    ],
)
def test_values_that_cannot_be_are_refused(space: Space, row: dict[str, object], said: str) -> None:
    whole = {**space.told(space.at(np.full((1, len(space)), 0.5))[0]), **row}
    with pytest.raises(DataError, match=said):
        space.read({name: value for name, value in whole.items() if value is not None})
