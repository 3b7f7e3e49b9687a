"""The deterministic networks: their functions against plain NumPy, their sizes, and that training learns, stops and
starts again."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.interpolate import BSpline

from binn_cli.config.schema import InnConfig, MlpConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.networks.architectures import InnArchitecture, KanArchitecture, MlpArchitecture
from binn_cli.models.networks.model import Inn, Mlp
from tests.models.problems import problem

KEY = jax.random.key(3)
X = np.random.default_rng(0).uniform(size=(7, 2)).astype(np.float32)


def silu(value: np.ndarray) -> np.ndarray:
    return value / (1 + np.exp(-value))


def test_perceptron() -> None:
    network = MlpArchitecture((2, 3, 2), "tanh")
    p = jax.tree.map(np.asarray, network.begin(KEY))
    # Biases come before the weights of their layer, and begin at 0.
    first, second = p["vector"][3:9].reshape(2, 3), p["vector"][11:].reshape(3, 2)
    assert (p["vector"][[0, 1, 2, 9, 10]] == 0).all() and (p["vector"] != 0).sum() == 12
    np.testing.assert_allclose(network(p, X), np.tanh((2 * X - 1) @ first) @ second, rtol=0, atol=1e-5)


def test_edges_of_a_kan_are_cubic_splines_and_silu() -> None:
    network = KanArchitecture((2, 1), 4)
    p = jax.tree.map(np.asarray, network.begin(KEY))["layer_0"]
    z = 2.0 * X.astype(float) - 1.0
    knots = -1.0 + 0.5 * (np.arange(4 + 7) - 3)
    expected = silu(z) @ p["base"]
    for i in range(2):
        expected += BSpline(knots, p["splines"][i].astype(float), 3)(z[:, i])
    np.testing.assert_allclose(network({"layer_0": p}, X), expected, rtol=0, atol=1e-5)


def test_inn_is_a_sum_of_products_of_interpolations() -> None:
    network = InnArchitecture(2, 1, 3, "hat", (5, 5), 0, 1.0)
    p = jax.tree.map(np.asarray, network.begin(KEY))
    nodes = np.linspace(0, 1, 5)
    factors = [np.stack([np.interp(X[:, d], nodes, w) for w in p[f"dimension_{d}"].T]) for d in range(2)]
    np.testing.assert_allclose(network(p, X)[:, 0], (factors[0] * factors[1]).sum(axis=0), rtol=0, atol=1e-5)


def test_learns_stops_early_and_counts_its_parameters() -> None:
    data = problem("scattered", noise=0.05)
    fitted = Mlp(MlpConfig(width=16, layers=1, steps=5000, patience=500)).fit(data)
    kept = fitted.report.diagnostics
    assert kept["n_parameters"] == 2 * 16 + 16 + 16 + 1
    assert 0.03 < kept["noise_std"][0] < 0.08
    best = int(np.argmin(kept["held_out_loss"]))
    np.testing.assert_allclose(
        np.sqrt(kept["held_out_loss"][best]) * np.std(data.values), kept["noise_std"][0], rtol=1e-5
    )
    assert len(kept["held_out_loss"]) == min(best + 6, 50)
    prediction = fitted.predict(data.axes)
    assert (prediction.epistemic_var == 0).all() and np.allclose(prediction.noise_var, kept["noise_std"][0] ** 2)


def test_a_warm_start_begins_where_the_last_fit_ended() -> None:
    data = problem("grid")
    model = Inn(InnConfig(modes=4, centers=6, steps=600))
    cold = model.fit(data)
    warm = model.fit(data, warm_start=cold, capacity=7)
    assert warm.report.diagnostics["n_parameters"] == sum(4 * (min(6, axis.size // 2) + 2) for axis in data.axes)
    assert warm.report.diagnostics["training_loss"][0] < 0.5 * cold.report.diagnostics["training_loss"][0]


@pytest.mark.thorough
def test_few_values_of_a_coordinate_get_few_centers_of_an_inn() -> None:
    """Between the values the network interpolates; with a centre for every value it would keep its random start
    there."""
    data = problem("grid")
    every = Inn(InnConfig(modes=4, centers=6, steps=3000)).fit(data)
    assert every.architecture.centers == (4, 4, 3)  # type: ignore[attr-defined]
    third = data.axes[2].taken([0, 2, 3, 6])
    thin = ProductData((*data.axes[:2], third), data.values[:, :, [0, 2, 3, 6]], data.outputs)
    found = Inn(InnConfig(modes=4, centers=6, steps=3000)).fit(thin)
    assert found.architecture.centers == (4, 4, 2)  # type: ignore[attr-defined]
    error = found.predict(data.axes).mean - data.values
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.std(data.values)
    # More values of a coordinate do not change a network that is trained on.
    assert Inn(InnConfig(modes=4, centers=6, steps=100)).fit(data, warm_start=found).architecture == found.architecture
