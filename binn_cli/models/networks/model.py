"""The models mlp, kan and inn: one network, trained by gradient descent, that says nothing of what it does not know."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.networks import InnConfig, KanConfig, MlpConfig, NetworkConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.canonical import DECIMALS, canonical_table, room_for
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.networks.architectures import (
    Architecture,
    InnArchitecture,
    KanArchitecture,
    MlpArchitecture,
    Parameters,
    from_tree,
    to_tree,
)
from binn_cli.models.networks.training import trained
from binn_cli.models.pointwise import predict_pointwise
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

BATCH = 8192
"""Points that are predicted at once."""


def _applied(parameters: Parameters, x: Any, *, architecture: Architecture) -> Any:
    return architecture(parameters, x)


applied = CompiledFunction(_applied)


@dataclass(frozen=True)
class FittedNetwork:
    """A network after its data.

    Attributes:
        kind: the model it is of.
        architecture: the network as a function.
        parameters: its parameters, in single precision.
        noise: (L,) mean squared residual of the held-out points, in scaled units.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    kind: str
    architecture: Architecture
    parameters: Parameters
    noise: Float[np.ndarray, " L"]
    units: Units
    report: FitReport

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The network at every combination of the axes' points; the epistemic variance is 0."""

        def evaluate(watch: Stopwatch, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mean = np.asarray(
                applied(
                    watch, self.parameters, np.round(new, DECIMALS).astype(np.float32), architecture=self.architecture
                ),
                dtype=float,
            )
            return mean, np.zeros_like(mean)

        return predict_pointwise(self.units, axes, self.noise, BATCH, evaluate)

    def mean_function(self) -> Callable[[Any], Any]:
        """See `models.gradient.HasMeanFunction`."""
        return lambda x: self.architecture(self.parameters, x)

    def state(self) -> Tree:
        """Parameters, architecture and units."""
        architecture = to_tree(self.architecture)
        return {
            "kind": self.kind,
            "architecture": architecture,
            "parameters": self.parameters,
            "noise": self.noise,
            **self.units.tree(),
        }


@dataclass(frozen=True)
class _Network(ABC):
    config: Any
    name: str = ""

    @abstractmethod
    def architecture(self, data: ProductData) -> Architecture:
        """The network for such data."""

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedNetwork:
        """Train; see `Surrogate.fit`. A warm start gives the parameters from which training starts."""
        watch, began, config = Stopwatch(), time.perf_counter(), self.config
        assert isinstance(config, NetworkConfig)
        architecture = self.architecture(data)
        warm = (
            warm_start
            if isinstance(warm_start, FittedNetwork) and _continues(warm_start.architecture, architecture)
            else None
        )
        architecture = warm.architecture if warm else architecture
        units = warm.units if warm else Units.of(data, domain, config.output_scaling)
        x, y = canonical_table(units, data)
        found = trained(config, architecture, x, y, room_for(data, capacity), warm.parameters if warm else None, watch)
        diagnostics = {
            "n_parameters": np.array(sum(np.size(leaf) for leaf in jax.tree.leaves(found.parameters))),
            "training_loss": found.losses,
            "held_out_loss": found.held_out,
            "noise_std": np.sqrt(found.noise) * units.outputs.scale,
        }
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
        return FittedNetwork(self.name, architecture, found.parameters, found.noise, units, report)

    def from_state(self, state: Tree) -> FittedNetwork:
        """The fitted surrogate that `FittedNetwork.state` described."""
        kind, noise = str(state["kind"]), np.atleast_1d(state["noise"])
        architecture, parameters = (
            from_tree(kind, state["architecture"]),
            jax.tree.map(np.asarray, dict(state["parameters"])),
        )
        return FittedNetwork(kind, architecture, parameters, noise, Units.from_tree(state), FitReport(0.0, 0.0, {}))


@dataclass(frozen=True)
class Mlp(_Network):
    """The multilayer perceptron with the given settings."""

    config: MlpConfig
    name: str = "mlp"

    def architecture(self, data: ProductData) -> Architecture:
        """The network for such data."""
        return MlpArchitecture(
            (len(data.inputs), *[self.config.width] * self.config.layers, len(data.outputs)), self.config.activation
        )


@dataclass(frozen=True)
class Kan(_Network):
    """The Kolmogorov–Arnold network with the given settings."""

    config: KanConfig
    name: str = "kan"

    def architecture(self, data: ProductData) -> Architecture:
        """The network for such data."""
        return KanArchitecture(
            (len(data.inputs), *[self.config.width] * self.config.layers, len(data.outputs)), self.config.intervals
        )


def _continues(before: Architecture, now: Architecture) -> bool:
    """Whether training can go on from one network for data that ask for another; more cases ask for more centres, but
    keep the old ones."""
    if isinstance(before, InnArchitecture) and isinstance(now, InnArchitecture):
        return replace(before, centers=()) == replace(now, centers=())
    return before == now


VALUES_PER_CENTER = 2
"""Fewest distinct values of a coordinate for each of its centres in an interpolating network."""


@dataclass(frozen=True)
class Inn(_Network):
    """The interpolating neural network with the given settings."""

    config: InnConfig
    name: str = "inn"

    def architecture(self, data: ProductData) -> Architecture:
        """The network for such data; few distinct values of a coordinate get few centres, or what lies between them
        would be random."""
        c = self.config
        distinct = [len(np.unique(column)) for axis in data.axes for column in axis.points.T]
        centers = tuple(min(c.centers, max(2, values // VALUES_PER_CENTER)) for values in distinct)
        return InnArchitecture(len(data.inputs), len(data.outputs), c.modes, c.basis, centers, c.padding, c.length)
