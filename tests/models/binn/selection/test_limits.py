"""Where rows are few, the limits of several kinds of smoothness stand together, shared by evidence."""

from __future__ import annotations

import numpy as np

from binn_cli.models.binn.limit.table import LimitChoice
from binn_cli.models.binn.selection.limits import weigh


def _choices(*evidence: float) -> list[LimitChoice]:
    return [LimitChoice(name, np.zeros(1), np.zeros(4), e) for name, e in zip("abc", evidence, strict=False)]


def test_what_left_out_rows_hardly_tell_apart_is_shared_by_evidence() -> None:
    # the first of three limits is better by a twentieth of a nat per row, a sum of products is far behind
    densities = np.tile([-0.40, -0.45, -0.50, -3.0], (20, 1))
    weights = weigh(densities, _choices(-20.0, -20.0, -26.0), few=True)
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0, 0.0])
    assert weigh(densities, _choices(-20.0, -20.0, -26.0), few=False)[0] > 0.9


def test_a_sum_of_products_that_is_better_replaces_them() -> None:
    densities = np.tile([-0.5, -0.5, 1.5], (20, 1))
    np.testing.assert_allclose(weigh(densities, _choices(-20.0, -21.0), few=True), [0.0, 0.0, 1.0])
