"""The structured engine against a dense transcription of the printed algorithm: same weights, mean and variance after every sweep."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.model import Binn
from tests.marks import thorough_for
from tests.models import dense_reference as dense


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
        axes = (Axis.of("x", np.linspace(0, 1, 8)), Axis.of("t", rng.uniform(0, 0.04, 5)), Axis("case", pairs, ("k", "P")))
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
        "modes": 3, "centers": 5, "length": 1.2, "prior": "weight", "prior_mean": "start", "noise": "fixed", "noise_variance": 1e-2,
        "tolerance": 0.0, "start": "random", "compression": 0.0, "variance": "joint", "padding": 0, "stretch": 0, "relevance": "none",
        "output_scaling": "standard",
    }  # fmt: skip
    return BinnConfig(**{**settings, **changes})


REPEATED = {
    ("mixed", True, 12),
    ("mixed", False, 12),
    ("scattered", True, 12),
    ("scattered", False, 12),
    ("scattered", True, None),
}


@pytest.mark.parametrize(
    ("kind", "joint", "capacity"), thorough_for(REPEATED, product(("grid", "mixed", "scattered", "line"), (True, False), (None, 12)))
)
def test_every_sweep_equals_the_printed_algorithm(kind: str, joint: bool, capacity: int | None) -> None:
    data = _data(kind)
    rows = None if capacity is None else data.axes[-1].size + capacity
    options = {"variance": "joint" if joint else "modes"}
    fits = [Binn(_config(sweeps=s, **options)).fit(data, capacity=rows) for s in (1, 2, 3)]
    first = fits[0]
    inputs, outputs = data.table()
    new = np.random.default_rng(5).uniform(inputs.min(axis=0), inputs.max(axis=0), (13, inputs.shape[1]))
    axis = Axis("point", new, data.inputs)
    scaled, scaled_new = (inputs - first.inputs.low) / first.inputs.span, (new - first.inputs.low) / first.inputs.span
    for output in range(2):
        u = (outputs[:, output] - first.outputs.shift[output]) / first.outputs.scale[output]
        phi, phi_new = (
            [dense.gaussian(x[:, d], np.asarray(b.centers), float(b.length)) for d, b in enumerate(first.bases)]
            for x in (scaled, scaled_new)
        )
        weights = prior = _start(data, output, rows)
        for fitted in fits:
            weights, covariances = dense.sweep(phi, u, prior, weights, 1.0, 1e-2)
            for mine, theirs in zip(fitted.dimensions, weights, strict=True):
                np.testing.assert_allclose(mine.weights[output], theirs, rtol=1e-8, atol=1e-8)
            mean, variance = dense.predict(phi_new, weights, covariances, joint)
            got = fitted.predict([axis])
            scale, shift = fitted.outputs.scale[output], fitted.outputs.shift[output]
            np.testing.assert_allclose((got.mean[:, output] - shift) / scale, mean, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(got.epistemic_var[:, output] / scale**2, variance, rtol=1e-7, atol=1e-8)


def _start(data: ProductData, output: int, capacity: int | None) -> list[np.ndarray]:
    """The random start of a fit, recovered from a fit whose prior leaves the data no say."""
    # The draw is proportional to the prior's standard deviation, here 1e-3 where the fits that are tested have 1.
    pinned = Binn(_config(sweeps=1, noise_variance=1e12, prior_variance=1e-6)).fit(data, capacity=capacity)
    return [1e3 * np.asarray(d.weights[output]) for d in pinned.dimensions]


@pytest.mark.parametrize("kind", ["grid", "mixed", "scattered"])
def test_warm_start_makes_the_posterior_mean_the_prior_mean(kind: str) -> None:
    data = _data(kind)
    config = _config(sweeps=2)
    before = Binn(config).fit(data)
    after = Binn(_config(sweeps=1)).fit(data, warm_start=before)
    inputs, outputs = data.table()
    scaled = (inputs - before.inputs.low) / before.inputs.span
    phi = [dense.gaussian(scaled[:, d], np.asarray(b.centers), float(b.length)) for d, b in enumerate(before.bases)]
    u = (outputs[:, 0] - before.outputs.shift[0]) / before.outputs.scale[0]
    prior = [np.asarray(d.weights[0]) for d in before.dimensions]
    weights, _ = dense.sweep(phi, u, prior, prior, 1.0, 1e-2)
    for mine, theirs in zip(after.dimensions, weights, strict=True):
        np.testing.assert_allclose(mine.weights[0], theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("points", [300, 5000])
def test_long_axis_equals_normal_equations(points: int) -> None:
    """Beyond a few thousand points a single axis goes through its Gram matrix; both ways give the closed-form posterior."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, points)
    y = np.sin(3 * x) + 0.2 * rng.standard_normal(points)
    data = ProductData((Axis("point", x[:, None], ("x",)),), y[:, None], ("y",))
    fitted = Binn(_config(modes=1, centers=12, prior_mean="zero", sweeps=2, noise_variance=0.08)).fit(data)
    scaled = (x - fitted.inputs.low) / fitted.inputs.span
    phi = dense.gaussian(scaled, np.asarray(fitted.bases[0].centers), float(fitted.bases[0].length))
    u = (y - fitted.outputs.shift[0]) / fitted.outputs.scale[0]
    expected = np.linalg.solve(phi.T @ phi / 0.08 + np.eye(12), phi.T @ u / 0.08)
    np.testing.assert_allclose(fitted.dimensions[0].weights[0, 0], expected, rtol=1e-8, atol=1e-8)
