"""The Gaussian process of GPBoost with a Vecchia approximation: every point depends on a few neighbours before it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpVecchiaConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.canonical import canonical_table
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.gp.gpboost_process import Process, conditioned_process
from binn_cli.models.gp.groups import predict_groups
from binn_cli.models.gp.hyperparameters import Hyperparameters
from binn_cli.models.gp.learning import Table, final_size, first_guess, hyperparameter_diagnostics
from binn_cli.models.gp.vecchia_search import learned_by_vecchia
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

BATCH = 8192
"""Points that are predicted at once."""


@dataclass(frozen=True)
class FittedGpVecchia:
    """A Vecchia approximation after its data; the processes of the library are built when they are first needed.

    Attributes:
        kind: name of the kernel.
        neighbours: points that each point depends on.
        found: hyperparameters of every group of outputs.
        table: the training points in scaled units.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    kind: str
    neighbours: int
    found: Hyperparameters
    table: Table
    units: Units
    report: FitReport

    def processes(self) -> list[Process]:
        """The process of every group, conditioned on the training points."""
        if "_kept" not in self.__dict__:
            self.__dict__["_kept"] = [
                conditioned_process(
                    self.kind, theta, self.table.x, self.table.y[:, self.found.members(g)], self.neighbours
                )
                for g, theta in enumerate(self.found.theta)
            ]
        return self.__dict__["_kept"]

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""
        processes = self.processes()

        def evaluate(_: Stopwatch, group: int, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return processes[group].at(new)

        return predict_groups(self.units, axes, self.found, BATCH, evaluate)

    def state(self) -> Tree:
        """Training points, hyperparameters and units; nothing of the library's own."""
        return {
            "kind": "gp_vecchia",
            "kernel": self.kind,
            "neighbours": self.neighbours,
            "theta": self.found.theta,
            "group": self.found.group,
            "x": self.table.x,
            "y": self.table.y,
            **self.units.tree(),
        }


@dataclass(frozen=True)
class GpVecchia:
    """The Vecchia approximation with the given settings."""

    config: GpVecchiaConfig
    name: str = "gp_vecchia"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGpVecchia:
        """Choose hyperparameters if need be, and find every point's neighbours; see `Surrogate.fit`.

        A warm start gives the hyperparameters from which their search starts.

        Raises:
            DataError: if the library cannot factorise the covariance of a point's neighbours.
        """
        watch, began, config = Stopwatch(), time.perf_counter(), self.config
        warm = warm_start if isinstance(warm_start, FittedGpVecchia) else None
        units = warm.units if warm else Units.of(data, domain, config.output_scaling)
        first, former = first_guess(config, data, units, warm.found if warm else None)
        x, y = canonical_table(units, data)
        table = Table.of(x, y, len(x))
        size = final_size(data, capacity)
        found, trace, notes = learned_by_vecchia(config, table, size, first, former, watch)
        fitted = FittedGpVecchia(config.kernel, config.neighbours, found, table, units, FitReport(0.0, 0.0, {}))
        processes = fitted.processes()
        scale = units.outputs.scale
        shift = [len(x) * np.log(scale[found.members(g)]).sum() for g in range(len(processes))]
        evidence = np.array([p.log_evidence() - s for p, s in zip(processes, shift, strict=True)])
        trace = {**hyperparameter_diagnostics(found, units), "log_evidence": evidence, **trace}
        seconds = time.perf_counter() - began - watch.compile_seconds
        done = replace(fitted, report=FitReport(watch.compile_seconds, seconds, trace, notes))
        done.__dict__["_kept"] = processes
        return done

    def from_state(self, state: Tree) -> FittedGpVecchia:
        """The fitted surrogate that `FittedGpVecchia.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        x, y = (np.asarray(state[name]) for name in ("x", "y"))
        neighbours, units = int(state["neighbours"]), Units.from_tree(state)
        table = Table.of(x, y, len(x))
        return FittedGpVecchia(str(state["kernel"]), neighbours, found, table, units, FitReport(0.0, 0.0, {}))
