"""Local Gaussian processes on a partition of the points, combined as a committee."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from binn_cli.config.schema.gp import GpLocalConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.cells import Cells, CellSizes, divided
from binn_cli.models.gp.committee import SURE, Experts, combined, opinions, trained
from binn_cli.models.gp.groups import predict_groups
from binn_cli.models.gp.hyperparameters import Hyperparameters
from binn_cli.models.gp.learning import final_size, first_guess, hyperparameter_diagnostics, learned, sample
from binn_cli.models.gp.local_search import learned_from_experts
from binn_cli.models.gp.memory import require_experts
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

PREDICTED_AT_ONCE, ASKED_AT_ONCE = 2**19, 128
"""Points of one call, so many that most of thousands of experts are asked about many of them, and points that one
expert is asked about at once."""

train_experts, ask, combine = CompiledFunction(trained), CompiledFunction(opinions), CompiledFunction(combined)


@dataclass(frozen=True)
class FittedGpLocal:
    """A committee of local experts; their factors are worked out when they are first needed.

    Attributes:
        kind, combination, nearest: kernel, how opinions become one, and how many experts are asked about a point.
        found: hyperparameters of every group of outputs.
        cells: the experts' points.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    kind: str
    combination: str
    nearest: int
    found: Hyperparameters
    cells: Cells
    units: Units
    report: FitReport

    def experts(self, watch: Stopwatch) -> list[tuple[Experts, Float[np.ndarray, " E"]]]:
        """Every group's experts and their log evidences."""
        if "_kept" not in self.__dict__:
            cells = self.cells
            self.__dict__["_kept"] = [
                train_experts(watch, theta, cells.x, cells.y[:, :, self.found.members(g)], cells.mask, kind=self.kind)
                for g, theta in enumerate(self.found.theta)
            ]
        return self.__dict__["_kept"]

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""
        centers = self.cells.centers()

        def evaluate(watch: Stopwatch, group: int, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._committee(watch, self.found.theta[group], self.experts(watch)[group][0], centers, new)

        return predict_groups(self.units, axes, self.found, PREDICTED_AT_ONCE, evaluate)

    def _committee(
        self, watch: Stopwatch, theta: np.ndarray, experts: Experts, centers: np.ndarray, new: np.ndarray
    ) -> tuple[Float[np.ndarray, "b L"], Float[np.ndarray, " b"]]:
        """Mean of one group's outputs and their variance at new points."""
        lengths, nearest, signal = np.exp(theta[:-2]), min(self.nearest, len(centers)), np.exp(theta[-2])
        closest = (
            cKDTree(centers / lengths).query(new / lengths, k=nearest)[1].reshape(len(new), nearest) + self.cells.shared
        )
        mean, variance = self._asked(watch, theta, experts, closest, new)
        if len(centers) == 1:
            return mean[:, 0], variance[:, 0]  # It has all points: there is nothing to weigh.
        if self.cells.shared:
            prior_mean, prior_variance = self._asked(watch, theta, experts, np.zeros((len(new), 1), dtype=int), new)
            prior_mean, prior_variance = prior_mean[:, 0], np.maximum(prior_variance[:, 0], SURE * signal)
        else:
            prior_mean, prior_variance = np.zeros(mean[:, 0].shape), np.full(len(new), signal)
        return combine(watch, mean, variance, prior_mean, prior_variance, combination=self.combination)

    def _asked(
        self,
        watch: Stopwatch,
        theta: np.ndarray,
        experts: Experts,
        asked: Int[np.ndarray, "b k"],
        new: Float[np.ndarray, "b D"],
    ) -> tuple[Float[np.ndarray, "b k L"], Float[np.ndarray, "b k"]]:
        """Opinions of the given experts, gathered so that each call of one expert is about many points."""
        flat = asked.ravel()
        order = np.argsort(flat, kind="stable")
        names, counts = np.unique(flat, return_counts=True)
        # Every expert's questions, filled up to whole tasks with copies of its last one.
        ends = np.cumsum(counts)
        tasks = [
            order[a:b] for begin, end in zip(ends - counts, ends, strict=True) for a, b in _pieces(int(begin), int(end))
        ]
        whom = np.repeat(names, -(-counts // ASKED_AT_ONCE))
        short = _task_limit(len(flat), len(experts.x)) - len(tasks)
        rows = np.stack([np.resize(task, ASKED_AT_ONCE) for task in tasks])
        rows = np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)])
        whom = np.concatenate([whom, np.repeat(whom[-1:], short)])
        mean, variance = (
            np.asarray(part) for part in ask(watch, theta, experts, whom, new[rows // asked.shape[1]], kind=self.kind)
        )
        found_mean, found_variance = np.empty((len(flat), mean.shape[2])), np.empty(len(flat))
        found_mean[rows.ravel()], found_variance[rows.ravel()] = mean.reshape(-1, mean.shape[2]), variance.ravel()
        return found_mean.reshape(*asked.shape, -1), found_variance.reshape(asked.shape)

    def state(self) -> Tree:
        """Points, hyperparameters and units; the experts' factors are worked out again from them."""
        cells = self.cells
        return {
            "kind": "gp_local", "kernel": self.kind, "combination": self.combination, "nearest": self.nearest,
            "theta": self.found.theta,
            "group": self.found.group, "x": cells.x, "y": cells.y, "mask": cells.mask, "shared": cells.shared,
            **self.units.tree(),
        }  # fmt: skip


def _pieces(begin: int, end: int) -> list[tuple[int, int]]:
    return [(a, min(a + ASKED_AT_ONCE, end)) for a in range(begin, end, ASKED_AT_ONCE)]


def _task_limit(questions: int, experts: int) -> int:
    """The largest number of tasks that so many questions to so many experts can make, so that their shape is always the
    same."""
    return min(questions, questions // ASKED_AT_ONCE + experts)


@dataclass(frozen=True)
class GpLocal:
    """Local Gaussian processes with the given settings."""

    config: GpLocalConfig
    name: str = "gp_local"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGpLocal:
        """Choose hyperparameters by the evidence of random points, then of a few experts, and factorise all; see
        `Surrogate.fit`.

        A warm start gives the hyperparameters from which their search starts.

        Raises:
            TooLarge: if all experts together would not fit into the share of memory.
        """
        watch, began, config = Stopwatch(), time.perf_counter(), self.config
        warm = warm_start if isinstance(warm_start, FittedGpLocal) else None
        units = warm.units if warm else Units.of(data, domain, config.output_scaling)
        first, former = first_guess(config, data, units, warm.found if warm else None)
        size = final_size(data, capacity)
        sizes = CellSizes.of(config, size)
        require_experts(sizes.count, sizes.width, size, len(first.theta), config.memory)
        guess, trace = first if former is None else former, dict[str, np.ndarray]()
        if former is None or config.hyperparameters == "fixed":
            guess, trace = learned(
                config, sample(units, data, config.evidence_points, config.seed, capacity), first, None, watch
            )
        table = units.table(data)
        found, more = learned_from_experts(
            config, divided(config, sizes, *table, guess.lengths.mean(axis=0)), guess, watch
        )
        cells = divided(config, sizes, *table, found.lengths.mean(axis=0))
        fitted = FittedGpLocal(
            config.kernel, config.combination, config.nearest, found, cells, units, FitReport(0.0, 0.0, {})
        )
        trace = {**hyperparameter_diagnostics(found, units), **_committee_diagnostics(fitted, watch), **trace, **more}
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, trace)
        done = replace(fitted, report=report)
        done.__dict__["_kept"] = fitted.experts(watch)
        return done

    def from_state(self, state: Tree) -> FittedGpLocal:
        """The fitted surrogate that `FittedGpLocal.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        cells = Cells(np.asarray(state["x"]), np.asarray(state["y"]), np.asarray(state["mask"]), int(state["shared"]))
        kind, combination, nearest = str(state["kernel"]), str(state["combination"]), int(state["nearest"])
        return FittedGpLocal(kind, combination, nearest, found, cells, Units.from_tree(state), FitReport(0.0, 0.0, {}))


def _committee_diagnostics(fitted: FittedGpLocal, watch: Stopwatch) -> dict[str, np.ndarray]:
    """How many experts there are, and the sum of their log evidences in original units, by group."""
    cells, found = fitted.cells, fitted.found
    own = cells.mask[cells.shared :].sum()
    shift = np.array(
        [own * np.log(fitted.units.outputs.scale[found.members(g)]).sum() for g in range(len(found.theta))]
    )
    evidence = np.array([float(np.sum(values[cells.shared :])) for _, values in fitted.experts(watch)])
    return {
        "log_evidence_experts": evidence - shift,
        "experts": np.asarray(len(cells.x) - cells.shared),
        "largest_expert": cells.mask.sum(axis=1).max(),
    }
