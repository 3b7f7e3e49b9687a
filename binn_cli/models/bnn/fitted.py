"""A Bayesian neural network after its data: draws of its weights, over which predictions are averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.learning_data import standardised
from binn_cli.models.bnn.posterior_tree import from_posterior, to_posterior
from binn_cli.models.canonical import DECIMALS
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.perceptron import Network
from binn_cli.models.pointwise import predict_pointwise
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

ROWS_AT_ONCE = 8192
"""Points whose hidden units are in memory at one time."""


def _moments(vectors: Array, x: Array, *, density: Density) -> tuple[Array, Array]:
    """Mean and variance of the network's outputs over draws, one draw at a time (Welford's update)."""
    zero = jnp.zeros((len(x), density.outputs))

    def add(carry: tuple[Array, Array, Array], vector: Array) -> tuple[tuple[Array, Array, Array], None]:
        count, mean, squares = carry
        value = density.function(vector, x).astype(mean.dtype)
        off = value - mean
        mean = mean + off / (count + 1)
        return (count + 1, mean, squares + off * (value - mean)), None

    (count, mean, squares), _ = jax.lax.scan(add, (jnp.zeros(()), zero, zero), vectors)
    return mean, squares / count


moments = CompiledFunction(_moments)


@dataclass(frozen=True)
class FittedBnn:
    """Draws of a network's vector, and the units in which it lives.

    Attributes:
        kind: name of the model.
        density: the network, its prior and its noise.
        vectors: (chain, draw, P) draws that predictions are averaged over; a single one for the most probable weights.
        units: the maps of units.
        continuation: where a warm start goes on, arrays by name.
        report: cost and diagnostics of the fit.
    """

    kind: str
    density: Density
    vectors: Float[np.ndarray, "chain draw P"]
    units: Units
    continuation: Mapping[str, np.ndarray]
    report: FitReport = field(repr=False)

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """Mean and variance over the draws, and the mean of their noise variances, in original units."""

        def evaluate(watch: Stopwatch, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self.scaled_moments(standardised(np.round(x, DECIMALS)).astype(self.density.precision), watch)

        return predict_pointwise(self.units, axes, self.noise, ROWS_AT_ONCE, evaluate)

    def mean_function(self) -> Callable[[Array], Array]:
        """See `models.gradient.HasMeanFunction`."""
        vectors, density = jnp.asarray(self.mean_vectors()), self.density
        return lambda x: _moments(vectors, jnp.asarray(standardised(x)), density=density)[0]  # type: ignore[arg-type]

    def mean_vectors(self) -> Float[np.ndarray, "draw P"]:
        """The vectors over which the mean is taken."""
        return self.vectors.reshape(-1, self.vectors.shape[2])

    @property
    def noise(self) -> Float[np.ndarray, " L"]:
        """Noise variance of the standardised outputs, averaged over the draws."""
        if not self.density.learned:
            return np.full(self.density.outputs, self.density.noise_variance)
        return np.exp(self.vectors[..., self.density.network.n_weights :]).mean(axis=(0, 1))

    def scaled_moments(self, x: Float[np.ndarray, "n D"], watch: Stopwatch) -> tuple[Any, Any]:
        """Mean and epistemic variance at standardised inputs, in standardised units."""
        return moments(watch, self.vectors.reshape(-1, self.vectors.shape[2]), x, density=self.density)

    def state(self) -> Tree:
        """Draws by layer with dimensions (chain, draw, …), the network, the units, and where to go on."""
        density = self.density
        network = {
            "sizes": np.asarray(density.network.sizes),
            "activation": density.network.activation,
            "prior": density.network.prior,
        }
        if density.network.variances:
            network["variances"] = np.asarray(density.network.variances)
        noise = {name: getattr(density, name) for name in ("noise_variance", "learned", "temperature", "precision")}
        return {
            "kind": self.kind,
            "network": network,
            "density": noise,
            "posterior": to_posterior(self.vectors, density),
            "continuation": dict(self.continuation),
            **self.units.tree(),
        }


def from_tree(state: Tree) -> dict[str, Any]:
    """The fields of the surrogate that `FittedBnn.state` described; its report is empty."""
    network = state["network"]
    sizes = tuple(int(size) for size in np.asarray(network["sizes"]))
    pairs = np.asarray(network.get("variances", ())).reshape(-1, 2).tolist()
    variances = tuple((weight, bias) for weight, bias in pairs)
    of_network = Network(sizes, str(network["activation"]), str(network["prior"]), variances)
    density = Density(of_network, **state["density"])
    return {
        "kind": state["kind"],
        "density": density,
        "vectors": from_posterior(state["posterior"], density),
        "units": Units.from_tree(state),
        "continuation": {name: np.asarray(values) for name, values in state["continuation"].items()},
        "report": FitReport(0.0, 0.0, {}),
    }
