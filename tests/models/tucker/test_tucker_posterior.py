"""The predictive variance against sampling, against groupings of the same points, and where it is tiny."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn import pieces
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker import coordinates, layout, mean, prediction, scattered
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from tests.models.problems import new_points, problem

CONFIG = BinnConfig(
    decomposition="tucker", ranks=2, centers=4, length=1.5, padding=1, stretch=0, sweeps=4, tolerance=0.0, compression=0.0
)  # fmt: skip


def _functions(dimension: DimensionPosterior, values: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Draws of one dimension's functions at n points: (draws, n, R)."""
    weights, directions, covariance, variance = (np.asarray(a) for a in dimension)
    rank, width = weights.shape[0], directions.shape[1]
    if covariance.ndim == 3:
        full = np.zeros((rank, width, rank, width))
        full[:, np.arange(width), :, np.arange(width)] = covariance
        covariance = full
    root = np.linalg.cholesky(covariance.reshape(rank * width, -1) + 1e-14 * np.eye(rank * width))
    seen = (rng.standard_normal((draws, rank * width)) @ root.T).reshape(draws, rank, width)
    blind = rng.standard_normal((draws, rank, len(directions))) * np.sqrt(variance)[:, None]
    blind -= blind @ directions @ directions.T
    return np.einsum("srj,nj->snr", weights + seen @ directions.T + blind, values)


@pytest.mark.parametrize("kind", ["grid", "mixed", "scattered"])
def test_variance_is_that_of_samples_from_the_blocks(kind: str) -> None:
    data = problem(kind, noise=0.05)
    # So little data confidence that every term counts, the products of several blocks' variances too.
    fitted = Binn(replace(CONFIG, noise="fixed", noise_variance=3.0, relevance="none")).fit(data)
    axis = new_points(data, n=6)
    rng, draws = np.random.default_rng(0), 40_000
    points = (axis.points - fitted.inputs.low) / fitted.inputs.span
    core = fitted.core.of_output(0)
    noise = np.sqrt(np.asarray(core.variance)) * rng.standard_normal((draws, *core.variance.shape))
    for a, vectors in enumerate(core.vectors):
        noise = np.moveaxis(np.tensordot(noise, vectors, axes=(a + 1, 1)), -1, a + 1)
    columns = np.ones((draws, 6, 1))
    for d, dimension in enumerate(fitted.dimensions):
        own = _functions(dimension.of_output(0), np.asarray(fitted.bases[d](points[:, d])), rng, draws)
        columns = np.einsum("snq,snr->snqr", columns, own).reshape(draws, 6, -1)
    samples = np.einsum("snq,sq->sn", columns, (np.asarray(core.mean) + noise).reshape(draws, -1)) * fitted.outputs.scale[0]
    got = fitted.predict([axis])
    error = samples.std(axis=0) / np.sqrt(draws)
    assert (np.abs(samples.mean(axis=0) - got.mean[:, 0]) < 5 * error).all()
    np.testing.assert_allclose(samples.var(axis=0), got.epistemic_var[:, 0], rtol=0.1)


@pytest.fixture(scope="module")
def mixed():
    data = problem("mixed", noise=0.01)
    return data, Binn(CONFIG).fit(data)


