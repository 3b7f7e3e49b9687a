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
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.gp import grid
from binn_cli.models.gp.axis_factor import AxisPlan, root
from binn_cli.models.gp.exact import Gp
from binn_cli.models.gp.grid import GpGrid, _filled
from binn_cli.models.gp.grid_search import objective, planned, thinned
from binn_cli.models.gp.warping import warped
from binn_cli.models.units import Units
from tests.models.problems import new_points, problem

FIXED: dict[str, Any] = {
    "hyperparameters": "fixed",
    "signal_variance": 1.3,
    "noise_variance": 1e-3,
    "output_scaling": "standard",
}


def small(kind: str) -> ProductData:
    """A part of the problem whose dense covariance takes no time."""
    data = problem(kind, noise=0.1)
    if len(data.axes) == 1:
        return data
    axes = tuple(axis.taken(range(0, axis.size, 2)) for axis in data.axes)
    return ProductData(axes, data.values[np.ix_(*(np.arange(0, axis.size, 2) for axis in data.axes))], data.outputs)


@pytest.mark.parametrize("kind", ["line", "grid", pytest.param("mixed", marks=pytest.mark.thorough)])
def test_equals_the_dense_process(kind: str) -> None:
    data = small(kind)
    lengths = [0.3, 0.5, 0.7, 0.4, 0.9][: len(data.inputs)]
    ours = GpGrid(GpGridConfig(length=lengths, **FIXED)).fit(data)
    dense = Gp(GpConfig(length=lengths, **FIXED)).fit(data)
    np.testing.assert_allclose(
        ours.report.diagnostics["log_evidence"], dense.report.diagnostics["log_evidence"], rtol=1e-8
    )
    regrouped = [Axis("first", data.axes[0].points[:3], data.axes[0].coordinates), *data.axes[1:]]
    for axes in (data.axes, [new_points(data)], regrouped):
        one, other = ours.predict(axes), dense.predict(axes)
        for part in ("mean", "epistemic_var", "noise_var"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=0, atol=1e-8, err_msg=part)


def test_the_kernel_of_the_axes_is_the_product_of_theirs() -> None:
    """A product of Matérn kernels is not the Matérn kernel of all coordinates, so the reference multiplies
    scikit-learn's."""
    data, new = small("mixed"), new_points(small("mixed"))
    spans = np.concatenate([np.ptp(axis.points, axis=0) for axis in data.axes])
    lengths = np.array([0.3, 0.5, 0.7, 0.4, 0.9]) * spans
    columns = np.split(np.arange(5), np.cumsum([axis.points.shape[1] for axis in data.axes])[:-1])

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1.3 * np.prod([Matern(lengths[own], nu=2.5)(a[:, own], b[:, own]) for own in columns], axis=0)

    x, y = data.table()
    cross = np.linalg.solve(kernel(x, x) + 1e-3 * np.eye(len(x)), kernel(x, new.points)).T
    config = GpGridConfig(
        kernel="matern52", length=lengths.tolist(), length_unit="input", **{**FIXED, "output_scaling": "none"}
    )
    prediction = GpGrid(config).fit(data).predict([new])
    np.testing.assert_allclose(prediction.mean, cross @ y, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        prediction.epistemic_var[:, 0], 1.3 - np.sum(cross * kernel(new.points, x), axis=1), rtol=0, atol=1e-9
    )


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


