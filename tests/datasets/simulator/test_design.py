"""Designs: even, inside the constraints, and the same again."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema.parameters import specifications
from binn_cli.datasets.simulator.constraints import Constraints
from binn_cli.datasets.simulator.design import DESIGNS, design, nearest_candidates
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError

SPACE = Space.of(specifications("p", {"k": [1, 4], "Re": {"log": [1e2, 1e4]}}))
FREE = Constraints(())


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_design_is_drawn_from_its_seed(kind: str) -> None:
    one, again, other = (design(kind, SPACE, FREE, 9, seed, "here") for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (9, 2) and not np.array_equal(one, other)
    assert not np.array_equal(one, design(kind, SPACE, FREE, 9, 0, "there"))


def test_a_latin_hypercube_has_every_level_once() -> None:
    unit = SPACE.unit_of(design("latin_hypercube", SPACE, FREE, 16, 3, "here"))
    for column in unit.T:
        assert sorted((column * 16).astype(int)) == list(range(16))


def test_sobol_is_more_even_than_chance() -> None:
    counts = [
        np.histogram2d(*SPACE.unit_of(design(kind, SPACE, FREE, 64, 5, "here")).T, bins=8, range=[[0, 1], [0, 1]])[
            0
        ].std()
        for kind in ("sobol", "random")
    ]
    assert counts[0] < 0.5 * counts[1]
    np.testing.assert_array_equal(
        design("sobol", SPACE, FREE, 64, 5, "here")[:9], design("sobol", SPACE, FREE, 9, 5, "here")
    )


def test_constraints_are_kept_to_and_impossible_ones_are_refused() -> None:
    narrow = Constraints.of(["k * Re < 200"], SPACE)
    points = design("sobol", SPACE, narrow, 20, 0, "here")
    assert np.all(points[:, 0] * points[:, 1] < 200)
    with pytest.raises(ConfigError, match="none of 1,310,716 cases fulfils them"):
        design("sobol", SPACE, Constraints.of(["k > 5"], SPACE), 4, 0, "here")


def test_few_levels_give_different_cases_or_none_at_all() -> None:
    levels = Space.of(specifications("p", {"n": {"integer": [1, 3]}, "m": {"choice": ["a", "b"]}}))
    for kind in DESIGNS:
        assert len(np.unique(design(kind, levels, FREE, 6, 0, "here"), axis=0)) == 6
    with pytest.raises(ConfigError, match="only 6 different cases are possible, as far as"):
        design("random", levels, FREE, 7, 0, "here")


def test_nearest_candidates_are_taken_once() -> None:
    candidates = SPACE.at(np.array([[0.1, 0.1], [0.12, 0.1], [0.9, 0.9]]))
    wanted = SPACE.at(np.array([[0.1, 0.1], [0.1, 0.1]]))
    assert nearest_candidates(wanted, candidates, np.array([0, 1, 2]), SPACE).tolist() == [0, 1]