@pytest.mark.parametrize("limit", [layout.TABLE_ENTRIES, 2000])
@pytest.mark.parametrize("pairs", [layout.MOST_PAIRS, 16, 1])
def test_products_are_predicted_as_their_points_are(mixed, limit: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the groups are arranged and the first one is cut into chunks."""
    data, fitted = mixed
    cases = Axis("case", data.axes[-1].points[:5], ("k", "P"))
    inputs = ProductData((*data.axes[:-1], cases), data.values[..., :5, :], data.outputs).table()[0]
    expected = fitted.predict([Axis("point", inputs, data.inputs)])
    monkeypatch.setattr(layout, "TABLE_ENTRIES", limit)
    monkeypatch.setattr(layout, "MOST_PAIRS", pairs)
    whole = fitted.predict([*data.axes[:-1], cases])
    np.testing.assert_allclose(whole.mean.reshape(-1, 1), expected.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.epistemic_var.reshape(-1, 1), expected.epistemic_var, rtol=1e-6, atol=1e-16)


def test_axes_may_be_grouped_in_any_way(mixed) -> None:
    data, fitted = mixed
    x, y, t = data.axes[:3]
    k, strength = Axis.of("k", np.array([1.5, 2.5])), Axis.of("P", np.array([120.0, 150.0, 190.0]))
    inputs = ProductData((x, y, t, k, strength), np.zeros((x.size, y.size, t.size, 2, 3, 1)), ("u",)).table()[0]
    expected = fitted.predict([Axis("point", inputs, data.inputs)])
    shape = (x.size, y.size, t.size, 2, 3, 1)
    both = np.stack([np.repeat(x.points[:, 0], y.size), np.tile(y.points[:, 0], x.size)], axis=1)
    for axes in ([x, y, t, k, strength], [Axis("point", both, ("x", "y")), t, k, strength]):
        got = fitted.predict(axes)
        np.testing.assert_allclose(got.mean.reshape(shape), expected.mean.reshape(shape), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got.epistemic_var.reshape(shape), expected.epistemic_var.reshape(shape), rtol=1e-6, atol=1e-16)


def test_a_tiny_variance_is_not_lost_in_round_off(mixed) -> None:
    """Blocks that are certain to 1e-20 of their size: the difference of second moments would be round-off of 1e-16."""
    _, fitted = mixed
    small = 1e-20
    dimensions = tuple(d._replace(covariance=d.covariance * small, prior_variance=d.prior_variance * small) for d in fitted.dimensions)
    core = fitted.core._replace(variance=fitted.core.variance * small)
    sure = replace(fitted, dimensions=dimensions, core=core)
    quarters = tuple(d._replace(covariance=d.covariance / 4, prior_variance=d.prior_variance / 4) for d in dimensions)
    half = replace(fitted, dimensions=quarters, core=core._replace(variance=core.variance / 4))
    axes = [Axis.of("x", np.linspace(0, 1, 4)), Axis.of("y", np.linspace(0, 1, 3)), Axis.of("t", np.array([0.01, 0.03]))]
    axes = [*axes, Axis("case", np.array([[1.5, 120.0], [3.0, 170.0]]), ("k", "P"))]
    for grouped in (axes, [new_points(problem("mixed"), n=5)]):
        got, quarter = sure.predict(grouped).epistemic_var, half.predict(grouped).epistemic_var
        assert (got > 0).all()
        np.testing.assert_allclose(got, 4 * quarter, rtol=1e-6)  # first order in the blocks' variances, as it must be when they vanish


@pytest.mark.parametrize("axes", ["points", "product"])
def test_one_compilation_serves_all_chunks(mixed, axes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, fitted = mixed
    name, function = {"points": ("evaluated_scattered", scattered.evaluate_scattered), "product": ("evaluated", prediction._evaluate)}[axes]
    fresh = CompiledFunction(function)
    monkeypatch.setattr(prediction, name, fresh)
    monkeypatch.setattr(layout, "TABLE_ENTRIES", 2000)
    monkeypatch.setattr(mean, "POINTS_PER_CALL", 16)
    fitted.predict([new_points(data, n=37)] if axes == "points" else data.axes)
    assert fresh.compilations == 1


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("kind", ["grid", "mixed"])
def test_scattered_points_are_contracted_with_the_roots_of_all_covariances(kind: str, joint: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As matrix products and point by point; leading functions are known far better than the last ones."""
    data = problem(kind, noise=1e-5)
    config = replace(CONFIG, ranks=3, sweeps=10, variance="joint" if joint else "modes")
    fitted = Binn(config).fit(data)
    axis = new_points(data, n=100)
    monkeypatch.setattr(scattered, "BLOCK_ROWS", (8, 32))
    assert fitted._scattering.terms is not None
    got = fitted.predict([axis])
    monkeypatch.setattr(coordinates, "terms_of", lambda *_, **__: None)
    expected = replace(fitted).predict([axis])
    np.testing.assert_allclose(got.mean, expected.mean, rtol=1e-10)
    np.testing.assert_allclose(got.epistemic_var, expected.epistemic_var, rtol=1e-9)


@pytest.fixture(scope="module")
def fine():
    """A surrogate with a stretched coordinate and axes of one and of several coordinates, and points in its box."""
    data = problem("mixed", noise=1e-5)
    fitted = Binn(replace(CONFIG, ranks=3, centers=5, length=1.0, stretch=[0, 0, 30, 0, 0], sweeps=10)).fit(data)
    low, high = (np.concatenate([getattr(axis.points, end)(axis=0) for axis in data.axes]) for end in ("min", "max"))
    return fitted, np.random.default_rng(0).uniform(low, high, (300, 5)), data.inputs


@pytest.mark.parametrize("variance", [True, False])
def test_many_points_are_predicted_from_tables(fine, variance: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, points, inputs = fine
    expected = fitted.predict([Axis("point", points, inputs)], variance=variance)
    monkeypatch.setattr(coordinates, "MANY_POINTS", 300)
    scattering = fitted._scattering
    assert scattering.tables(points * 0.0, Stopwatch()) is not None
    got = fitted.predict([Axis("point", points, inputs)], variance=variance)
    scale = np.abs(expected.mean).max()
    np.testing.assert_allclose(got.mean, expected.mean, rtol=0, atol=1e-11 * scale)
    assert not (got.mean == expected.mean).all()
    if variance:
        np.testing.assert_allclose(got.epistemic_var, expected.epistemic_var, rtol=1e-7)


def test_no_tables_where_they_would_be_wrong(fine, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, points, inputs = fine
    unit = np.concatenate(fitted.inputs.axes([Axis("point", points, inputs)]), axis=1)
    monkeypatch.setattr(coordinates, "MANY_POINTS", 300)
    watch = Stopwatch()
    assert fitted._scattering.tables(unit, watch) is not None
    assert fitted._scattering.tables(unit[:299], watch) is None
    assert fitted._scattering.tables(np.where(unit == unit.max(), 1.001, unit), watch) is None  # a point beyond the box
    monkeypatch.setattr(pieces, "CELLS_PER_LENGTH", 0.1)
    assert replace(fitted)._scattering.tables(unit, watch) is None  # too coarse, and seen to be
