"""Structure in plain tables: found in any order of the rows, with some missing, and not where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.datasets.arrangement import arranged
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.structure import Structure, found_structure, grouped
from binn_cli.errors import ConfigError

RNG = np.random.default_rng(1)
LINE = np.linspace(0, 1, 7)
CASES = RNG.uniform(size=(9, 2))
MESH = RNG.uniform(size=(40, 3))


def grid(*axes: Sequence[float] | np.ndarray) -> np.ndarray:
    """Every combination of the values of some columns."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def times(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Every row of one table beside every row of another."""
    return np.concatenate([np.repeat(one, len(other), axis=0), np.tile(other, (len(one), 1))], axis=1)


def found(x: np.ndarray, names: str, cases: Sequence[str] = ()) -> Structure | None:
    """The structure of the rows in another order, checked to hold every row in its place."""
    shuffled = np.random.default_rng(7).permutation(x)
    structure = found_structure(shuffled, names.split(), cases)
    if structure is not None:
        for own, index, points in zip(structure.columns, structure.indices, structure.points, strict=True):
            np.testing.assert_allclose(points[index], shuffled[:, own], rtol=0, atol=1e-9)
        assert len(np.unique(structure.flat)) == len(x)
    return structure


L_SHAPE = grid(LINE, LINE)[~(grid(LINE, LINE) > 0.5).all(axis=1)]
LATIN = np.array([[i, j, (i + j) % 5] for i in range(5) for j in range(5)], dtype=float)
FOUND = {
    "every combination of settings": (grid(LINE, LINE, [1.0, 2.0, 4.0]), "a b c", "3 grid axes (7 × 7 × 3)"),
    "fields on a grid": (
        times(grid(LINE, LINE, [0, 1, 3]), CASES), "x y t k P", "3 grid axes × 9 cases (7 × 7 × 3 × 9)",
    ),
    "without names that tell": (
        times(grid(LINE, LINE, [0, 1, 3]), CASES), "u v w k P", "3 grid axes × 9 cases (7 × 7 × 3 × 9)",
    ),
    "names with units": (times(grid(LINE, LINE), CASES), "x_[m] y_(m) k P", "2 grid axes × 9 cases (7 × 7 × 9)"),
    "simulations on a grid of settings": (
        times(grid(LINE, LINE), grid([1, 2, 3], [5, 6])), "x y k P", "2 grid axes × 6 cases (7 × 7 × 6)",
    ),
    "a mesh and one setting": (times(MESH, LINE[:, None]), "x y z alpha", "a mesh of 40 points × 7 cases (40 × 7)"),
    "a mesh without names that tell": (
        times(MESH, LINE[:, None]), "u v w alpha", "a mesh of 40 points × 7 cases (40 × 7)",
    ),
    "a mesh, times and settings": (
        times(times(MESH, LINE[:, None]), CASES), "x y z t k P",
        "1 grid axis × a mesh of 40 points × 9 cases (40 × 7 × 9)"
    ),
    "a part of a grid": (times(L_SHAPE, CASES), "x y k P", "a mesh of 40 points × 9 cases (40 × 9)"),
    "settings of an orthogonal design": (
        times(grid(LINE, LINE), LATIN), "u v a b c", "2 grid axes × 25 cases (7 × 7 × 25)",
    ),
    "a constant": (
        np.column_stack([times(grid(LINE, LINE), CASES), np.ones(441)]), "x y k P c",
        "2 grid axes × 9 cases (7 × 7 × 9)",
    ),
    "too few cases to keep one": (times(grid(LINE, LINE), LINE[:3, None]), "x y k", "3 grid axes (7 × 7 × 3)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(FOUND))
def test_structure_is_found_in_any_order(kind: str) -> None:
    x, names, text = FOUND[kind]
    structure = found(x, names)
    assert structure is not None and structure.text == text.replace("40 × 7 × 9", " × ".join(map(str, structure.shape)))
    assert structure.share == 1 and structure.has_cases == ("cases" in text)


NOT_FOUND = {
    "scattered": (RNG.uniform(size=(200, 3)), "a b c"),
    "one input": (LINE[:, None], "x"),
    "one that varies": (grid(LINE, [2.0]), "a b"),
    "rows that repeat": (np.concatenate([grid(LINE, LINE), grid(LINE, LINE)[:3]]), "a b"),
    "most of a grid missing": (RNG.permutation(grid(LINE, LINE))[:20], "a b"),
    "a switch beside scattered settings": (
        np.column_stack([RNG.uniform(size=(60, 2)), np.arange(60) % 2]),
        "a b valve",
    ),
    "few rows": (grid([0, 1], [0, 1]), "a b"),
}


@pytest.mark.parametrize("kind", list(NOT_FOUND))
def test_scattered_tables_stay_so(kind: str) -> None:
    assert found(*NOT_FOUND[kind]) is None


@pytest.mark.parametrize("kind", ["fields on a grid", "a mesh and one setting", "every combination of settings"])
@pytest.mark.parametrize("share", [0.95, 0.8, 0.6])
def test_missing_rows_leave_gaps(kind: str, share: float) -> None:
    x, names, text = FOUND[kind]
    structure = found(RNG.permutation(x)[: round(share * len(x))], names)
    assert (
        structure is not None
        and text.split(" (")[0] in structure.text
        and "of the combinations there" in structure.text
    )
    assert abs(structure.share - share) < 0.01


def test_values_go_to_their_combinations_and_gaps_are_told() -> None:
    x = RNG.permutation(times(grid(LINE, LINE), CASES))[:400]
    y = np.column_stack([x.sum(axis=1), x[:, 0]])
    structure = found_structure(x, ["x", "y", "k", "P"])
    assert structure is not None
    values, observed = structure.spread(y)
    assert observed.sum() == 400 and values.shape == (7, 7, 9, 2)
    np.testing.assert_array_equal(values.reshape(-1, 2)[structure.flat], y)
    axes = structure.axes(["x", "y", "k", "P"], ["m", "m", "", "Pa"])
    assert [axis.name for axis in axes] == ["x", "y", "case"] and axes[-1].units == ("", "Pa")
    some, there = structure.spread(y, np.arange(50))
    assert there.sum() == 50 and np.isnan(some[~there]).all()


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 6), st.integers(4, 7))
@settings(max_examples=40, deadline=None)
def test_round_off_in_texts_does_not_matter(seed: int, n: int, m: int, cases: int) -> None:
    rng = np.random.default_rng(seed)
    x = times(grid(rng.uniform(size=n), rng.uniform(size=m)), rng.normal(size=(cases, 2)) * [1e-6, 1e6])
    noisy = x + rng.uniform(-1e-11, 1e-11, x.shape) * np.ptp(x, axis=0)
    structure = found_structure(rng.permutation(noisy), ["x", "y", "k", "P"])
    assert structure is not None and structure.shape == (n, m, cases)


