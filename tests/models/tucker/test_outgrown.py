"""Length scales and ranks that few cases suggested are chosen again once there are many, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.tucker.fit import FittedTucker
from binn_cli.models.binn.tucker.outgrown import UNEXPLAINED, outgrown


@pytest.mark.parametrize(
    ("cases", "chosen_at", "share", "expected"),
    [
        (15, (8,), 1e-2, False),
        (16, (8,), 1e-2, True),
        (16, (8,), 0.1 * UNEXPLAINED, False),
        (19, (8, 16), 1e-2, False),
        (20, (8, 16), 1e-2, True),
        (55, (35,), 1e-2, False),
    ],
)
def test_when(cases: int, chosen_at: tuple[int, ...], share: float, expected: bool) -> None:
    assert outgrown(cases, chosen_at, np.array([0.0, share**2])) is expected


def _decays(rates: np.ndarray) -> ProductData:
    """exp(-k t), whose multilinear rank grows with the number of rates that are known."""
    t = np.linspace(0, 1, 15)
    axes = (Axis.of("t", t), Axis.of("k", rates))
    return ProductData(axes, np.exp(-np.outer(t, rates))[..., None], ("u",))


def test_a_fit_of_twice_the_cases_sees_more_functions() -> None:
    rates = np.linspace(0.2, 8.0, 9)
    model, domain = Binn(BinnConfig(decomposition="tucker", centers=8, length=3, padding=4, stretch=0)), np.array([[0.0, 1.0], [0.2, 8.0]])
    few, some, many = (_decays(rates[::step]) for step in (4, 2, 1))
    first = model.fit(few, domain=domain)
    same = model.fit(some, first, domain=domain)  # 5 cases of 3: less than twice as many
    more = model.fit(many, model.from_state(same.state()), domain=domain)
    assert isinstance(first, FittedTucker) and isinstance(same, FittedTucker) and isinstance(more, FittedTucker)
    assert (first.chosen_at, same.chosen_at, more.chosen_at) == ((3,), (3,), (3, 9))
    ranks = [fitted.report.diagnostics["tucker_ranks"] for fitted in (first, same, more)]
    assert (ranks[0] == ranks[1]).all() and (ranks[2] > ranks[1]).all()
    new = _decays(np.array([0.9, 3.1, 6.3]))
    errors = [np.abs(fitted.predict(new.axes).mean - new.values).max() for fitted in (same, more)]
    assert errors[1] < 0.1 * errors[0]
    fresh = model.fit(many, domain=domain).predict(new.axes)
    np.testing.assert_allclose(more.predict(new.axes).mean, fresh.mean, atol=1e-10)
