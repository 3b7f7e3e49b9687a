"""The Gaussian process of a grid with gaps against the dense one of what was observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import GpConfig, GpGridConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.grid import GpGrid
from binn_cli.models.gp.grid_gaps import DRAWS
from tests.models.gp.test_grid import small
from tests.models.problems import new_points, problem


def with_gaps(data: ProductData, share: float) -> ProductData:
    """The data without a share of its cells, and without a whole block."""
    observed = np.random.default_rng(1).uniform(size=data.values.shape[:-1]) > share
    observed[:2, :2, 0] = False
    return replace(data, observed=observed)


@pytest.mark.parametrize(("kind", "share"), [("grid", 0.2), pytest.param("mixed", 0.6, marks=pytest.mark.thorough)])
def test_equals_the_dense_process_of_what_was_observed(kind: str, share: float) -> None:
    data = with_gaps(small(kind), share)
    fixed = {
        "hyperparameters": "fixed",
        "signal_variance": 1.3,
        "noise_variance": 1e-3,
        "output_scaling": "none",
        "length": [0.3, 0.5, 0.7, 0.4, 0.9][: len(data.inputs)],
    }
    model = GpGrid(GpGridConfig(**fixed))
    ours, dense = model.fit(data, capacity=data.axes[-1].size + 2), Gp(GpConfig(**fixed)).fit(data.scattered())
    for axes in (data.axes, [new_points(data)]):
        one, other = ours.predict(axes), dense.predict(axes)
        again = model.from_state(ours.state()).predict(axes)
        np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(again.epistemic_var, one.epistemic_var)
        ratio = one.epistemic_var / other.epistemic_var
        assert ratio.max() > 1 - 5 * np.sqrt(2 / DRAWS)
        assert (np.abs(ratio - 1) < 5 * np.sqrt(2 / DRAWS)).all()
        assert abs(np.mean(ratio) - 1) < 2 * np.sqrt(2 / DRAWS)
    assert (ours.report.diagnostics["gap_residual"] < 1e-9).all()
    assert "cells have no value" in ours.report.notes[0]


@pytest.mark.thorough
def test_hyperparameters_come_from_what_was_observed() -> None:
    """The noise is that of the data, and the truth lies within the intervals in gaps as elsewhere."""
    truth, data = problem("grid"), with_gaps(problem("grid", noise=0.05), 0.3)
    fitted = GpGrid(GpGridConfig(output_scaling="standard")).fit(data)
    assert 0.035 < float(fitted.report.diagnostics["noise_std"][0]) < 0.065
    found = fitted.predict(truth.axes)
    inside = np.abs(found.mean - truth.values) < 2 * np.sqrt(found.epistemic_var)
    assert data.observed is not None and np.mean(inside[~data.observed]) > 0.85
    assert np.sqrt(np.mean((found.mean - truth.values) ** 2)) < 0.05
