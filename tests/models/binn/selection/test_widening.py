"""The factor of variances, against rows that were missed by a known multiple of what was said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.selection.widening import MARGIN, PSEUDO_ROWS, widening_of

RNG = np.random.default_rng(0)
X = RNG.random((80, 2))
PROCESS = Process.of(X, X[:, 0], np.array([[0.0, 0.0, 1.0, 1.0, 0.0, np.log(1e-4)]]), np.zeros(2), "gaussian")


@pytest.mark.parametrize(("rows", "ratio"), [(80, 2.0), (80, 1.0), (80, 0.9), (80, 0.1), (20, 0.1)])
def test_rows_that_were_missed_by_a_multiple(rows: int, ratio: float) -> None:
    missed = np.where(np.arange(rows) % 2, 1.0, -1.0) * ratio
    found = widening_of(missed, np.zeros(rows), np.ones(rows), [(PROCESS, 1.0)], [(PROCESS, 1.0)], 0)
    if ratio >= 1.0:
        assert found == pytest.approx((rows * ratio**2 + PSEUDO_ROWS) / (rows + PSEUDO_ROWS))
    elif ratio == 0.1 and rows == 80:
        assert found == pytest.approx(MARGIN * ratio**2)
    else:  # a little nearer, or said by few rows: chance
        assert found == 1.0


def test_of_what_marginalised_lengths_have_widened_the_root_counts() -> None:
    """Four times the variance everywhere, for rows that were missed by three standard deviations: 9 / 2, not 9 / 4."""
    wider = replace(PROCESS, scale=2.0 * PROCESS.scale)
    missed, said = np.full(80, 3.0), np.ones(80)
    alone = widening_of(missed, np.zeros(80), said, [(PROCESS, 1.0)], [(PROCESS, 1.0)], 0)
    found = widening_of(missed, np.zeros(80), said, [(wider, 1.0)], [(PROCESS, 1.0)], 0)
    assert found == pytest.approx(alone / 2.0)
