"""The structured engine against a dense transcription of the printed algorithm: same weights, mean and variance after
every sweep."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.cp.fit import draw_start, prepare, stated_features
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.stated import choose_bases
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.units import Units
from tests.models.binn import dense_reference as dense


def _values(inputs: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 3, inputs.shape[1])
    smooth = np.sin(3 * inputs + phase).prod(axis=1) + 0.5 * np.cos(inputs.sum(axis=1))
    return smooth + 0.05 * rng.standard_normal(len(inputs))


def _data(kind: str, seed: int = 0) -> ProductData:
    rng = np.random.default_rng(seed)
    if kind == "grid":
        axes = tuple(Axis.of(name, np.sort(rng.uniform(-1, 2, n))) for name, n in (("x", 7), ("y", 6), ("z", 5)))
    elif kind == "mixed":
        pairs = np.stack([rng.choice([1.0, 2.0, 4.0], 9), rng.uniform(100, 200, 9)], axis=1)
        axes = (
            Axis.of("x", np.linspace(0, 1, 8)),
            Axis.of("t", rng.uniform(0, 0.04, 5)),
            Axis("case", pairs, ("k", "P")),
        )
    elif kind == "scattered":
        axes = (Axis("point", rng.uniform(0, 1, (150, 3)), ("x", "y", "z")),)
    else:
        axes = (Axis("point", rng.uniform(0, 1, (40, 1)), ("x",)),)
    shape = tuple(axis.size for axis in axes)
    blank = ProductData(axes, np.zeros((*shape, 2)), ("u", "v"))
    inputs, _ = blank.table()
    scaled = (inputs - inputs.min(axis=0)) / np.ptp(inputs, axis=0)
    values = np.stack([_values(scaled, 1), 10 + 3 * _values(scaled, 2)], axis=1)
    return ProductData(axes, values.reshape(*shape, 2), ("u", "v"))


def _config(**changes: object) -> BinnConfig:
    settings: dict[str, object] = {
        "modes": 3, "centers": 5, "length": 1.2, "prior": "weight", "prior_mean": "start", "noise": "fixed",
        "noise_variance": 1e-2,
        "tolerance": 0.0, "start": "random", "compression": 0.0, "variance": "joint", "padding": 0, "stretch": 0,
        "relevance": "none",
        "output_scaling": "standard", "inference": "als", "decomposition": "cp",
    }  # fmt: skip
    return BinnConfig(**{**settings, **changes})


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("kind", ["grid", "mixed", "scattered", "line"])
def test_every_sweep_equals_the_printed_algorithm(kind: str, joint: bool) -> None:
    data = _data(kind)
    options = {"variance": "joint" if joint else "modes"}
    fits = [Binn(_config(sweeps=s, **options)).fit(data) for s in (1, 2, 3)]
    first = fits[0]
    inputs, outputs = data.table()
    new = np.random.default_rng(5).uniform(inputs.min(axis=0), inputs.max(axis=0), (13, inputs.shape[1]))
    axis = Axis("point", new, data.inputs)
    scaled, scaled_new = (
        (inputs - first.units.inputs.low) / first.units.inputs.span,
        (new - first.units.inputs.low) / first.units.inputs.span,
    )
    for output in range(2):
        u = (outputs[:, output] - first.units.outputs.shift[output]) / first.units.outputs.scale[output]
        phi, phi_new = (
            [dense.gaussian(x[:, d], b.centers, b.length) for d, b in enumerate(first.stated[0])]
            for x in (scaled, scaled_new)
        )
        weights = prior = _start(data, output)
        for fitted in fits:
            weights, covariances = dense.sweep(phi, u, prior, weights, 1.0, 1e-2)
            for mine, theirs in zip(_weights(fitted, output), weights, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-8)
            mean, variance = dense.predict(phi_new, weights, covariances, joint)
            got = fitted.predict([axis])
            scale, shift = fitted.units.outputs.scale[output], fitted.units.outputs.shift[output]
            np.testing.assert_allclose((got.mean[:, output] - shift) / scale, mean, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(got.epistemic_var[:, output] / scale**2, variance, rtol=1e-7, atol=1e-8)


def _weights(fitted: FittedBinn, output: int) -> list[np.ndarray]:
    """(M, J) of every dimension."""
    (member, _) = fitted.posteriors[output].members[0]
    return [np.asarray(mean).T for mean in member.means]


def _start(data: ProductData, output: int) -> list[np.ndarray]:
    """The random start of a fit."""
    config = _config()
    units = Units.of(data, None, "standard")
    bases, modes, _ = choose_bases(config, data, units)
    features, levels = stated_features(config, bases, modes)
    prepared = prepare(data, features, units.inputs, units.outputs, 0.0)
    return [w.T for w in draw_start(config, prepared, levels, modes, output)]


@pytest.mark.parametrize("kind", ["grid", "mixed", "scattered"])
def test_warm_start_makes_the_posterior_mean_the_prior_mean(kind: str) -> None:
    data = _data(kind)
    config = _config(sweeps=2)
    before = Binn(config).fit(data)
    after = Binn(_config(sweeps=1)).fit(data, warm_start=before)
    inputs, outputs = data.table()
    scaled = (inputs - before.units.inputs.low) / before.units.inputs.span
    phi = [dense.gaussian(scaled[:, d], b.centers, b.length) for d, b in enumerate(before.stated[0])]
    u = (outputs[:, 0] - before.units.outputs.shift[0]) / before.units.outputs.scale[0]
    prior = _weights(before, 0)
    weights, _ = dense.sweep(phi, u, prior, prior, 1.0, 1e-2)
    for mine, theirs in zip(_weights(after, 0), weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("inference", ["als", "gauss_newton"])
@pytest.mark.parametrize("points", [300, 50_000])
def test_one_dimension_equals_normal_equations(points: int, inference: str) -> None:
    """Few rows or many, block by block or all at once: with one dimension there is one posterior in closed form."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, points)
    y = np.sin(3 * x) + 0.2 * rng.standard_normal(points)
    data = ProductData((Axis("point", x[:, None], ("x",)),), y[:, None], ("y",))
    variance = "joint" if inference == "als" else "laplace"
    config = _config(
        modes=1, centers=12, prior_mean="zero", sweeps=2, noise_variance=0.08, inference=inference, variance=variance
    )
    fitted = Binn(config).fit(data)
    scaled = (x - fitted.units.inputs.low) / fitted.units.inputs.span
    basis = fitted.stated[0][0]
    phi = dense.gaussian(scaled, basis.centers, basis.length)
    u = (y - fitted.units.outputs.shift[0]) / fitted.units.outputs.scale[0]
    precision = phi.T @ phi / 0.08 + np.eye(12)
    new = np.linspace(-1, 1, 50)
    at_new = dense.gaussian((new - fitted.units.inputs.low) / fitted.units.inputs.span, basis.centers, basis.length)
    got = fitted.predict([Axis("point", new[:, None], ("x",))])
    scale = fitted.units.outputs.scale[0]
    mean = at_new @ np.linalg.solve(precision, phi.T @ u / 0.08) * scale + fitted.units.outputs.shift[0]
    np.testing.assert_allclose(got.mean[:, 0], mean, rtol=1e-8, atol=1e-8)
    variance_there = np.sum(at_new * np.linalg.solve(precision, at_new.T).T, axis=1) * scale**2
    np.testing.assert_allclose(got.epistemic_var[:, 0], variance_there, rtol=1e-6, atol=1e-12)
