"""A prior in function space: the network's draws, by plain NumPy, against the Gaussian process that they were fitted
to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from binn_cli import build
from binn_cli.config.schema import SCHEMAS
from binn_cli.config.schema.bnn import BnnEnsembleConfig, BnnLaplaceConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.bnn.ensemble import BnnEnsemble
from binn_cli.models.bnn.function_prior import POINTS, GaussianProcess, fitted_prior, random_inputs
from binn_cli.models.bnn.laplace import BnnLaplace
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.perceptron import Network

RBF = GaussianProcess("rbf", 0.3, 1.0)
SIN = Network((2, 32, 32, 1), "sin", "function")
TINY = {"widths": [8], "activation": "sin", "prior": "function", "prior_length": 0.5}


def values(network: Network, x: np.ndarray, draws: int) -> np.ndarray:
    """What draws of the prior are at inputs."""
    rng = np.random.default_rng(5)
    found = np.empty((draws, len(x)))
    for draw in found:
        units = x
        for layer, (weight, bias) in enumerate(network.variances):
            fan = network.sizes[layer : layer + 2]
            units = np.sin(units) if layer else units
            units = units @ rng.normal(0, np.sqrt(weight), fan) + rng.normal(0, np.sqrt(bias), fan[1])
        draw[:] = units[:, 0]
    return found


def test_draws_have_the_covariance_of_the_process() -> None:
    found = fitted_prior(SIN, RBF, 0, Stopwatch())
    assert found.distance < 0.05 < 0.4 < found.before
    new = random_inputs(RBF, 2, 12, seed=9)
    draws = values(found.network, new, 4000)
    r = np.linalg.norm(new[:, None] - new[None], axis=2) / (0.3 * np.sqrt(12) * np.sqrt(2))
    np.testing.assert_allclose(draws.T @ draws / len(draws), np.exp(-0.5 * r**2), atol=0.12)
    assert np.abs(np.mean(draws**4, axis=0) / np.mean(draws**2, axis=0) ** 2 - 3).max() < 0.8


def test_the_stated_distance_is_that_of_the_draws() -> None:
    found = fitted_prior(SIN, RBF, 0, Stopwatch())
    x = random_inputs(RBF, 2, POINTS, seed=0)
    draws, target = values(found.network, x, 6000), RBF.covariance(x)
    own, root = draws.T @ draws / len(draws), np.real(sqrtm(target))
    squared = np.trace(own) + np.trace(target) - 2 * np.trace(np.real(sqrtm(root @ own @ root)))
    # Sampling adds the distance of 6,000 draws from their own law.
    assert abs(np.sqrt(squared / np.trace(target)) - found.distance) < 0.06


def test_the_same_seed_gives_the_same_prior_and_another_process_another() -> None:
    one, again = (fitted_prior(SIN, GaussianProcess("matern52", 0.3, 4.0), 1, Stopwatch()) for _ in range(2))
    assert one.network == again.network and hash(one.network) == hash(again.network)
    x = random_inputs(RBF, 2, 8, seed=3)
    assert 3 < np.mean(values(one.network, x, 1000) ** 2) < 5


def line() -> ProductData:
    x = np.linspace(0, 1, 12)
    return ProductData((Axis.of("x", x),), np.sin(5 * x)[:, None], ("y",))


def test_anchors_are_draws_of_the_fitted_prior() -> None:
    """With noise that hides the data each member stays at its anchor, so that their spread is the process's."""
    config = BnnEnsembleConfig(
        **(TINY | {"widths": [32], "prior_variance": 2.25}), members=200, anchored=True, steps=0, polish=1,
        noise="fixed", noise_variance=1e6,
    )  # fmt: skip
    found = BnnEnsemble(config).fit(line())
    std = np.sqrt(found.predict(line().axes).epistemic_var) / np.std(line().values)
    np.testing.assert_allclose(std, 1.5, rtol=0.2)


def test_is_kept_and_gone_on_with() -> None:
    model = BnnLaplace(BnnLaplaceConfig(**TINY, steps=20, steps_again=10, polish=20))
    found = model.fit(line())
    assert found.report.diagnostics["prior_distance"] < found.report.diagnostics["prior_distance_fan_in"]
    assert found.report.diagnostics["prior_variances"].shape == (2, 2)
    loaded = model.from_state(found.state())
    assert loaded.density == found.density
    np.testing.assert_array_equal(loaded.predict(line().axes).mean, found.predict(line().axes).mean)
    warm = model.fit(line(), warm_start=loaded)
    assert len(warm.report.diagnostics["loss"]) == 2 and warm.density == found.density


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in SCHEMAS["model"] if name.startswith("bnn_")])
def test_every_inference_takes_it(name: str) -> None:
    config = SCHEMAS["model"][name](**TINY)
    for key, few in {
        "steps": 20,
        "start_steps": 20,
        "polish": 5,
        "start_polish": 5,
        "warmup": 10,
        "samples": 10,
    }.items():
        if hasattr(config, key):
            setattr(config, key, few)
    module, _, attribute = build.CLASSES["model"][name].partition(":")
    model = getattr(__import__(module, fromlist=[attribute]), attribute)(config)
    found = model.fit(line())
    assert found.density.network.variances and np.isfinite(found.predict(line().axes).total_std).all()
