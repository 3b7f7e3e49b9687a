"""The finite-element solutions against the exact series: accuracy of the defaults and rates of convergence."""

import numpy as np
import pytest
from heat_series import PAPER_CENTERS, exact, relative_rmse
from heat_sparse import nodal_values

from binn_cli.config.schema import HeatConfig
from binn_cli.datasets import heat_fem
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.heat_fem import HeatSolver, parts, spline_rows


@pytest.fixture(scope="module")
def splits():
    """All splits of the default settings, with fewer cases."""
    heat = Heat(
        HeatConfig(source_centers=PAPER_CENTERS, train_cases=2, test_cases=2, offgrid_cases=3, cache=""), seed=1
    )
    k_lowest_and_highest = [0, heat.candidates.size - 1]
    return {"train": heat.label(k_lowest_and_highest), **heat.evaluation()}


def reference(data):
    """The exact solution at every node of the data; its sources are the paper's and its radius 0.05."""
    x, y, t, case = (axis.points for axis in data.axes)
    return np.stack([P * exact(x[:, 0], y[:, 0], t[:, 0], k, PAPER_CENTERS, 0.05) for k, P in case], axis=-1)


@pytest.mark.parametrize("split", ["train", "test", "offgrid", "offgrid_at_times"])
def test_default_settings_agree_with_the_exact_series(splits, split):
    data = splits[split]
    truth = reference(data)
    assert relative_rmse(data.values[..., 0], truth) < 5e-5
    for column, time in enumerate(data.axes[2].points[:, 0]):
        if time > 0:  # also early, where u is small and a uniform time step would be off by several per cent
            assert relative_rmse(data.values[:, :, column, :, 0], truth[:, :, column]) < 5e-4


def test_the_series_has_converged():
    x = np.linspace(0, 1, 21)
    t = [1e-3, 0.04]
    assert relative_rmse(exact(x, x, t, 1.0, PAPER_CENTERS, 0.05, 160), exact(x, x, t, 1.0, PAPER_CENTERS, 0.05)) < 1e-7


WIDE = {"source_centers": [[0.5, 0.45]], "source_radius": 0.2, "times": 2, "grid": 2, "offgrid_cases": 0}


def error(k=1.0, **settings):
    """Relative error of one solution at scattered points at the end time."""
    config = HeatConfig(**(WIDE | settings))
    x, y = np.sort(np.random.default_rng(0).uniform(size=(2, 30)), axis=1)
    found = HeatSolver(config).solution(k, x, y, np.array([config.substeps]))
    return relative_rmse(found, exact(x, y, [config.end_time], k, WIDE["source_centers"], WIDE["source_radius"]))


def rates(errors):
    return np.log2(np.array(errors[:-1]) / errors[1:])


@pytest.mark.parametrize(("order", "cells", "least", "most"), [(1, (16, 32, 64), 1.9, 2.1), (2, (8, 16, 32), 3.0, 5.0)])
def test_mesh_convergence(order, cells, least, most):
    # L2 theory gives order + 1; nodal values of quadratic elements on a uniform mesh are better than that: 2 · order.
    found = rates([error(element_order=order, cells=c, substeps=200) for c in cells])
    assert (found >= least).all() and (found <= most).all(), found


@pytest.mark.parametrize(("scheme", "rate"), [("backward_euler", 1), ("crank_nicolson", 2)])
def test_time_convergence(monkeypatch, scheme, rate):
    # Without the division of the early substeps, which adds the same 48 steps whatever their length and so blurs the
    # rate.
    monkeypatch.setattr(heat_fem, "START_PARTS", 1)
    found = rates([error(k=4.0, cells=24, scheme=scheme, substeps=s, end_time=0.02) for s in (8, 16, 32)])
    assert np.abs(found - rate).max() < 0.06, found


@pytest.mark.parametrize(("scheme", "gain"), [("backward_euler", 3), ("crank_nicolson", 10)])
def test_divided_early_substeps_pay(monkeypatch, scheme, gain):
    divided = error(k=4.0, cells=24, scheme=scheme, substeps=8, end_time=0.02)
    monkeypatch.setattr(heat_fem, "START_PARTS", 1)
    assert gain * divided < error(k=4.0, cells=24, scheme=scheme, substeps=8, end_time=0.02)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("scheme", ["crank_nicolson", "backward_euler"])
def test_kronecker_products_change_nothing(order, scheme):
    config = HeatConfig(
        source_centers=[[0.5, 0.45], [0.2, 0.7]],
        source_radius=0.1,
        element_order=order,
        scheme=scheme,
        cells=7,
        substeps=3,
        offgrid_cases=0,
    )
    (x, y), reference = nodal_values(config, 2.5, 5)
    nodes = np.linspace(0, 1, order * 7 + 1)
    found = HeatSolver(config).solution(2.5, nodes, nodes, np.array([5]))[:, :, 0]
    i, j = (np.rint(place * (len(nodes) - 1)).astype(int) for place in (x, y))
    np.testing.assert_allclose(found[i, j], reference, rtol=1e-11)


def test_early_substeps_are_divided_without_moving_their_ends():
    divided = [parts(step) for step in range(20)]
    assert divided == [16, 8, 8, 4, 4, 4, 4] + [2] * 8 + [1] * 5


def test_symmetric_sources_give_a_symmetric_solution():
    config = HeatConfig(source_centers=PAPER_CENTERS, cells=20, substeps=4, offgrid_cases=0)
    side = np.linspace(0, 1, 21)
    u = HeatSolver(config).solution(2.0, side, side, np.array([4, 48]))
    np.testing.assert_allclose(u, u.transpose(1, 0, 2), atol=1e-14)
    np.testing.assert_allclose(u, u[::-1], atol=1e-14)
    assert (u[[0, -1]] == 0).all() and (u[1:-1, 1:-1] > 0).all()


@pytest.mark.parametrize(("nodes", "degree"), [(3, 2), (5, 4), (11, 5)])
def test_spline_rows_reproduce_polynomials_and_nodal_values(nodes, degree):
    at = np.linspace(0, 1, nodes)
    between = np.array([0.03, 0.4, 0.77, 1.0])
    np.testing.assert_allclose(spline_rows(at, between) @ at**degree, between**degree, atol=1e-13)
    np.testing.assert_allclose(spline_rows(at, at), np.eye(nodes), atol=1e-13)


def test_a_grid_that_is_not_the_mesh_is_as_accurate():
    config = HeatConfig(source_centers=PAPER_CENTERS, cells=50, offgrid_cases=0)
    x = np.linspace(0, 1, 38)
    found = HeatSolver(config).solution(2.0, x, x, np.array([16, 192]))
    truth = exact(x, x, [0.04 / 12, 0.04], 2.0, PAPER_CENTERS, 0.05)
    assert relative_rmse(found, truth) < 5e-5
