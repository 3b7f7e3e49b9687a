"""The posterior density of a network's weights and noise: the one function that every inference of this package climbs
or samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from binn_cli.config.schema.bnn import NetworkConfig
from binn_cli.models.perceptron import Network

LOG_NOISE_SPREAD = 4.0
"""Prior standard deviation of the log noise variance: the stated one is right within a factor of 3,000 (two
deviations)."""

_LOG_2PI = math.log(2 * math.pi)


class Points(NamedTuple):
    """Training points in scaled units: inputs (n, D) and outputs (n, L), in the network's precision.

    With `used`, only so many of the rows are points; those behind them fill up a shape, so that more points need no
    other executable.
    """

    x: Float[Array, "n D"]
    y: Float[Array, "n L"]
    used: Int[Array, ""] | None = None

    @property
    def n(self) -> Any:
        """How many points there are."""
        return len(self.x) if self.used is None else self.used


@dataclass(frozen=True)
class Density:
    """log p(weights, noise) + log p(outputs | inputs, weights, noise) / temperature, both normalised; hashable.

    The vector has the W weights first and then, where the noise is learned, the L log noise variances.

    Attributes:
        network: the network.
        noise_variance: of the standardised outputs; where the noise is learned, the median of its log-normal prior.
        learned: whether the noise is learned.
        temperature: of the likelihood; 1 is Bayes, less than 1 a cold posterior.
        precision: `float32` or `float64`, in which the network computes; sums over points are always in float64.
    """

    network: Network
    noise_variance: float = 1e-3
    learned: bool = True
    temperature: float = 1.0
    precision: str = "float32"

    @classmethod
    def of(cls, config: NetworkConfig, inputs: int, outputs: int) -> Density:
        """The density that a configuration describes, for data of so many inputs and outputs; the variances of a prior
        in function space are not yet there."""
        network = Network((inputs, *config.widths, outputs), config.activation, config.prior)
        return cls(
            network,
            float(config.noise_variance),
            config.noise == "learned",
            float(config.temperature),
            config.precision,
        )

    @property
    def outputs(self) -> int:
        """L."""
        return self.network.sizes[-1]

    @property
    def size(self) -> int:
        """P, the length of the vector."""
        return self.network.n_weights + (self.outputs if self.learned else 0)

    @property
    def prior_mean(self) -> Float[np.ndarray, " P"]:
        """Mean of the Gaussian prior of the vector."""
        noise = np.full(self.size - self.network.n_weights, math.log(self.noise_variance))
        return np.concatenate([np.zeros(self.network.n_weights), noise])

    @property
    def prior_std(self) -> Float[np.ndarray, " P"]:
        """Standard deviation of the Gaussian prior of the vector."""
        return np.concatenate([self.network.prior_std, np.full(self.size - self.network.n_weights, LOG_NOISE_SPREAD)])

    def prior_draw(self, rng: np.random.Generator) -> Float[np.ndarray, " P"]:
        """Weights drawn from the prior, biases included; the noise at its median, where a start does no harm."""
        drawn = self.prior_mean
        drawn[: self.network.n_weights] = self.network.prior_std * rng.standard_normal(self.network.n_weights)
        return drawn

    def log_noise(self, vector: Float[Array, "*S P"]) -> Float[Array, "*S L"]:
        """Log noise variance of the standardised outputs."""
        if self.learned:
            return vector[..., self.network.n_weights :]
        return jnp.full((*vector.shape[:-1], self.outputs), math.log(self.noise_variance))

    def with_noise(self, vector: Float[np.ndarray, " P"], variance: Float[np.ndarray, " L"]) -> Float[np.ndarray, " P"]:
        """The same weights with another noise variance, where that is learned."""
        noise = np.log(np.maximum(variance, np.finfo(np.float32).tiny))
        return np.concatenate([vector[: self.network.n_weights], noise]) if self.learned else vector

    def function(self, vector: Float[Array, " P"], x: Float[Array, "n D"]) -> Float[Array, "n L"]:
        """The network's outputs, in the precision of `x`."""
        return self.network(vector[: self.network.n_weights], x)

    def log_prior(self, vector: Float[Array, " P"], center: Float[Array, " P"] | None = None) -> Float[Array, ""]:
        """Log density of the Gaussian prior, or of the same one around another center (an anchored ensemble's)."""
        scaled = (vector - (self.prior_mean if center is None else center)) / self.prior_std
        return -0.5 * jnp.sum(scaled**2) - float(np.sum(np.log(self.prior_std)) + 0.5 * self.size * _LOG_2PI)

    def log_likelihood(self, vector: Float[Array, " P"], points: Points) -> Float[Array, ""]:
        """Log density of the outputs, summed over points and outputs; in standardised units."""
        residuals = points.y - self.function(vector, points.x)
        if points.used is not None:
            residuals = jnp.where(jnp.arange(len(residuals))[:, None] < points.used, residuals, 0.0)
        squares = jnp.sum(residuals**2, axis=0, dtype=jnp.float64)
        log_noise = self.log_noise(vector)
        return -0.5 * jnp.sum(squares * jnp.exp(-log_noise) + points.n * (log_noise + _LOG_2PI))

    def __call__(
        self,
        vector: Float[Array, " P"],
        points: Points,
        scale: float | Array = 1.0,
        center: Float[Array, " P"] | None = None,
    ) -> Float[Array, ""]:
        """The log density; `scale` is N/n where the points are n drawn out of N."""
        return self.log_prior(vector, center) + scale / self.temperature * self.log_likelihood(vector, points)
