"""Tables of what a surrogate was asked: names stay whole, with their units."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from binn_cli.results.answers import Answer, units_along
from binn_cli.views.console import answers

NAMES = ("speed of the oncoming air", "angle of attack of the wing")


def printed(table, **groups: Answer) -> list[str]:  # type: ignore[no-untyped-def]
    console = Console(width=80, record=True, file=StringIO())
    for part in table(SimpleNamespace(answers=groups)):
        console.print(part)
    return console.export_text().splitlines()


@pytest.mark.parametrize("units", [("m/s", "deg"), None])
def test_an_optimum_at_the_end_of_a_range_leaves_room_for_names(units: tuple[str, str] | None) -> None:
    along = {**units_along("input", units), **units_along("output", ("N",))} if units else {}
    numbers = {
        "inputs": np.array([10.83, -0.0162]), "inputs_std": np.array([5.4e-15, 0.0096]),
        "inputs_interval_95": np.array([[10.83, 10.83], [-0.1747, 0.032607]]), "mean": np.array([2.353]),
        "std": np.array([0.016]), "interval_95": np.array([[2.3239, 2.3876]]),
    }  # fmt: skip
    optimum = Answer(
        {"input": np.array(NAMES, dtype=object), "output": np.array(["drag"], dtype=object)},
        {name: (values, ()) for name, values in numbers.items()} | along,
    )
    lines = printed(answers.optimize, optimum=optimum)
    shown = [f"{NAMES[0]} [m/s]", f"{NAMES[1]} [deg]", "drag [N]"] if units else [*NAMES, "drag"]
    for name, value in zip(shown, ("10.83 ± 0", "-0.0162 ± 0.0096", "2.353 ± 0.016"), strict=True):
        (row,) = [line for line in lines if line.strip().startswith(f"{name}  ")]
        assert value in row
    assert all(len(line) <= 80 for line in lines)


def test_an_estimate_in_powers_of_ten_leaves_a_name_whole() -> None:
    numbers = {
        "mean": np.array([30.0349e-9]), "std": np.array([0.05e-9]), "interval_95": np.array([[29.93e-9, 30.13e-9]]),
        "mode": np.array([30.03e-9]), "r_hat": np.array([1.0004]), "ess": np.array([1131.4]),
    }  # fmt: skip
    estimate = Answer(
        {"unknown": np.array(["temperature_at_inlet"], dtype=object)},
        {name: (values, ()) for name, values in numbers.items()} | units_along("unknown", ("K",)),
    )
    lines = printed(answers.inverse, estimate=estimate)
    (row,) = [number for number, line in enumerate(lines) if line.strip() == "temperature_at_inlet"]
    assert lines[row + 1].split() == ["[K]", "(3.0035", "±", "0.0050)e-08", "2.993e-08", "3.013e-08", "3.003e-08"]
    assert "R-hat at most 1.000, at least 1,131 effective draws" in lines
