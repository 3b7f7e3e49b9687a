"""What must not matter: the order of rows, units, padding, the way the axes are grouped, and the path that the sums
take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn
from tests.models.problems import KINDS, new_points, problem

CONFIG = BinnConfig(modes=3, centers=6, length=1.5, padding=2, stretch=0, sweeps=6, tolerance=0.0, noise_variance=1e-4)


def _predicted(data: ProductData, axis: Axis, config: BinnConfig = CONFIG, **options: object):
    prediction = Binn(config).fit(data, **options).predict([axis])
    return prediction.mean, np.sqrt(prediction.epistemic_var), np.sqrt(prediction.noise_var)


def _permuted(data: ProductData, seed: int) -> ProductData:
    rng = np.random.default_rng(seed)
    values, axes = data.values, []
    for a, axis in enumerate(data.axes):
        order = rng.permutation(axis.size)
        axes.append(axis.taken(order))
        values = np.take(values, order, axis=a)
    return replace(data, axes=tuple(axes), values=values)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=3, deadline=None)
def test_order_of_rows(kind: str, seed: int) -> None:
    data = problem(kind, noise=0.01)
    axis = new_points(data)
    for mine, theirs in zip(_predicted(data, axis), _predicted(_permuted(data, seed), axis), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scale", "shift"), [(1e6, 0.0), (1e-5, 3e-4)])
def test_units_of_inputs_and_outputs(kind: str, scale: float, shift: float) -> None:
    data = problem(kind, noise=0.01)
    axis = new_points(data)
    axes = tuple(replace(a, points=a.points * scale + shift) for a in data.axes)
    other = replace(data, axes=axes, values=data.values * 1e3)
    moved = replace(axis, points=axis.points * scale + shift)
    for mine, theirs in zip(_predicted(data, axis), _predicted(other, moved), strict=True):
        np.testing.assert_allclose(mine * 1e3, theirs, rtol=1e-5, atol=1e-4)


def test_a_grid_is_a_table_of_its_points() -> None:
    """The same data as a product of axes and as one axis of scattered points: one posterior."""
    grid = problem("grid", noise=0.02)
    inputs, outputs = grid.table()
    table = ProductData((Axis("point", inputs, grid.inputs),), outputs, grid.outputs)
    config = BinnConfig(
        modes=2, centers=5, length=1.5, padding=1, stretch=0, sweeps=4, tolerance=0.0, noise="fixed",
        noise_variance=1e-2,
        relevance="none", prior="weight", prior_mean="start", start="random", compression=0.0,
        output_scaling="standard",
    )  # fmt: skip
    axis = new_points(grid)
    for mine, theirs in zip(_predicted(grid, axis, config), _predicted(table, axis, config), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8)


def test_a_product_of_axes_is_predicted_as_its_points_are() -> None:
    data = problem("mixed")
    fitted = Binn(CONFIG).fit(data)
    whole = fitted.predict(data.axes)
    inputs, _ = data.table()
    points = fitted.predict([Axis("point", inputs, data.inputs)])
    np.testing.assert_allclose(whole.mean.reshape(-1, 1), points.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.epistemic_var.reshape(-1, 1), points.epistemic_var, rtol=1e-6, atol=1e-16)
