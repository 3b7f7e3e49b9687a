"""`prior: function`: variances of the weights, layer by layer, with which the network's functions are like those of a
Gaussian process.

What is made small is the 2-Wasserstein distance between the normal laws of the function's values at random inputs of
the domain, that of the network having its covariance: W² = tr A + tr B − 2 tr (B^½ A B^½)^½. Tran, Rossi, Milios and
Filippone, "All you need is a good functional prior for Bayesian deep learning", 2022, do so with the 1-Wasserstein
distance between draws, which needs a network of its own to be computed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.perceptron import Layers, Network, Variances

SIDE = 2 * 3.0**0.5
"""Length of the domain of standardised inputs, in every direction."""
POINTS = 32
"""Inputs at which values are compared: pairs, within about a length of each other."""
HIDDEN_DRAWS = 64
"""Draws of the hidden layers; the last one's weights are averaged over in closed form."""
ITERATIONS = 60
FURTHEST = 8.0
"""Largest logarithm, up or down, of a variance over that of `fan_in`."""
NEARNESS = 1e-5
"""Weight of the squared logarithms of the changes: of variances that give the same functions (of units that are
homogeneous there are many), the nearest to `fan_in` are taken."""
JITTER = 1e-6
DIGITS = 4
"""To which variances are rounded, so that one prior is the same on machines that round otherwise."""


@dataclass(frozen=True)
class GaussianProcess:
    """What the network's functions are to be like, in standardised units.

    Attributes:
        kernel: `rbf`, `matern52` or `matern32`.
        length: its length, as a share of √D times the range of the inputs.
        variance: of a value.
    """

    kernel: str
    length: float
    variance: float

    def covariance(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n n"]:
        """Between the values at inputs."""
        steps = (x[:, None] - x[None]) / (self.length * SIDE * np.sqrt(x.shape[1]))
        r = np.sqrt(np.sum(steps**2, axis=2))
        if self.kernel == "rbf":
            return self.variance * np.exp(-0.5 * r**2)
        if self.kernel == "matern52":
            return self.variance * (1 + 5**0.5 * r + 5 * r**2 / 3) * np.exp(-(5**0.5) * r)
        return self.variance * (1 + 3**0.5 * r) * np.exp(-(3**0.5) * r)


@dataclass(frozen=True)
class FittedPrior:
    """The outcome.

    Attributes:
        network: with the fitted variances.
        distance: root of W² over that of the Gaussian process's own variances: 0 for the same law, 1 for no function.
        before: the same of the network with `fan_in`.
    """

    network: Network
    distance: float
    before: float


def random_inputs(process: GaussianProcess, inputs: int, number: int, seed: int) -> Float[np.ndarray, "n D"]:
    """Half of them anywhere in the domain, and one near each: in many dimensions chance holds no near pairs."""
    rng = np.random.default_rng([seed, 21])
    anywhere = rng.uniform(-0.5, 0.5, (number - number // 2, inputs)) * SIDE
    step = process.length * SIDE * rng.standard_normal((number // 2, inputs))
    return np.concatenate([anywhere, np.clip(anywhere[: number // 2] + step, -0.5 * SIDE, 0.5 * SIDE)])


def _layers_of(logs: Array, network: Network, noise: Layers) -> Layers:
    """The hidden layers' weights for standard normal ones and log variances."""
    sizes = jnp.exp(0.5 * logs.reshape(-1, 2))
    return [
        {"weight": size[0] * layer["weight"], "bias": size[1] * layer["bias"]}
        for size, layer in zip(sizes, noise, strict=False)
    ]


def _covariance(logs: Array, noise: Float[Array, "s W"], x: Float[Array, "n D"], network: Network) -> Array:
    """Covariance of an output at inputs, the mean over draws of the hidden layers."""

    def of_draw(vector: Array) -> Array:
        features = network.features([*_layers_of(logs, network, network.layers(vector)[:-1]), {}], x)
        weight, bias = jnp.exp(logs[-2]), jnp.exp(logs[-1])
        return weight * features @ features.T + bias

    return jax.vmap(of_draw)(noise).mean(axis=0)


def _distance(logs: Array, noise: Array, x: Array, root: Array, *, network: Network) -> tuple[Array, Array]:
    """W² over the trace of the other covariance, whose root is given, and its gradient."""

    def squared(logs: Array) -> Array:
        own = _covariance(logs, noise, x, network)
        values = jnp.linalg.eigvalsh(root @ own @ root)
        total = jnp.sum(root**2)
        shared = jnp.sum(jnp.sqrt(jnp.maximum(values, 0.0) + (JITTER * total / len(x)) ** 2))
        return (jnp.trace(own) + total - 2 * shared) / total

    return jax.value_and_grad(squared)(logs)


distance_and_slope = CompiledFunction(_distance)


@functools.lru_cache(maxsize=64)
def _fitted(network: Network, process: GaussianProcess, seed: int) -> tuple[FittedPrior, float]:
    watch = Stopwatch()
    x = random_inputs(process, network.sizes[0], POINTS, seed)
    values, vectors = np.linalg.eigh(process.covariance(x))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    one = replace(network, sizes=(*network.sizes[:-1], 1))  # outputs are alike a priori
    noise = np.random.default_rng([seed, 22]).standard_normal((HIDDEN_DRAWS, one.n_weights))

    def objective(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = distance_and_slope(watch, logs, noise, x, root, network=one)
        away = logs - begin
        return float(value) + NEARNESS * float(away @ away), np.asarray(slope) + 2 * NEARNESS * away

    begin = np.log(np.array(replace(network, prior="fan_in").layer_variances)).ravel()
    found = scipy.optimize.minimize(
        objective, begin, jac=True, method="L-BFGS-B", bounds=[(b - FURTHEST, b + FURTHEST) for b in begin],
        options={"maxiter": ITERATIONS},
    )  # fmt: skip
    rounded = [float(f"{value:.{DIGITS}g}") for value in np.exp(found.x)]
    variances: Variances = tuple(zip(rounded[::2], rounded[1::2], strict=True))
    squares = [distance_and_slope(watch, at, noise, x, root, network=one)[0] for at in (np.log(rounded), begin)]
    distances = [float(np.sqrt(max(float(square), 0.0))) for square in squares]
    return FittedPrior(replace(network, variances=variances), *distances), watch.compile_seconds


def fitted_prior(network: Network, process: GaussianProcess, seed: int, watch: Stopwatch) -> FittedPrior:
    """The network whose prior is nearest to a Gaussian process, the same for the same seed.

    Args:
        network: without variances.
        process: what its functions are to be like.
        seed: of the inputs and of the draws of hidden layers.
        watch: takes the time that compiling costs.
    """
    known = _fitted.cache_info().hits
    found, compiling = _fitted(network, process, seed)
    watch.compile_seconds += compiling if _fitted.cache_info().hits == known else 0.0
    return found
