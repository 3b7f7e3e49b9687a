"""The sparse Gaussian process: M inducing points stand for all N, by the collapsed bound or by minibatches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema.gp import GpSparseConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.collapsed import Readout, predicted, readout, solution
from binn_cli.models.gp.groups import grouped_mean, predict_groups
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds
from binn_cli.models.gp.learning import Table, final_size, first_guess, hyperparameter_diagnostics, learned, sample
from binn_cli.models.gp.sparse_search import Beginning, begun, blocks_of, placed, raised
from binn_cli.models.gp.stochastic import trained
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

BATCH = 2048
"""Points of one step of a prediction."""

MOST_COLLAPSED = 200_000
"""Points up to which `auto` means the collapsed posterior, which takes a pass over all of them with M² numbers a
point."""

solved, trained_on_batches = CompiledFunction(solution), CompiledFunction(trained)
read_out, conditioned = CompiledFunction(readout), CompiledFunction(predicted)


@dataclass(frozen=True)
class InducingValues:
    """The posterior of the inducing values of one group of outputs.

    Attributes:
        inducing: (M, D) the inducing points in scaled units.
        mean: (M, l) mean of the whitened inducing values.
        root: (M, M) a root of their covariance.
    """

    inducing: Float[np.ndarray, "M D"]
    mean: Float[np.ndarray, "M l"]
    root: Float[np.ndarray, "M M"]


@dataclass(frozen=True)
class FittedGpSparse:
    """A sparse Gaussian process after its data.

    Attributes:
        kind: name of the kernel.
        found: hyperparameters of every group of outputs.
        parts: what is known of the inducing values of every group.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    kind: str
    found: Hyperparameters
    parts: tuple[InducingValues, ...]
    units: Units
    report: FitReport

    def readouts(self, watch: Stopwatch) -> list[Readout]:
        """What predictions read of every group, worked out when it is first needed."""
        if "_kept" not in self.__dict__:
            self.__dict__["_kept"] = [
                read_out(watch, theta, part.inducing, part.mean, part.root, kind=self.kind)
                for theta, part in zip(self.found.theta, self.parts, strict=True)
            ]
        return self.__dict__["_kept"]

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""

        def evaluate(watch: Stopwatch, group: int, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = self.readouts(watch)[group]
            return conditioned(watch, self.found.theta[group], self.parts[group].inducing, found, new, kind=self.kind)

        return predict_groups(self.units, axes, self.found, BATCH, evaluate)

    def mean_function(self) -> Callable[[Array], Array]:
        """See `models.gradient.HasMeanFunction`."""
        weights = [found.weights for found in self.readouts(Stopwatch())]
        return grouped_mean(self.kind, self.found, [part.inducing for part in self.parts], weights)

    def state(self) -> Tree:
        """Inducing points, what is known of their values, hyperparameters and units."""
        return {
            "kind": "gp_sparse",
            "kernel": self.kind,
            "theta": self.found.theta,
            "group": self.found.group,
            "groups": {f"group_{g}": dict(vars(part)) for g, part in enumerate(self.parts)},
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
        """Choose hyperparameters, place the inducing points and condition; see `Surrogate.fit`.

        The hyperparameters are those of highest evidence of a random part of the data, or those of the round before,
        and then of the
        highest bound: of another random part and, if stochastic, by minibatches of all points. The posterior rests on
            all points.
        """
        watch, began, config = Stopwatch(), time.perf_counter(), self.config
        warm = warm_start if isinstance(warm_start, FittedGpSparse) else None
        units = warm.units if warm else Units.of(data, domain, config.output_scaling)
        first, former = first_guess(config, data, units, warm.found if warm else None)
        fixed = config.hyperparameters == "fixed"
        guess, trace = first if former is None else former, dict[str, np.ndarray]()
        if former is None or fixed:
            guess, trace = learned(
                config, sample(units, data, config.evidence_points, config.seed, capacity), first, None, watch
            )
        part = sample(units, data, config.bound_points, config.seed, capacity)
        table = Table.of(*units.table(data), final_size(data, capacity))
        theta, parts, values = [], [], []
        for group, row in enumerate(guess.theta):
            members = guess.members(group)
            begin = (
                placed(config, row, part) if fixed or former is not None else begun(config, row, part, members, watch)
            )
            own, posterior, bound = self._conditioned(begin, part, table, members, watch)
            theta.append(own)
            parts.append(posterior)
            values.append(None if bound is None else bound - data.n_points * np.log(units.outputs.scale[members]).sum())
        found = Hyperparameters(np.array(theta), guess.group)
        trace = {
            **hyperparameter_diagnostics(found, units),
            **trace,
            "inducing_points": np.array([len(p.inducing) for p in parts]),
        }
        if None not in values:
            trace["log_evidence_bound"] = np.array(values)
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, trace)
        return FittedGpSparse(config.kernel, found, tuple(parts), units, report)

    def _conditioned(
        self, begin: Beginning, part: Table, table: Table, members: Int[np.ndarray, " l"], watch: Stopwatch
    ) -> tuple[Float[np.ndarray, " P"], InducingValues, float | None]:
        """θ, the posterior of the inducing values of one group, and the bound, for which minibatches lack a pass over
        all points."""
        config, theta, z = self.config, begin.theta, begin.z
        fixed = config.hyperparameters == "fixed"
        stochastic = config.method == "stochastic" or (config.method == "auto" and len(table.x) > MOST_COLLAPSED)
        if config.bound_iterations and not fixed:
            theta = raised(config, begin, part, members, watch)
        if not stochastic:
            found = solved(watch, theta, z, blocks_of(table, members), kind=config.kernel)
            return theta, InducingValues(z, np.asarray(found.mean), np.asarray(found.root)), float(found.bound)
        rate = 0.0 if fixed else config.learning_rate
        box = bounds(len(theta) - 2) if rate else np.array([[-np.inf, np.inf]] * len(theta))
        key, points = jax.random.key_data(jax.random.key(config.seed)), int(table.mask.sum())
        size = {"kind": config.kernel, "steps": config.steps, "batch": config.batch}
        learned_theta, mean, root = trained_on_batches(
            watch, theta, z, table.x, table.y[:, members], box, key, points, rate, **size
        )
        return np.asarray(learned_theta), InducingValues(z, np.asarray(mean), np.asarray(root)), None

    def from_state(self, state: Tree) -> FittedGpSparse:
        """The fitted surrogate that `FittedGpSparse.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        fields = [state["groups"][f"group_{g}"] for g in range(len(found.theta))]
        parts = tuple(
            InducingValues(**{name: np.asarray(part[name]) for name in ("inducing", "mean", "root")}) for part in fields
        )
        return FittedGpSparse(str(state["kernel"]), found, parts, Units.from_tree(state), FitReport(0.0, 0.0, {}))
