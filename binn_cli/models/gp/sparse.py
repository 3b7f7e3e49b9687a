"""The sparse Gaussian process: M inducing points stand for all N, by the collapsed bound or by minibatches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpSparseConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.collapsed import negative_bound, posterior, predicted
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds
from binn_cli.models.gp.learning import Table, final_size, first_guess, hyperparameter_diagnostics, learned, sample
from binn_cli.models.gp.search import minimised
from binn_cli.models.gp.stochastic import trained
from binn_cli.models.pointwise import predict_pointwise
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

BATCH, BLOCK = 2048, 2048
"""Points of one step of a prediction, and rows of one block of a fit."""

MOST_COLLAPSED = 200_000
"""Points up to which `auto` means the collapsed bound, every evaluation of which passes over all of them."""

bounded, solved = CompiledFunction(jax.value_and_grad(negative_bound)), CompiledFunction(posterior)
stochastic, conditioned = CompiledFunction(trained), CompiledFunction(predicted)


@dataclass(frozen=True)
class FittedGpSparse:
    """A sparse Gaussian process after its data.

    Attributes:
        kind: name of the kernel.
        found: hyperparameters of every group of outputs.
        inducing: (M, D) the inducing points in scaled units.
        means: for each group the (M, l) means of the whitened inducing values.
        roots: for each group a root of their (M, M) covariance.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    kind: str
    found: Hyperparameters
    inducing: Float[np.ndarray, "M D"]
    means: tuple[Float[np.ndarray, "M l"], ...]
    roots: tuple[Float[np.ndarray, "M M"], ...]
    units: Units
    report: FitReport

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""

        def evaluate(watch: Stopwatch, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mean, variance = (np.empty((len(new), len(self.found.group))) for _ in range(2))
            for group, (own, root) in enumerate(zip(self.means, self.roots, strict=True)):
                parts = conditioned(watch, self.found.theta[group], self.inducing, own, root, new, kind=self.kind)
                members = self.found.members(group)
                mean[:, members], variance[:, members] = (np.asarray(part) for part in parts)
            return mean, variance

        return predict_pointwise(self.units, axes, self.found.output_noise, BATCH, evaluate)

    def state(self) -> Tree:
        """Inducing points, what is known of their values, hyperparameters and units."""
        return {
            "kind": "gp_sparse",
            "kernel": self.kind,
            "theta": self.found.theta,
            "group": self.found.group,
            "inducing": self.inducing,
            "means": {f"group_{g}": mean for g, mean in enumerate(self.means)},
            "roots": {f"group_{g}": root for g, root in enumerate(self.roots)},
            **self.units.tree(),
        }


@dataclass(frozen=True)
class GpSparse:
    """The sparse Gaussian process with the given settings."""

    config: GpSparseConfig
    name: str = "gp_sparse"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGpSparse:
        """Place the inducing points, choose hyperparameters and condition; see `Surrogate.fit`.

        The hyperparameters start from those of highest evidence of a random part of the data, or from those of the round before.
        """
        watch, began = Stopwatch(), time.perf_counter()
        warm = warm_start if isinstance(warm_start, FittedGpSparse) else None
        units = warm.units if warm else Units.of(data, domain, self.config.output_scaling)
        first, former = first_guess(self.config, data, units, warm.found if warm else None)
        part = sample(units, data, self.config.evidence_points, self.config.seed, capacity)
        guess, trace = (former, {}) if former is not None else learned(self.config, part, first, None, watch)
        table = Table.of(*units.table(data), -(-final_size(data, capacity) // BLOCK) * BLOCK)
        inducing = _spread(table.x[: data.n_points], self.config.inducing, self.config.seed)
        method = self.config.method
        if method == "auto":
            method = "collapsed" if data.n_points <= MOST_COLLAPSED else "stochastic"
        train = self._collapsed if method == "collapsed" else self._stochastic
        theta, means, roots, values = [], [], [], []
        for group in range(len(guess.theta)):
            own, mean, root, bound = train(guess.theta[group], inducing, table, table.y[:, guess.members(group)], watch)
            theta.append(own)
            means.append(mean)
            roots.append(root)
            values.append(bound - data.n_points * np.log(units.outputs.scale[guess.members(group)]).sum())
        found = Hyperparameters(np.array(theta), guess.group)
        trace = {
            **hyperparameter_diagnostics(found, units),
            "log_evidence_bound": np.array(values),
            "inducing_points": np.array(len(inducing)),
            **trace,
        }
        seconds = time.perf_counter() - began - watch.compile_seconds
        report = FitReport(watch.compile_seconds, seconds, trace | hyperparameter_diagnostics(found, units))
        return FittedGpSparse(self.config.kernel, found, inducing, tuple(means), tuple(roots), units, report)

    def _collapsed(
        self, theta: np.ndarray, z: np.ndarray, table: Table, y: np.ndarray, watch: Stopwatch
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """θ of the highest bound near the given one, mean and root of the whitened inducing values, and the bound."""
        blocks = tuple(part.reshape(-1, BLOCK, *part.shape[1:]) for part in (table.x, y, table.mask))

        def evaluated(point: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = bounded(watch, point, z, *blocks, kind=self.config.kernel)
            return float(value) / len(y), np.asarray(gradient) / len(y)

        steps = 0 if self.config.hyperparameters == "fixed" else self.config.bound_iterations
        box = bounds(len(theta) - 2) if steps else np.array([[-np.inf, np.inf]] * len(theta))
        found = minimised(evaluated, theta[None], box, steps)
        mean, root = solved(watch, found.theta, z, *blocks, kind=self.config.kernel)
        return found.theta, np.asarray(mean), np.asarray(root), -found.value * len(y)

    def _stochastic(
        self, theta: np.ndarray, z: np.ndarray, table: Table, y: np.ndarray, watch: Stopwatch
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """The same by minibatches; the bound is not worked out, for that would take a pass over all points."""
        rate = 0.0 if self.config.hyperparameters == "fixed" else self.config.learning_rate
        box = bounds(len(theta) - 2) if rate else np.array([[-np.inf, np.inf]] * len(theta))
        key, points = jax.random.key_data(jax.random.key(self.config.seed)), int(table.mask.sum())
        size = {"kind": self.config.kernel, "steps": self.config.steps, "batch": self.config.batch}
        after, mean, root = stochastic(watch, theta, z, table.x, y, box, key, points, rate, **size)
        return np.asarray(after), np.asarray(mean), np.asarray(root), float("nan")

    def from_state(self, state: Tree) -> FittedGpSparse:
        """The fitted surrogate that `FittedGpSparse.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        groups = [f"group_{g}" for g in range(len(found.theta))]
        means, roots = (tuple(np.asarray(state[name][group]) for group in groups) for name in ("means", "roots"))
        units, report = Units.from_tree(state), FitReport(0.0, 0.0, {})
        return FittedGpSparse(str(state["kernel"]), found, np.asarray(state["inducing"]), means, roots, units, report)


def _spread(x: Float[np.ndarray, "N D"], count: int, seed: int) -> Float[np.ndarray, "M D"]:
    """At most `count` of the training points, drawn at random: points between them say nothing where lengths are short."""
    return x[stream(seed, "gp inducing points").choice(len(x), min(len(x), count), replace=False)]
