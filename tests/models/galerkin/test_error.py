"""The estimate of a solution's error from solutions in richer spaces."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.datasets.problem import SPACE, STIFFNESS, ZERO, Factor, Load, Problem, Term, Variable
from binn_cli.models.galerkin.error import SAFETY, SURE, SURER, Check, _rest, estimated
from binn_cli.models.galerkin.spaces import Spline
from binn_cli.models.galerkin.system import Resolution
from binn_cli.models.galerkin.train import Train

WAVE = Factor("sin(pi x)", lambda x: np.sin(np.pi * x))
PROBLEM = Problem((Variable("x", 0.0, 1.0, SPACE, (ZERO, ZERO)),), (Term({"x": STIFFNESS}),), (Load({"x": WAVE}),))


def straight(height: float) -> Train:
    """A hat function of some height."""
    return Train((Spline(np.array([0.0, 0.5, 1.0]), 1, (True, True)),), (np.full((1, 1, 1), height),))


@pytest.mark.parametrize("rate", [0.7, 2.0, 8.0])
@pytest.mark.parametrize("points", [(5, 9, 13), (9, 13, 25)])
def test_the_rest_of_a_power_is_exact(rate: float, points: tuple[int, int, int]) -> None:
    errors = np.array(points, dtype=float) ** -rate
    found = _rest(points, errors[0] - errors[1], errors[1] - errors[2], fastest=9.0)
    assert found == pytest.approx(errors[2] / (errors[1] - errors[2]), rel=0.02)


@pytest.mark.parametrize("share", [0.2, 0.29, 0.6])
def test_what_the_richest_solution_leaves_is_added(share: float) -> None:
    """Heights 1 + C n^-2 of richer solutions; the one that is judged lies beyond them, so that errors add up."""
    checks = [Check(n, straight(1.0 + n**-2.0)) for n in (9, 17, 25)]
    rest = 25**-2.0
    estimate, bars = estimated(PROBLEM, straight(1.0 + rest + rest / share), checks, 0)
    true = (rest + rest / share) / np.sqrt(3.0)
    assert estimate.rmse == pytest.approx(SAFETY * true, rel=0.01)
    assert estimate.rest == pytest.approx(share, rel=0.03)
    assert (estimate.sure, estimate.needs_more) == (share < SURE, share > SURER)
    assert bars([np.array([[0.5]])])[0] > bars([np.array([[0.02]])])[0] > 0


@pytest.mark.parametrize("own", [1.1, 0.9])
def test_solutions_that_do_not_come_nearer_are_no_sure_estimate(own: float) -> None:
    """Nor if the last of them is by accident the one that is judged."""
    heights = (1.0, 1.4, 0.9)
    checks = [Check(n, straight(height)) for n, height in zip((5, 9, 13), heights, strict=True)]
    estimate, _ = estimated(PROBLEM, straight(own), checks, 0)
    assert not estimate.sure and estimate.needs_more and estimate.relative > 0.5


def test_round_off_is_told_by_the_solution_with_the_fewest_points() -> None:
    heights = 1.0 + 1e-14 * np.array([0.1, 3.0, -8.0])
    checks = [Check(n, straight(height)) for n, height in zip((33, 65, 97), heights, strict=True)]
    estimate, _ = estimated(PROBLEM, straight(1.0 + 1e-13), checks, 0)
    assert 1.0 < estimate.rmse / (1e-13 / np.sqrt(3.0)) < 3.0


def test_richer_spaces_are_splines_of_a_higher_degree() -> None:
    own = (Resolution(9), Resolution(9, "hat", 6), Resolution(9, "chidenn", 4))
    assert [one.richer(9, 20).degree for one in own] == [8, 3, 7]
    assert {one.richer(9, 20).basis for one in own} == {"spline"}
