"""The Gaussian process on grids against the dense one, at equal hyperparameters and in its evidence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern

from binn_cli.config.schema import GpConfig, GpGridConfig, PoissonConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError, TooLarge
from binn_cli.models.gp import grid
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.grid import GpGrid, thinned
from binn_cli.models.gp.grid_evidence import Grid, negative_log_evidence
from tests.models.problems import new_points, problem

FIXED: dict[str, Any] = {"hyperparameters": "fixed", "signal_variance": 1.3, "noise_variance": 1e-3}


def small(kind: str) -> ProductData:
    """A part of the problem whose dense covariance takes no time."""
    data = problem(kind, noise=0.1)
    if len(data.axes) == 1:
        return data
    axes = tuple(axis.taken(range(0, axis.size, 2)) for axis in data.axes)
    return ProductData(axes, data.values[np.ix_(*(np.arange(0, axis.size, 2) for axis in data.axes))], data.outputs)


@pytest.mark.parametrize("kind", ["line", "grid", "mixed"])
def test_equals_the_dense_process(kind: str) -> None:
    data = small(kind)
    lengths = [0.3, 0.5, 0.7, 0.4, 0.9][: len(data.inputs)]
    ours = GpGrid(GpGridConfig(length=lengths, **FIXED)).fit(data)
    dense = Gp(GpConfig(length=lengths, **FIXED)).fit(data)
    np.testing.assert_allclose(ours.report.diagnostics["log_evidence"], dense.report.diagnostics["log_evidence"], rtol=1e-8)
    regrouped = [Axis("first", data.axes[0].points[:3], data.axes[0].coordinates), *data.axes[1:]]
    for axes in (data.axes, [new_points(data)], regrouped):
        one, other = ours.predict(axes), dense.predict(axes)
        for part in ("mean", "epistemic_var", "noise_var"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=0, atol=1e-8, err_msg=part)


def test_the_kernel_of_the_axes_is_the_product_of_theirs() -> None:
    """A product of Matérn kernels is not the Matérn kernel of all coordinates, so the reference multiplies scikit-learn's."""
    data, new = small("mixed"), new_points(small("mixed"))
    spans = np.concatenate([np.ptp(axis.points, axis=0) for axis in data.axes])
    lengths = np.array([0.3, 0.5, 0.7, 0.4, 0.9]) * spans
    columns = np.split(np.arange(5), np.cumsum([axis.points.shape[1] for axis in data.axes])[:-1])

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1.3 * np.prod([Matern(lengths[own], nu=2.5)(a[:, own], b[:, own]) for own in columns], axis=0)

    x, y = data.table()
    cross = np.linalg.solve(kernel(x, x) + 1e-3 * np.eye(len(x)), kernel(x, new.points)).T
    config = GpGridConfig(kernel="matern52", length=lengths.tolist(), length_unit="input", output_scaling="none", **FIXED)
    prediction = GpGrid(config).fit(data).predict([new])
    np.testing.assert_allclose(prediction.mean, cross @ y, rtol=0, atol=1e-9)
    np.testing.assert_allclose(prediction.epistemic_var[:, 0], 1.3 - np.sum(cross * kernel(new.points, x), axis=1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("split", [(2, 1, 2), (3, 2), (1, 1, 1, 1, 1), (1, 2, 2)])
def test_axes_may_be_grouped_in_any_way(split: tuple[int, ...]) -> None:
    data, rng = small("mixed"), np.random.default_rng(2)
    low = np.concatenate([axis.points.min(axis=0) for axis in data.axes])
    high = np.concatenate([axis.points.max(axis=0) for axis in data.axes])
    ends = np.cumsum([0, *split])
    axes = [Axis(f"a{a}", rng.uniform(low[a:b], high[a:b], (3, b - a)), data.inputs[a:b]) for a, b in pairwise(ends)]
    fitted = GpGrid(GpGridConfig(**FIXED)).fit(data)
    table, _ = ProductData(tuple(axes), np.zeros((3,) * len(split) + (1,)), ("u",)).table()
    product, scattered = fitted.predict(axes), fitted.predict([Axis("point", table, data.inputs)])
    np.testing.assert_allclose(product.mean.reshape(-1, 1), scattered.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(product.epistemic_var.reshape(-1, 1), scattered.epistemic_var, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_the_gradient_of_the_evidence_is_that_of_finite_differences(kernel: str) -> None:
    data = problem("mixed", noise=0.1)
    points = Grid.of([(axis.points - axis.points.min(0)) / np.ptp(axis.points, axis=0) for axis in data.axes])
    theta = np.log([0.3, 0.4, 0.5, 0.6, 0.7, 1.5, 0.02])
    values = np.concatenate([data.values, np.cos(3 * data.values)], axis=-1)
    value, gradient = negative_log_evidence(theta, points, values, kernel)
    steps = 1e-5 * np.eye(len(theta))

    def evidence(at: np.ndarray) -> float:
        return negative_log_evidence(at, points, values, kernel)[0]

    numeric = [(evidence(theta + step) - evidence(theta - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6 * abs(value))


def test_the_variance_is_that_of_the_posterior_with_hardly_any_noise() -> None:
    """At the training points it is about the noise, not the round-off of the prior variance."""
    data = problem("mixed")
    fitted = GpGrid(GpGridConfig(hyperparameters="fixed", length=0.8, signal_variance=1e4, noise_variance=1e-10)).fit(data)
    prediction = fitted.predict(data.axes)
    round_off = 8 * np.finfo(float).eps * 1e4 * np.var(data.values)
    assert (prediction.epistemic_var > 0).all() and (prediction.epistemic_var <= prediction.noise_var + round_off).all()


def test_learns_the_poisson_solution_between_the_nodes() -> None:
    dataset = Poisson(PoissonConfig(train_cases=8, offgrid_points=500), 0)
    fitted = GpGrid(GpGridConfig(starts=1, iterations=40)).fit(dataset.training(), domain=np.array([[0.0, 1.0]] * 4))
    truth = dataset.evaluation()["offgrid"]
    error = np.sqrt(np.mean((fitted.predict(truth.axes).mean - truth.values) ** 2))
    assert error < 1e-3 * np.std(truth.values)


def test_a_large_grid_is_thinned_whatever_the_order_of_its_rows() -> None:
    data = problem("mixed")
    points = [axis.points for axis in data.axes]
    part, values = thinned(Grid.of(points), data.values, 1000)
    assert [len(p) for p in part.axes] == [5, 4, 6, 6] and values.shape == (5, 4, 6, 6, 1)
    order = np.random.default_rng(0).permutation(len(points[-1]))
    again, others = thinned(Grid.of([*points[:-1], points[-1][order]]), data.values[:, :, :, order], 1000)
    np.testing.assert_array_equal(part.axes[-1], again.axes[-1])
    np.testing.assert_array_equal(values, others)


def test_refuses_tables_and_grids_that_are_too_large(monkeypatch) -> None:
    rows = Axis("point", np.linspace(0, 1, grid.MOST_ON_AXIS + 1)[:, None], ("x",))
    table = ProductData((rows,), np.ones((rows.size, 1)), ("y",))
    with pytest.raises(DataError, match=r"one axis of 3,001 points, which is a table and no grid; take gp,"):
        GpGrid(GpGridConfig()).fit(table)
    with pytest.raises(TooLarge, match=r"axis 'point' has 3,001 points"):
        GpGrid(GpGridConfig()).fit(ProductData((Axis.of("t", np.arange(2.0)), rows), np.ones((2, rows.size, 1)), ("y",)))
    monkeypatch.setattr(grid, "available_bytes", lambda: 1000)
    with pytest.raises(TooLarge, match=r"504 points of 1 outputs need .* take fewer points, or gp_sparse"):
        GpGrid(GpGridConfig()).fit(problem("grid"))
