"""Which richer solutions judge a solution, where some of them are too large."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import GalerkinConfig, HeatConfig
from binn_cli.datasets.heat import Heat
from binn_cli.errors import BinnError, TooLarge
from binn_cli.models.galerkin import diagonal
from binn_cli.models.galerkin.model import Galerkin
from binn_cli.models.galerkin.richer import judged_by
from binn_cli.models.galerkin.train import Train
from tests.models.galerkin.test_error import PROBLEM, straight


class Family:
    """Richer solutions of heights 1 + n^-rate up to so many points; knows what it was asked for."""

    def __init__(self, most: int, rate: float = 2.0) -> None:
        self.most, self.rate = most, rate
        self.asked: list[int] = []

    def __call__(self, points: int, added: int, tolerance: float) -> Train:
        self.asked.append(points)
        if points > self.most:
            raise TooLarge(f"{points} points are too many")
        return straight(1.0 + points**-self.rate)


@pytest.mark.parametrize(
    ("count", "most", "asked"),
    [(4, 4, [2, 4, 5, 3]), (5, 5, [3, 5, 7, 2]), (9, 9, [5, 9, 13, 3]), (3, 4, [2, 3, 4, 7])],
)
def test_after_a_refusal_nothing_larger_is_tried_and_points_are_distinct(
    count: int, most: int, asked: list[int]
) -> None:
    family = Family(most, 0.5)
    estimate, bars = judged_by(PROBLEM, straight(2.0), count, family, 0)
    assert family.asked == asked
    assert np.isfinite([estimate.rmse, estimate.rest, bars.scale]).all() and not estimate.sure
    assert estimate.points == max(points for points in asked if points <= most)


def test_only_what_is_too_large_is_done_without() -> None:
    def singular(points: int, added: int, tolerance: float) -> Train:
        if points > 9:
            raise BinnError("the equation has no unique solution")
        return straight(1.0 + points**-2.0)

    with pytest.raises(BinnError, match="no unique solution"):
        judged_by(PROBLEM, straight(1.1), 9, singular, 0)


@pytest.mark.parametrize("method", ["auto", "diagonal"])
def test_too_many_combinations_of_modes_are_too_large(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Heat(HeatConfig(source_centers=[[0.4, 0.6]]), 0).problem()
    solver = Galerkin(GalerkinConfig(points=5, method=method))
    monkeypatch.setattr(diagonal, "MOST_NUMBERS", 10)
    with pytest.raises(TooLarge, match=r"no direct solution with 5 points: .* combinations of modes are too many"):
        solver.attempt(problem, solver.resolution(problem), must_be_direct=method == "auto")
