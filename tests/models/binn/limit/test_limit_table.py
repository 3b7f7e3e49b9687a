"""The search for the hyperparameters of one output of a table, and when it begins anew."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.limit.kernel import Prior
from binn_cli.models.binn.limit.table import OUTGROWN, LimitChoice, choose_hyperparameters

BENT = np.array([20.0, -20.0])
"""Coordinates that nobody would choose for the function below."""


@pytest.mark.parametrize(("rows", "anew"), [(20, False), (29, False), (30, True), (60, True)])
def test_coordinates_stay_until_rows_are_half_as_many_again(rows: int, anew: bool) -> None:
    assert OUTGROWN == 1.5
    x = np.random.default_rng(1).random((rows, 2))
    y = np.sin(4 * x[:, 0]) + x[:, 1]
    before = LimitChoice("gaussian", BENT, Prior.weak(2).mean, 0.0, searched=20)
    found = choose_hyperparameters(x, (y - y.mean()) / y.std(), 0, before)[0]
    assert np.array_equal(found.rates, BENT) is not anew
    assert found.searched == (rows if anew else 20)


def test_a_choice_is_kept_whole() -> None:
    choice = LimitChoice("matern52", BENT, Prior.weak(2).mean, -3.0, searched=12)
    again = LimitChoice.from_tree(choice.tree())
    assert (again.smoothness, again.evidence, again.searched) == ("matern52", -3.0, 12)
    np.testing.assert_array_equal(again.rates, BENT)
    np.testing.assert_array_equal(again.theta, choice.theta)
