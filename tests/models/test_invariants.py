"""What must not matter: the order of rows, units, padding, the way the axes are grouped, and the path that the sums take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn import accumulation, statistics
from binn_cli.models.binn.basis import build_basis
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.points import PointFunctions
from tests.marks import thorough_for
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


@pytest.mark.parametrize("kind", thorough_for({"mixed"}, KINDS))
@given(seed=st.integers(0, 1000))
@settings(max_examples=3, deadline=None)
def test_order_of_rows(kind: str, seed: int) -> None:
    data = problem(kind, noise=0.01)
    axis = new_points(data)
    for mine, theirs in zip(_predicted(data, axis), _predicted(_permuted(data, seed), axis), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "scale", "shift"),
    thorough_for({("mixed", 1e6, 0.0)}, [(kind, *units) for kind in KINDS for units in ((1e6, 0.0), (1e-5, 3e-4))]),
)
def test_units_of_inputs_and_outputs(kind: str, scale: float, shift: float) -> None:
    data = problem(kind, noise=0.01)
    axis = new_points(data)
    axes = tuple(replace(a, points=a.points * scale + shift) for a in data.axes)
    other = replace(data, axes=axes, values=data.values * 1e3)
    moved = replace(axis, points=axis.points * scale + shift)
    for mine, theirs in zip(_predicted(data, axis), _predicted(other, moved), strict=True):
        np.testing.assert_allclose(mine * 1e3, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", thorough_for({"mixed", "scattered"}, KINDS))
def test_room_for_later_cases_changes_nothing(kind: str) -> None:
    data = problem(kind, noise=0.01)
    axis = new_points(data)
    config = replace(CONFIG, compression=0.0)
    for mine, theirs in zip(_predicted(data, axis, config), _predicted(data, axis, config, capacity=data.axes[-1].size + 9), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_a_grid_is_a_table_of_its_points() -> None:
    """The same data as a product of axes and as one axis of scattered points: one posterior."""
    grid = problem("grid", noise=0.02)
    inputs, outputs = grid.table()
    table = ProductData((Axis("point", inputs, grid.inputs),), outputs, grid.outputs)
    config = BinnConfig(
        modes=2, centers=5, length=1.5, padding=1, stretch=0, sweeps=4, tolerance=0.0, noise="fixed", noise_variance=1e-2,
        relevance="none", prior="weight", prior_mean="start", start="random", compression=0.0,
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


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_sums_over_points(rows: int, variational: bool, merged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the size of chunks nor repeated values, alone or joint, change sums over points of two outputs beyond round-off."""
    rng = np.random.default_rng(0)
    basis = build_basis("gaussian", 4, 0, 0.4)
    monkeypatch.setattr(accumulation, "ROWS_PER_CHUNK", rows)
    designs = tuple(np.asarray(basis(rng.uniform(0, 1, size))) for size in (150, 6, 5, 150))
    first = rng.integers(0, 6, 150)
    owners = (None, first, first % 5, None)
    places = np.arange(6), np.arange(6) % 5
    alone = statistics.Joint(first, (np.arange(6),), (1,)), statistics.Joint(first % 5, (np.arange(5),), (2,))
    joints = (statistics.Joint(first, places, (1, 2)),) if merged else alone
    axis = statistics.PointAxis(None, designs, owners, (accumulation.Products.of(basis),) * 4, joints)
    means = [rng.standard_normal((2, 3, 4)) for _ in designs]
    roots = [rng.standard_normal((2, 3, 4, 12)) for _ in designs]
    covariances = [np.einsum("amkr,aplr->amkpl", root, root) for root in roots] if variational else None
    moment = rng.standard_normal((2, 3, 150))
    functions = PointFunctions(axis, means, covariances)
    at = [np.asarray(design if owner is None else design[owner]) for design, owner in zip(designs, owners, strict=True)]
    values = [np.einsum("amk,nk->amn", mean, phi) for mean, phi in zip(means, at, strict=True)]
    second = [np.einsum("amn,apn->ampn", f, f) for f in values]
    if covariances is not None:
        second = [s + np.einsum("amkpl,nk,nl->ampn", c, phi, phi) for s, c, phi in zip(second, covariances, at, strict=True)]
    for c, phi in enumerate(at):
        g, pairs = (np.prod([of for other, of in enumerate(every) if other != c], axis=0) for every in (values, second))
        gram, rhs = functions.sums(c, moment)
        np.testing.assert_allclose(gram, np.einsum("ampn,nk,nl->amkpl", pairs, phi, phi), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(rhs, np.einsum("amn,nk->amk", moment * g, phi), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(functions.factor()[1], np.prod(second, axis=0).sum(axis=-1), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", ["gaussian", "hat", "bspline", "chidenn"])
@pytest.mark.parametrize("centers", [2, 3, 9])
@pytest.mark.parametrize("rate", [0.0, 20.0])
def test_formed_products_give_all_products(kind: str, centers: int, rate: float) -> None:
    rng = np.random.default_rng(1)
    for length in (0.02, 0.5) if kind == "gaussian" else (0.1,):
        basis = build_basis(kind, centers, 1, length, rate)
        phi, weights = np.asarray(basis(rng.uniform(0, 1, 60))), rng.standard_normal((4, 60))
        products = accumulation.Products.of(basis)
        formed = np.concatenate(products.formed(phi), axis=1)
        direct = np.einsum("pn,nj,nk->pjk", weights, phi, phi)
        np.testing.assert_allclose(products.gram(weights @ formed), direct, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rows", [3, 100, 8192])
def test_chunks_of_a_long_axis(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(500), rng.standard_normal((500, 2))
    basis = build_basis("gaussian", 6, 0, 0.2)
    monkeypatch.setattr(statistics, "LINE_ROWS", rows)
    shift, scale = np.array([0.5, 0.0]), np.array([2.0, 1.0])
    found = statistics.line_sums(basis, shift, scale, (np.pad(x, (0, 7)), np.pad(y, ((0, 7), (0, 0))), np.asarray(500)))
    phi, target = np.asarray(basis(x)), (y - shift) / scale
    np.testing.assert_allclose(found.gram, phi.T @ phi, rtol=1e-12)
    np.testing.assert_allclose(found.moment, target.T @ phi, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.energy, np.sum(target**2, axis=0), rtol=1e-12)
    squared, vectors = statistics.whitened_gram(np.asarray(found.gram))
    np.testing.assert_allclose(vectors @ np.diag(squared) @ vectors.T, phi.T @ phi, rtol=1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "decomposition"), [("grid", "tucker"), ("mixed", "tucker"), ("mixed", "cp"), ("scattered", "cp")])
def test_the_mean_alone_is_the_mean(kind: str, decomposition: str) -> None:
    data = problem(kind)
    fitted = Binn(BinnConfig(modes="auto" if decomposition == "tucker" else 3, decomposition=decomposition, sweeps=3)).fit(data)
    for axes in (data.axes, [new_points(data, 37)]):
        both, alone = fitted.predict(axes), fitted.predict(axes, variance=False)
        np.testing.assert_allclose(alone.mean, both.mean, rtol=1e-10, atol=1e-11)
        assert np.isnan(alone.epistemic_var).all() and alone.epistemic_var.shape == both.epistemic_var.shape
        np.testing.assert_array_equal(alone.noise_var, both.noise_var)
