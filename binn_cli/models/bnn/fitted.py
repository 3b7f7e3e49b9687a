"""A Bayesian neural network after its data: draws of its weights, over which predictions are averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.learning_data import rows_of, standardised
from binn_cli.models.bnn.posterior_tree import from_posterior, to_posterior
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.perceptron import Network
from binn_cli.models.surrogate import FitReport, Prediction, Tree

ROWS_AT_ONCE = 8192
"""Points whose hidden units are in memory at one time."""

FEWEST_ROWS = 64
"""Smallest number of points that prediction is compiled for; fewer are padded, so that small sets share one executable."""


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


def blocks_of_rows(total: int) -> tuple[int, list[np.ndarray]]:
    """How many rows are computed at once, and the flat indices of each block, the last row repeated where a block is not full."""
    size = min(ROWS_AT_ONCE, max(FEWEST_ROWS, 1 << (total - 1).bit_length()))
    return size, [np.minimum(np.arange(first, first + size), total - 1) for first in range(0, total, size)]


@dataclass(frozen=True)
class FittedBnn:
    """Draws of a network's vector, and the units in which it lives.

    Attributes:
        kind: name of the model.
        density: the network, its prior and its noise.
        vectors: (chain, draw, P) draws that predictions are averaged over; a single one for the most probable weights.
        inputs, outputs: the maps of units.
        continuation: where a warm start goes on, arrays by name.
        report: cost and diagnostics of the fit.
    """

    kind: str
    density: Density
    vectors: Float[np.ndarray, "chain draw P"]
    inputs: InputMap
    outputs: OutputMap
    continuation: Mapping[str, np.ndarray]
    report: FitReport = field(repr=False)

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """Mean and variance over the draws, and the mean of their noise variances, in original units."""
        watch = Stopwatch()
        shape = tuple(axis.size for axis in axes)
        mean, variance = self.scaled_moments(standardised(self.inputs, axes), watch)
        scale = self.outputs.scale
        mean = (mean * scale + self.outputs.shift).reshape(*shape, -1)
        noise = np.broadcast_to(self.noise * scale**2, mean.shape)
        return Prediction(mean, (variance * scale**2).reshape(mean.shape), noise, watch.compile_seconds)

    @property
    def noise(self) -> Float[np.ndarray, " L"]:
        """Noise variance of the standardised outputs, averaged over the draws."""
        if not self.density.learned:
            return np.full(self.density.outputs, self.density.noise_variance)
        return np.exp(self.vectors[..., self.density.network.n_weights :]).mean(axis=(0, 1))

    def scaled_moments(
        self, axes: Sequence[Float[np.ndarray, "n K"]], watch: Stopwatch
    ) -> tuple[Float[np.ndarray, "N L"], Float[np.ndarray, "N L"]]:
        """Mean and epistemic variance at every combination of scaled points, in standardised units."""
        total = int(np.prod([len(points) for points in axes]))
        found = []
        for rows in blocks_of_rows(total)[1]:
            x = rows_of(axes, rows).astype(self.density.precision)
            found.append([np.asarray(part) for part in self.block_moments(x, watch)])
        mean, variance = (np.concatenate(parts)[:total] for parts in zip(*found, strict=True))
        return mean, variance

    def block_moments(self, x: Float[np.ndarray, "n D"], watch: Stopwatch) -> tuple[Any, Any]:
        """The same at a block of scaled inputs."""
        return moments(watch, self.vectors.reshape(-1, self.vectors.shape[2]), x, density=self.density)

    def state(self) -> Tree:
        """Draws by layer with dimensions (chain, draw, …), the network, the units, and where to go on."""
        density = self.density
        network = {"sizes": np.asarray(density.network.sizes), "activation": density.network.activation, "prior": density.network.prior}
        noise = {name: getattr(density, name) for name in ("noise_variance", "learned", "temperature", "precision")}
        return {
            "kind": self.kind,
            "network": network,
            "density": noise,
            "posterior": to_posterior(self.vectors, density),
            "inputs": vars(self.inputs),
            "outputs": vars(self.outputs),
            "continuation": dict(self.continuation),
        }


def from_tree(state: Tree) -> dict[str, Any]:
    """The fields of the surrogate that `FittedBnn.state` described; its report is empty."""
    network = state["network"]
    sizes = tuple(int(size) for size in np.asarray(network["sizes"]))
    density = Density(Network(sizes, str(network["activation"]), str(network["prior"])), **state["density"])
    return {
        "kind": state["kind"],
        "density": density,
        "vectors": from_posterior(state["posterior"], density),
        "inputs": InputMap(**state["inputs"]),
        "outputs": OutputMap(**state["outputs"]),
        "continuation": {name: np.asarray(values) for name, values in state["continuation"].items()},
        "report": FitReport(0.0, 0.0, {}),
    }
