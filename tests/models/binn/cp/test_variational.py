"""Variational inference: a dense transcription of coordinate ascent, the exact posterior of one block, and a bound that
never falls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.cp.fit import draw_start, prepare, stated_features
from binn_cli.models.binn.stated import choose_bases
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.units import Units
from tests.marks import thorough_for
from tests.models.binn import dense_reference as dense
from tests.models.binn.cp import dense_variational as reference
from tests.models.problems import new_points, problem

PLAIN: dict[str, object] = {
    "inference": "vb",
    "decomposition": "cp",
    "variance": "joint",
    "modes": 3,
    "centers": 5,
    "length": 1.2,
    "padding": 0,
    "stretch": 0,
    "prior": "weight",
    "relevance": "none",
    "noise": "fixed",
    "noise_variance": 0.01,
    "tolerance": 0.0,
    "start": "random",
    "compression": 0.0,
    "output_scaling": "none",
}  # fmt: skip
VARIANCE = 1.0


def _phi(fitted, points: np.ndarray) -> list[np.ndarray]:
    scaled = (points - fitted.units.inputs.low) / fitted.units.inputs.span
    return [dense.gaussian(scaled[:, d], b.centers, b.length) for d, b in enumerate(fitted.stated[0])]


def _start(data: ProductData) -> list[np.ndarray]:
    """The random start of a fit."""
    config, units = BinnConfig(**PLAIN), Units.of(data, None, "none")
    bases, modes, _ = choose_bases(config, data, units)
    features, levels = stated_features(config, bases, modes)
    prepared = prepare(data, features, units.inputs, units.outputs, 0.0)
    return [w.T for w in draw_start(config, prepared, levels, modes, 0)]


@pytest.mark.parametrize("kind", thorough_for({"mixed", "scattered"}, ("grid", "mixed", "scattered")))
def test_every_sweep_equals_dense_coordinate_ascent(kind: str) -> None:
    data = problem(kind, noise=0.1)
    first, second = (Binn(BinnConfig(**{**PLAIN, "sweeps": n})).fit(data) for n in (1, 2))
    inputs, outputs = data.table()
    phi, u = _phi(first, inputs), outputs[:, 0]
    weights = _start(data)  # blocks start from their means alone
    covariances = [np.zeros((w.size, w.size)) for w in weights]
    new = new_points(data)
    for fitted in (first, second):
        weights, covariances = reference.sweep(phi, u, weights, covariances, VARIANCE, 1e-2)
        for mine, theirs in zip(fitted.posteriors[0].members[0][0].means, weights, strict=True):
            np.testing.assert_allclose(mine.T, theirs, rtol=1e-7, atol=1e-8)
        mean, variance = dense.predict(_phi(fitted, new.points), weights, covariances, True)
        got = fitted.predict([new])
        np.testing.assert_allclose(got.mean[:, 0], mean, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(got.epistemic_var[:, 0], variance, rtol=1e-6, atol=1e-9)
        expected = reference.bound(phi, u, weights, covariances, VARIANCE, 1e-2)
        np.testing.assert_allclose(fitted.report.diagnostics["elbo"][0, -1], expected, rtol=1e-9)


def test_one_block_is_exact_and_its_bound_is_the_evidence() -> None:
    data = problem("line", noise=0.1)
    fitted = Binn(BinnConfig(**{**PLAIN, "modes": 2, "centers": 8, "sweeps": 2})).fit(data)
    inputs, outputs = data.table()
    phi = _phi(fitted, inputs)[0]
    design = np.concatenate([phi, phi], axis=1)  # both modes are one linear model
    mean, covariance = dense.least_squares(design, outputs[:, 0], np.zeros(16), VARIANCE, 1e-2)
    new = new_points(data)
    at_new = _phi(fitted, new.points)[0]
    at_new = np.concatenate([at_new, at_new], axis=1)
    got = fitted.predict([new])
    np.testing.assert_allclose(got.mean[:, 0], at_new @ mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        got.epistemic_var[:, 0], np.sum(at_new @ covariance * at_new, axis=1), rtol=0, atol=1e-10
    )
    evidence = reference.log_evidence(design, outputs[:, 0], VARIANCE, 1e-2)
    np.testing.assert_allclose(fitted.report.diagnostics["elbo"][0], evidence, rtol=1e-10)


@pytest.mark.parametrize("relevance", ["none", "modes"])
@pytest.mark.parametrize("kind", thorough_for({"mixed"}, ("grid", "mixed", "scattered")))
@given(seed=st.integers(0, 10_000), level=st.floats(1e-3, 1.0))
@settings(max_examples=6, deadline=None)
def test_the_bound_never_falls(kind: str, relevance: str, seed: int, level: float) -> None:
    options = {**PLAIN, "noise": "learned", "relevance": relevance, "sweeps": 40, "seed": seed, "prior": "function"}
    fitted = Binn(BinnConfig(**options)).fit(problem(kind, noise=level, seed=seed))
    bound = fitted.report.diagnostics["elbo"][0]
    assert np.isfinite(bound).all()
    assert np.diff(bound).min() >= -1e-9 * np.abs(bound).max()


def test_the_bound_stops_the_iteration() -> None:
    data = problem("grid", noise=0.1)
    fits = [
        Binn(BinnConfig(**{**PLAIN, "noise": "learned", "sweeps": 300, "tolerance": t})).fit(data) for t in (1e-2, 1e-4)
    ]
    for fitted, tolerance in zip(fits, (1e-2, 1e-4), strict=True):
        bound = fitted.report.diagnostics["elbo"][0]
        made = int(np.isfinite(bound).sum())
        rises = np.diff(bound[:made]) / data.n_points
        assert made < 300
        assert rises[-1] <= tolerance
        assert (rises[:-1] > tolerance).all()


def test_the_bound_is_in_the_units_of_the_data() -> None:
    """Halving the unit of y adds log 2 a point to the log density of the data."""
    data = problem("grid", noise=0.1)
    larger = type(data)(data.axes, 2.0 * data.values, data.outputs)
    options = {**PLAIN, "noise": "learned", "output_scaling": "scale", "sweeps": 5}
    ours, theirs = (Binn(BinnConfig(**options)).fit(d).report.diagnostics["elbo"][0, 4] for d in (data, larger))
    np.testing.assert_allclose(ours - theirs, data.n_points * np.log(2.0), rtol=1e-9)


@pytest.mark.parametrize("inference", ["als", "vb"])
def test_superfluous_modes_vanish(inference: str) -> None:
    """One product where eight modes are offered; and two products whose singular vectors, where the fit starts, make
    four."""
    data = problem("grid", noise=1e-3)
    single = np.sin(1 + data.table()[0] / np.array([1.0, 1.0, 0.04])).prod(axis=1).reshape(data.values.shape)
    single = single + 1e-3 * np.random.default_rng(0).standard_normal(single.shape)
    fits = [
        Binn(BinnConfig(inference=inference, modes=8, sweeps=60, tolerance=0.0, output_scaling="scale")).fit(d)
        for d in (type(data)(data.axes, single, data.outputs), data)
    ]
    assert int(fits[0].report.diagnostics["active_modes"][0]) == 1
    assert 2 <= int(fits[1].report.diagnostics["active_modes"][0]) <= 4
    assert fits[1].report.diagnostics["modes"].tolist() == [8]


def test_second_moments_widen_the_error_bars_where_blocks_are_uncertain() -> None:
    """Few noisy points: the alternation forgets what the other blocks do not know, and variational inference does
    not."""
    rng = np.random.default_rng(0)
    points = Axis("point", rng.uniform(0, 1, (30, 2)), ("x", "y"))
    data = problem("scattered", noise=0.3)
    few = type(data)(
        (points,), np.sin(3 * points.points).prod(axis=1)[:, None] + 0.3 * rng.standard_normal((30, 1)), ("u",)
    )
    options = {**PLAIN, "modes": 1, "sweeps": 30, "noise_variance": 0.09}
    als, vb = (Binn(BinnConfig(**{**options, "inference": i})).fit(few) for i in ("als", "vb"))
    new = new_points(few)
    assert (
        np.abs(vb.predict([new]).mean).mean() < np.abs(als.predict([new]).mean).mean()
    )  # uncertain partners shrink a block
