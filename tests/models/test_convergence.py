"""R-hat and effective sample size against ArviZ."""

from __future__ import annotations

import arviz
import numpy as np
import pytest

from binn_cli.models.convergence import bulk_ess, r_hat


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.7, 1.0), (0.0, 2.0)])
def test_as_arviz_says(shift: float, scale: float) -> None:
    """Chains that agree, one that is elsewhere, and one that is wider."""
    draws = np.random.default_rng(0).standard_normal((4, 100, 2))
    draws[0] = shift + scale * draws[0]
    expected = [[method(draws[..., i]) for i in range(2)] for method in (arviz.rhat, arviz.ess)]
    np.testing.assert_allclose(r_hat(draws), expected[0], rtol=1e-10)
    np.testing.assert_allclose(bulk_ess(draws), expected[1], rtol=0.1)  # it cuts the sum of correlations elsewhere


def test_chains_that_stand_still_or_break() -> None:
    draws = np.ones((2, 10, 2))
    draws[0, 3, 1] = np.nan
    np.testing.assert_array_equal(r_hat(draws), [1.0, np.nan])
    assert np.isnan(r_hat(draws[:, :3])).all()
