"""Networks as plain functions of parameters and inputs: each is a hashable value that makes parameters and applies
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.perceptron import Network

Parameters = Mapping[str, Any]
"""Names and arrays, nested."""


class Architecture(Protocol):
    """A network of D inputs on [0, 1] and L outputs."""

    def __hash__(self) -> int:
        """Equal architectures share what is compiled."""
        ...

    def begin(self, key: Array) -> Parameters:
        """Random parameters."""
        ...

    def __call__(self, parameters: Parameters, x: Float[Array, "b D"]) -> Float[Array, "b L"]:
        """The outputs at b points."""
        ...


def _normal(key: Array, number: int, shape: tuple[int, ...], size: float) -> Array:
    return size * jax.random.normal(jax.random.fold_in(key, number), shape, jnp.float32)


@dataclass(frozen=True)
class MlpArchitecture:
    """A multilayer perceptron: the network of the Bayesian models, with inputs on [−1, 1].

    Attributes:
        widths: numbers of units from the D inputs to the L outputs.
        activation: a name in `perceptron.ACTIVATIONS`.
    """

    widths: tuple[int, ...]
    activation: str

    @property
    def network(self) -> Network:
        """The function of a flat vector of weights and biases."""
        return Network(self.widths, self.activation)

    def begin(self, key: Array) -> Parameters:
        """Normal weights of variance 1 / inputs, biases 0."""
        drawn = _normal(key, 0, (self.network.n_weights,), 1.0) * jnp.asarray(self.network.prior_std, jnp.float32)
        layers = [{**layer, "bias": jnp.zeros_like(layer["bias"])} for layer in self.network.layers(jnp.asarray(drawn))]
        return {"vector": self.network.flat(layers)}

    def __call__(self, parameters: Parameters, x: Float[Array, "b D"]) -> Float[Array, "b L"]:
        """The outputs at b points."""
        return self.network(parameters["vector"], jnp.asarray(2.0 * x - 1.0))


@dataclass(frozen=True)
class KanArchitecture:
    """A Kolmogorov–Arnold network: every edge is a cubic spline plus a multiple of silu (Liu et al., 2024, Eqs. 2.10 to
    2.12).

    Attributes:
        widths: numbers of nodes from the D inputs to the L outputs.
        intervals: intervals of every spline on [−1, 1]; outside only silu is left.
    """

    widths: tuple[int, ...]
    intervals: int

    def begin(self, key: Array) -> Parameters:
        """Small random splines, and silu with the weights of a perceptron."""
        layers, found = enumerate(pairwise(self.widths)), {}
        for i, (m, n) in layers:
            splines = _normal(key, 2 * i, (m, self.intervals + 3, n), 0.1 * m**-0.5)
            found[f"layer_{i}"] = {"splines": splines, "base": _normal(key, 2 * i + 1, (m, n), m**-0.5)}
        return found

    def __call__(self, parameters: Parameters, x: Float[Array, "b D"]) -> Float[Array, "b L"]:
        """The outputs at b points."""
        basis = build_basis("bspline", self.intervals + 1, 0, 0.0)
        value = 2.0 * x - 1.0
        for i in range(len(self.widths) - 1):
            layer = parameters[f"layer_{i}"]
            functions = basis((0.5 * (value + 1.0)).reshape(-1)).astype(x.dtype)
            flat = layer["splines"].reshape(-1, layer["splines"].shape[-1])
            value = functions.reshape(len(value), -1) @ flat + jax.nn.silu(value) @ layer["base"]
        return value


@dataclass(frozen=True)
class InnArchitecture:
    """The interpolating neural network: a sum over modes of products of one-dimensional interpolations, the form of
    B-INN (Eq. 2).

    Attributes:
        inputs, outputs: D and L.
        modes: products that are summed.
        basis, padding, length: as of `build_basis`, the length in units of the distance between centres.
        centers: centres of each of the D dimensions.
    """

    inputs: int
    outputs: int
    modes: int
    basis: str
    centers: tuple[int, ...]
    padding: int
    length: float

    def _basis(self, dimension: int) -> Any:
        centers = self.centers[dimension]
        return build_basis(self.basis, centers, self.padding, self.length / (centers - 1))

    def begin(self, key: Array) -> Parameters:
        """Normal weights, of a size that gives sums of unit variance."""
        return {f"dimension_{d}": self._begin(key, d) for d in range(self.inputs)}

    def _begin(self, key: Array, dimension: int) -> Array:
        functions = np.asarray(self._basis(dimension)(jnp.linspace(0.0, 1.0, 101)))
        size = self.modes ** (-0.5 / self.inputs) / float(np.sqrt(np.mean(np.sum(functions**2, axis=1))))
        return _normal(key, dimension, (functions.shape[1], self.modes * self.outputs), size)

    def __call__(self, parameters: Parameters, x: Float[Array, "b D"]) -> Float[Array, "b L"]:
        """The outputs at b points."""
        product = jnp.ones((), x.dtype)
        for d in range(self.inputs):
            product = product * (self._basis(d)(x[:, d]).astype(x.dtype) @ parameters[f"dimension_{d}"])
        return product.reshape(len(x), self.modes, self.outputs).sum(axis=1)


KINDS: dict[str, type] = {"mlp": MlpArchitecture, "kan": KanArchitecture, "inn": InnArchitecture}
"""The architecture of every model."""


def to_tree(architecture: Architecture) -> dict[str, Any]:
    """Its settings as plain arrays, numbers and strings."""
    return {name: np.array(v) if isinstance(v, tuple) else v for name, v in asdict(architecture).items()}  # type: ignore[call-overload]


def from_tree(kind: str, tree: Mapping[str, Any]) -> Architecture:
    """The architecture that `to_tree` described."""
    return KINDS[kind](**{name: _plain(value) for name, value in tree.items()})


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return tuple(array.tolist()) if array.ndim else array.item()
