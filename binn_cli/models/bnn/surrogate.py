"""What all Bayesian neural networks have in common as surrogates: scale the data, infer, keep the draws."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.bnn import NetworkConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.fitted import FittedBnn, from_tree
from binn_cli.models.bnn.function_prior import GaussianProcess, fitted_prior
from binn_cli.models.bnn.learning_data import LearningData, learning_data
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.surrogate import FitReport, FittedSurrogate, Tree
from binn_cli.models.units import Units

Config = TypeVar("Config", bound=NetworkConfig)


@dataclass(frozen=True)
class Problem:
    """What an inference is asked.

    Attributes:
        density: the log density of the vector.
        learning: the points, scaled.
        warm: the surrogate to go on from, if there is one that is of the same kind and has the same network.
        watch: takes the time that compiling costs.
    """

    density: Density
    learning: LearningData
    warm: FittedBnn | None
    watch: Stopwatch


@dataclass(frozen=True)
class Inferred:
    """What an inference found.

    Attributes:
        vectors: (chain, draw, P) draws.
        continuation: where a warm start goes on.
        diagnostics: how it went.
    """

    vectors: Float[np.ndarray, "chain draw P"]
    continuation: Mapping[str, np.ndarray] = field(default_factory=dict)
    diagnostics: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Bnn(ABC, Generic[Config]):
    """A Bayesian neural network before the data; each inference is a subclass with `infer`."""

    config: Config

    fitted_class = FittedBnn

    @property
    def name(self) -> str:
        """The option of the group `model`."""
        return self.config.name

    @abstractmethod
    def infer(self, problem: Problem) -> Inferred:
        """Draws from the posterior, or what stands for it."""

    def fit(
        self,
        data: ProductData,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedBnn:
        """Infer the weights; see `Surrogate.fit`."""
        watch, began = Stopwatch(), time.perf_counter()
        density, prior = self._density(len(data.inputs), len(data.outputs), watch)
        warm = self._usable(warm_start, density)
        # Weights mean something in the units of their own fit only.
        units = warm.units if warm is not None else Units.of(data, domain, "standard")
        learning = learning_data(
            data,
            units,
            precision=self.config.precision,
            subsample=getattr(self.config, "subsample", 0),
            seed=self.config.seed,
            capacity=capacity,
        )
        found = self.infer(Problem(density, learning, warm, watch))
        noise = (
            found.vectors[..., density.network.n_weights :] if density.learned else np.log([[[density.noise_variance]]])
        )
        diagnostics = {
            **found.diagnostics,
            **prior,
            "noise_std": np.exp(0.5 * noise).mean(axis=(0, 1)) * units.outputs.scale,
            "points_used": np.asarray(learning.used),
        }
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
        return self.fitted_class(self.name, density, found.vectors, units, found.continuation, report)

    def _density(self, inputs: int, outputs: int, watch: Stopwatch) -> tuple[Density, dict[str, np.ndarray]]:
        """The density, and what is to be told of its prior."""
        config, density = self.config, Density.of(self.config, inputs, outputs)
        if config.prior != "function":
            return density, {}
        process = GaussianProcess(config.prior_kernel, float(config.prior_length), float(config.prior_variance))
        found = fitted_prior(density.network, process, config.seed, watch)
        told = {
            "prior_distance": np.asarray(found.distance),
            "prior_distance_fan_in": np.asarray(found.before),
            "prior_variances": np.asarray(found.network.variances),
        }
        return replace(density, network=found.network), told

    def _usable(self, warm_start: Any, density: Density) -> FittedBnn | None:
        """A surrogate that can be gone on from: of this kind, and with the same vector."""
        if not isinstance(warm_start, FittedBnn) or warm_start.kind != self.name:
            return None
        same = warm_start.density.network == density.network and warm_start.density.learned == density.learned
        return warm_start if same else None

    def from_state(self, state: Tree) -> FittedBnn:
        """The fitted surrogate that `state` describes."""
        return self.fitted_class(**from_tree(state))

    def rng(self, *purpose: int) -> np.random.Generator:
        """Random numbers for one purpose."""
        return np.random.default_rng([self.config.seed, *purpose])