@pytest.mark.thorough
@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_gradient_of_the_evidence_and_cases_that_only_fill_up(kernel: str) -> None:
    data = small("mixed")
    units = Units.of(data, None, "scale")
    one, wide, watch = _filled(data, units, None), _filled(data, units, data.axes[-1].size + 2), Stopwatch()
    plans = planned(kernel, wide)
    theta = np.array([*np.log([0.4, 0.5, 0.6, 0.7, 2.0]), 0.3, -0.4, 0.2, 0.0002, 1.0, 0.3, np.log(1e-4)])
    value, gradient = objective(watch, theta, wide, plans=plans)
    np.testing.assert_allclose(value, objective(watch, theta, one, plans=plans)[0], rtol=1e-10)
    for i, step in enumerate(1e-5 * np.eye(len(theta))):
        ends = [float(objective(watch, theta + sign * step, wide, plans=plans)[0]) for sign in (1, -1)]
        np.testing.assert_allclose(gradient[i], (ends[0] - ends[1]) / 2e-5, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bend", [-4.0, -1e-3, -0.9e-3, 0.0, 1e-4, 1.1e-3, 0.5, 6.0])
def test_bent_coordinate(bend: float) -> None:
    x = np.linspace(0, 1, 50)
    found = np.asarray(warped(x, np.asarray(bend)))
    expected = np.log1p(np.expm1(bend) * x) / bend if bend else x
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
    assert (np.diff(found) > 0).all() and np.isfinite(warped(np.array([-0.5, 1.5]), np.asarray(bend))).all()


def test_the_explicit_square_root_is_that_of_the_kernel() -> None:
    """At its shortest length too, where centres are farthest apart in units of the length."""
    points = np.random.default_rng(0).uniform(size=(9, 1))
    plan = AxisPlan.of("rbf", 0, 1, len(points))
    assert plan.features >= len(points)
    for length in (plan.shortest, 0.3, 10.0):
        matrix = np.asarray(root(plan, points, np.ones(len(points)), np.array([length]), np.zeros(1)))
        expected = np.exp(-0.5 * ((points - points.T) / length) ** 2)
        np.testing.assert_allclose(matrix @ matrix.T, expected, rtol=0, atol=1e-14)


def test_the_variance_is_that_of_the_posterior_with_hardly_any_noise() -> None:
    """At the training points it is about the noise, not the round-off of the prior variance."""
    data = problem("mixed")
    fitted = GpGrid(GpGridConfig(hyperparameters="fixed", length=0.8, signal_variance=1e4, noise_variance=1e-10)).fit(
        data
    )
    prediction = fitted.predict(data.axes)
    round_off = 8 * np.finfo(float).eps * 1e4 * np.var(data.values)
    assert (prediction.epistemic_var > 0).all() and (prediction.epistemic_var <= prediction.noise_var + round_off).all()


@pytest.mark.thorough
def test_simulation_data_are_learned_to_round_off() -> None:
    """Poisson with 5 cases: held-out cases and points off the grid, where the closed form is known."""
    dataset = Poisson(PoissonConfig(train_cases=5, candidates=20, offgrid_points=500), 0)
    fitted = GpGrid(GpGridConfig(starts=1)).fit(dataset.training())
    errors = {}
    for name, data in dataset.evaluation().items():
        prediction = fitted.predict(data.axes)
        errors[name] = np.sqrt(np.mean((prediction.mean - data.values) ** 2)) / data.values.std()
        assert np.mean(np.abs(prediction.mean - data.values) < 2 * prediction.total_std) > 0.9
    assert errors["test"] < 1e-6 and errors["offgrid"] < 1e-4
    start = GpGrid(GpGridConfig(hyperparameters="fixed")).fit(dataset.training())
    assert (fitted.report.diagnostics["log_evidence"] > start.report.diagnostics["log_evidence"]).all()


@pytest.mark.thorough
def test_a_transient_is_learned_in_a_bent_coordinate() -> None:
    """Decays of rate 30 to 150 on 40 points that are dense at 0, judged between them."""
    x, rates = np.geomspace(1e-4, 1.0, 40), np.linspace(30, 150, 5)
    between = np.sqrt(x[1:] * x[:-1])
    data = ProductData((Axis.of("t", x), Axis.of("rate", rates)), np.exp(-np.outer(x, rates))[..., None], ("u",))
    errors, bends = {}, {}
    for warp in ("none", "log"):
        fitted = GpGrid(GpGridConfig(warp=warp)).fit(data)
        found = fitted.predict([Axis.of("t", between), data.axes[1]]).mean[..., 0]
        errors[warp] = np.sqrt(np.mean((found - np.exp(-np.outer(between, rates))) ** 2))
        bends[warp] = float(fitted.report.diagnostics["bends"][0, 0])
    assert bends["none"] == 0.0 and bends["log"] > 2.0
    assert errors["log"] < 0.1 * errors["none"]


@pytest.mark.thorough
def test_a_warm_start_goes_on_from_where_the_last_round_ended() -> None:
    data = small("mixed")
    model = GpGrid(GpGridConfig(iterations=30))
    cold = model.fit(data, capacity=10)
    built = objective.compilations
    warm = model.fit(data, warm_start=model.from_state(cold.state()), capacity=10)
    assert objective.compilations == built
    assert warm.report.diagnostics["evidence_starts"].shape == (1, 1)
    assert float(warm.report.diagnostics["log_evidence"][0]) >= float(cold.report.diagnostics["log_evidence"][0]) - 1e-6


@pytest.mark.thorough
def test_a_large_grid_is_thinned_whatever_the_order_of_its_rows() -> None:
    data = problem("mixed")
    units = Units.of(data, None, "scale")
    part = thinned(_filled(data, units, 14), 1000)
    assert part.values.shape == (1, 5, 4, 6, 6) and [len(p) for p in part.points] == [5, 4, 6, 6]
    order = np.random.default_rng(0).permutation(data.axes[-1].size)
    shuffled = ProductData((*data.axes[:-1], data.axes[-1].taken(order)), data.values[:, :, :, order], data.outputs)
    again = thinned(_filled(shuffled, units, None), 1000)
    np.testing.assert_array_equal(part.points[-1], again.points[-1])
    np.testing.assert_array_equal(part.values, again.values)
    fitted = GpGrid(GpGridConfig(evidence_points=1000, iterations=3)).fit(data)
    assert float(fitted.report.diagnostics["evidence_points"]) == part.values.size


def test_refuses_tables_and_grids_that_are_too_large(monkeypatch) -> None:
    rows = Axis("point", np.linspace(0, 1, grid.MOST_ON_AXIS + 1)[:, None], ("x",))
    table = ProductData((rows,), np.ones((rows.size, 1)), ("y",))
    with pytest.raises(DataError, match=r"one axis of 1,501 points, which is a table and no grid; take gp,"):
        GpGrid(GpGridConfig()).fit(table)
    with pytest.raises(TooLarge, match=r"axis 'point' has 1,501 points"):
        GpGrid(GpGridConfig()).fit(
            ProductData((Axis.of("t", np.arange(2.0)), rows), np.ones((2, rows.size, 1)), ("y",))
        )
    monkeypatch.setattr(grid, "available_bytes", lambda: 1000)
    with pytest.raises(TooLarge, match=r"504 points of 1 outputs need .* take fewer points, or gp_sparse"):
        GpGrid(GpGridConfig()).fit(problem("grid"))
