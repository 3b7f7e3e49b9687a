"""The network that all inferences share: a multilayer perceptron whose weights are one flat vector."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
    "sin": jnp.sin,
}

PRIOR_VARIANCES: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda fan_in, fan_out: 1 / fan_in,
    "unit": lambda fan_in, fan_out: 1.0,
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
}
"""Prior variance of a weight between layers of the given sizes; biases have variance 1."""

Layers = list[dict[str, Any]]

Variances = tuple[tuple[float, float], ...]
"""Prior variances of a weight and of a bias, layer by layer."""


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron; hashable, so that what is compiled for it is found again.

    Attributes:
        sizes: number of units of every layer, inputs and outputs included; two numbers make a linear model.
        activation: a name of `ACTIVATIONS`, applied between layers.
        prior: a name of `PRIOR_VARIANCES`, or `function`.
        variances: with `function`, the variances of every layer.
    """

    sizes: tuple[int, ...]
    activation: str = "tanh"
    prior: str = "fan_in"
    variances: Variances = ()

    @property
    def layer_variances(self) -> Variances:
        """Prior variances of a weight and of a bias, layer by layer."""
        if self.prior == "function":
            return self.variances
        variance = PRIOR_VARIANCES[self.prior]
        return tuple((variance(a, b), 1.0) for a, b in pairwise(self.sizes))

    def _layers(self, weight: Callable[[int, int], Any], bias: Callable[[int], Any]) -> Layers:
        return [{"weight": weight(a, b), "bias": bias(b)} for a, b in pairwise(self.sizes)]

    @property
    def n_weights(self) -> int:
        """Number of weights and biases."""
        return sum((a + 1) * b for a, b in pairwise(self.sizes))

    @property
    def n_last(self) -> int:
        """Number of weights and biases of the last layer."""
        return (self.sizes[-2] + 1) * self.sizes[-1]

    def layers(self, vector: Float[Array, " W"]) -> Layers:
        """The flat vector as weights (inputs, outputs) and biases (outputs) of every layer."""
        return _unraveled(self, vector.dtype)(vector)

    def flat(self, layers: Layers) -> Float[Array, " W"]:
        """The inverse of `layers`."""
        return ravel_pytree(layers)[0]

    @functools.cached_property
    def prior_std(self) -> Float[np.ndarray, " W"]:
        """Prior standard deviation of every entry of the vector; the prior mean is zero."""
        # Biases before weights, as ravel_pytree has them.
        parts = [
            np.full(size, math.sqrt(variance))
            for (weight, bias), (a, b) in zip(self.layer_variances, pairwise(self.sizes), strict=True)
            for variance, size in ((bias, b), (weight, a * b))
        ]
        return np.concatenate(parts)

    def features(self, layers: Layers, x: Float[Array, "n D"]) -> Float[Array, "n H"]:
        """What the last layer sees: the units of the last hidden layer, or the inputs where there is none."""
        activation = ACTIVATIONS[self.activation]
        for layer in layers[:-1]:
            x = activation(x @ layer["weight"] + layer["bias"])
        return x

    def __call__(self, vector: Float[Array, " W"], x: Float[Array, "n D"]) -> Float[Array, "n L"]:
        """Outputs at scaled inputs, in the precision of `x`."""
        layers = self.layers(vector.astype(x.dtype))
        return self.features(layers, x) @ layers[-1]["weight"] + layers[-1]["bias"]


@functools.cache
def _unraveled(network: Network, dtype: Any) -> Callable[[Array], Layers]:
    with jax.ensure_compile_time_eval():
        blank = network._layers(lambda a, b: jnp.zeros((a, b), dtype), lambda b: jnp.zeros(b, dtype))
        return ravel_pytree(blank)[1]
