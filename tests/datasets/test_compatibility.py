"""Initial values that do not fit the boundary are told."""

from __future__ import annotations

import pytest

from binn_cli.config.schema import AdvectionConfig, EquationConfig, Heat3dConfig
from binn_cli.datasets.advection import Advection
from binn_cli.datasets.compatibility import misfits
from binn_cli.datasets.equation.dataset import Equation
from binn_cli.datasets.heat3d import Heat3d


def test_a_rod_that_is_hot_at_its_cold_ends() -> None:
    (said,) = misfits(Equation(EquationConfig(initial=["1"], exact=""), 0).problem())
    assert said.startswith("the initial value differs from that of the boundary at x = 0, x = 1, by up to 1:")
    (said,) = misfits(Equation(EquationConfig(initial=["cos(pi*x/2)"], exact=""), 0).problem())
    assert "at x = 0, by up to 1:" in said
    free = EquationConfig(initial=["1"], exact="", boundary=[["x", "free", "free"]])
    assert misfits(Equation(free, 0).problem()) == ()


@pytest.mark.parametrize(
    "dataset", [Equation(EquationConfig(), 0), Advection(AdvectionConfig(), 0), Heat3d(Heat3dConfig(), 0)]
)
def test_what_fits_is_not_told(dataset) -> None:
    assert misfits(dataset.problem()) == ()