def test_cases_may_be_stated() -> None:
    x = grid(LINE, LINE, [1.0, 2, 3, 4, 5])
    assert found(x, "a b c").has_cases is False
    stated = found(x, "a b c", ["c"])
    assert stated.has_cases and stated.shape == (7, 7, 5)
    with pytest.raises(ConfigError, match="names 'd', which is not an input; the inputs are a, b, c"):
        found(x, "a b c", ["d"])
    with pytest.raises(ConfigError, match="names k, but P varies together with that"):
        found(times(grid(LINE, LINE), CASES), "x y k P", ["k"])


def test_simulations_with_meshes_of_their_own_are_told_apart() -> None:
    x = np.concatenate(
        [np.column_stack([RNG.uniform(size=(20 + k, 2)), np.full(20 + k, case)]) for k, case in enumerate(CASES[:, 0])]
    )
    index = grouped(x, ["x", "y", "k"])
    assert index is not None and len(np.unique(index)) == 9
    assert all(len(np.unique(x[index == case, 2])) == 1 for case in range(9))
    assert grouped(x, ["u", "v", "k"]) is None
    np.testing.assert_array_equal(grouped(x, ["u", "v", "k"], ["k"]), index)
    assert grouped(RNG.uniform(size=(50, 3)), ["x", "y", "k"]) is None
    with pytest.raises(ConfigError, match="all rows have the same value"):
        grouped(np.column_stack([x, np.ones(len(x))]), ["x", "y", "k", "c"], ["c"])


def _grid_of_cases() -> tuple[np.ndarray, np.ndarray]:
    """4 x 3 points of a field in 6 cases, and its values."""
    x, y, k = (c.ravel() for c in np.meshgrid(np.arange(4.0), np.arange(3.0), np.arange(6.0) ** 2, indexing="ij"))
    return np.column_stack([x, y, k]), x + 10 * y + 100 * k


def test_a_part_of_a_case_may_be_missing() -> None:
    x, _ = _grid_of_cases()
    found = found_structure(x[(x[:, 2] != 4) | (x[:, 1] < 2)], ("x", "y", "k"))
    assert found is not None and found.text == "2 grid axes × 6 cases (4 × 3 × 6, 94.4 % of the combinations there)"


def test_copies_of_rows_hide_no_structure() -> None:
    x, y = _grid_of_cases()
    rows = np.r_[np.arange(len(x)), 5, 5, 7]
    data = ProductData((Axis("point", x[rows], ("x", "y", "k")),), y[rows][:, None], ("u",))
    found = arranged(data, [], structured=True)
    assert found.text == "2 grid axes × 6 cases (4 × 3 × 6), 3 copies of rows left out"
    values = found.label(range(6))
    np.testing.assert_array_equal(values.table()[1][:, 0], values.table()[0] @ np.array([1.0, 10.0, 100.0]))
    changed = replace(data, values=data.values + (np.arange(len(rows)) == len(x))[:, None])
    assert "points of their own" in arranged(changed, [], structured=True).text, "the copy says something else"
