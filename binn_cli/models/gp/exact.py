"""The exact Gaussian process: one covariance matrix of all points, factorised once a group of outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg.lapack import dtrtri

from binn_cli.config.schema.gp import GpConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, DataError
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.conditioning import conditioned, factorised
from binn_cli.models.gp.groups import grouped_mean, predict_groups
from binn_cli.models.gp.hyperparameters import Hyperparameters
from binn_cli.models.gp.learning import Table, final_size, first_guess, hyperparameter_diagnostics, learned, sample
from binn_cli.models.gp.memory import require_dense
from binn_cli.models.gp.varying_noise import learned_field
from binn_cli.models.noise_field import NoiseField
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

ROWS_AT_ONCE = 2**15
"""Points whose noise is looked at together."""

MANY_ROWS, MARGIN, MOST_LEFT_OUT = 50, 4.0, 2000
"""Points that may say that variances are too large, by how much less than they say these become smaller, and most
points of which each is left out."""

MOST_RAISED = 6
"""How often the noise variance of points that were not searched with becomes ten times as large."""

BATCH = 1024
"""Points that are predicted at once: their covariance with the training points is the largest array of a prediction."""


factorise, condition = CompiledFunction(factorised), CompiledFunction(conditioned)


@dataclass(frozen=True)
class FittedGp:
    """An exact Gaussian process after its data; the factors are worked out when they are first needed.

    Attributes:
        kind: name of the kernel.
        found: hyperparameters of every group of outputs.
        table: the training points in scaled units.
        units: the maps of units.
        report: cost and diagnostics of the fit.
        noise_field: how the noise varies over the inputs; None where it is the same everywhere.
        narrowing: (G,) factor on all variances of a group, at most 1; None stands for 1.
    """

    kind: str
    found: Hyperparameters
    table: Table
    units: Units
    report: FitReport
    noise_field: NoiseField | None = None
    narrowing: Float[np.ndarray, " G"] | None = None

    @property
    def narrowed(self) -> Hyperparameters:
        """Hyperparameters with what left-out points say of the variances; a search goes on from `found`."""
        if self.narrowing is None:
            return self.found
        theta = self.found.theta.copy()
        theta[:, -2:] += np.log(self.narrowing)[:, None]
        return replace(self.found, theta=theta)

    def factors(self, watch: Stopwatch) -> list[tuple[Array, Array, Array]]:
        """What `factorised` gives for every group."""
        if "_kept" not in self.__dict__:
            size = (len(self.table.x), len(self.found.theta))
            relative = np.ones(size) if self.noise_field is None else self.noise_field.factors(self.table.x)
            parts = [
                factorise(
                    watch,
                    theta,
                    self.table.x,
                    self.table.y[:, self.found.members(g)],
                    self.table.mask,
                    relative[:, g],
                    kind=self.kind,
                )
                for g, theta in enumerate(self.found.theta)
            ]
            self.__dict__["_kept"] = parts
        return self.__dict__["_kept"]

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution on the product of the axes, in original units."""

        def evaluate(watch: Stopwatch, group: int, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            lower, weights, _ = self.factors(watch)[group]
            mean, variance = condition(
                watch, self.found.theta[group], self.table.x, self.table.mask, lower, weights, new, kind=self.kind
            )
            return mean, variance if self.narrowing is None else variance * self.narrowing[group]

        prediction = predict_groups(self.units, axes, self.narrowed, BATCH, evaluate)
        if self.noise_field is None:
            return prediction
        return replace(prediction, noise_var=prediction.noise_var * self._noise_factors(axes))

    def _noise_factors(self, axes: Sequence[Axis]) -> Float[np.ndarray, "*n L"]:
        """By what the noise variance of each output is multiplied on the product of the axes."""
        assert self.noise_field is not None
        points = self.units.axes(axes)
        sizes = tuple(len(p) for p in points)
        found = np.empty((int(np.prod(sizes)), len(self.found.group)))
        for begin in range(0, len(found), ROWS_AT_ONCE):
            rows = np.arange(begin, min(begin + ROWS_AT_ONCE, len(found)))
            table = np.concatenate([p[i] for p, i in zip(points, np.unravel_index(rows, sizes), strict=True)], axis=1)
            found[rows] = self.noise_field.factors(table)[:, self.found.group]
        return found.reshape(*sizes, -1)

    def mean_function(self) -> Callable[[Array], Array]:
        """See `models.gradient.HasMeanFunction`."""
        weights = [part[1] for part in self.factors(Stopwatch())]
        return grouped_mean(
            self.kind, self.found, [self.table.x] * len(weights), [w * self.table.mask[:, None] for w in weights]
        )

    def state(self) -> Tree:
        """Training points, hyperparameters and units; the factors are worked out again from them."""
        return {
            "kind": "gp",
            "kernel": self.kind,
            "theta": self.found.theta,
            "group": self.found.group,
            "x": self.table.x,
            "y": self.table.y,
            "mask": self.table.mask,
            **({} if self.noise_field is None else self.noise_field.tree()),
            **({} if self.narrowing is None else {"narrowing": self.narrowing}),
            **self.units.tree(),
        }


@dataclass(frozen=True)
class Gp:
    """The exact Gaussian process with the given settings."""

    config: GpConfig
    name: str = "gp"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedGp:
        """Choose hyperparameters if need be, and factorise; see `Surrogate.fit`.

        A warm start gives the hyperparameters from which their search starts.

        Raises:
            TooLarge: if the covariance matrix of all points would not fit into the share of memory.
            DataError: if the covariance matrix is not positive definite.
        """
        watch, began = Stopwatch(), time.perf_counter()
        size = final_size(data, capacity)
        warm = warm_start if isinstance(warm_start, FittedGp) else None
        units = warm.units if warm else Units.of(data, domain, self.config.output_scaling)
        first, former = first_guess(self.config, data, units, warm.found if warm else None)
        looked_at = 0 if self.config.hyperparameters == "fixed" else self.config.evidence_points
        require_dense(size, looked_at, len(first.theta), self.config.memory)
        part = sample(units, data, self.config.evidence_points, self.config.seed, capacity)
        found, trace = learned(self.config, part, first, former, watch)
        field = None
        if self.config.noise == "varying":
            members = [found.members(g) for g in range(len(found.theta))]
            theta, field = learned_field(self.config.kernel, part, found.theta, members, watch)
            found = replace(found, theta=theta)
        table = Table.of(*units.table(data), size)
        fitted = FittedGp(self.config.kernel, found, table, units, FitReport(0.0, 0.0, {}), field)
        if self.config.hyperparameters == "evidence":
            fitted = _factorisable(fitted, watch)
        evidence = _log_evidence(fitted, watch)
        narrowing = None
        if self.config.hyperparameters == "evidence" and field is None and data.n_points <= MOST_LEFT_OUT:
            narrowing = _narrowing(fitted, watch)
        done = replace(fitted, narrowing=narrowing)
        trace = {**hyperparameter_diagnostics(done.narrowed, units), "log_evidence": evidence, **trace}
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, trace)
        done = replace(done, report=report)
        done.__dict__["_kept"] = fitted.factors(watch)
        return done

    def update(self, fitted: FittedGp, data: ProductData, forgetting: float = 1.0) -> FittedGp:
        """The process conditioned on more points, with the hyperparameters that it has: what a fit to all points gives
        with those.

        Raises:
            BinnError: if older points are to count less, which a Gaussian process with one noise cannot say.
            DataError: if the covariance matrix is not positive definite.
        """
        if forgetting != 1.0:
            raise BinnError(f"forgetting is {forgetting}, but model=gp weighs all points alike")
        old, known = fitted.table, fitted.table.mask > 0
        x, y = fitted.units.table(data)
        require_dense(int(known.sum()) + len(x), 0, len(fitted.found.theta), self.config.memory)
        table = Table.of(
            np.concatenate([old.x[known], x]), np.concatenate([old.y[known], y]), int(known.sum()) + len(x)
        )
        grown = replace(fitted, table=table, report=FitReport(0.0, 0.0, {}))
        watch = Stopwatch()
        if self.config.hyperparameters == "evidence":
            grown = _factorisable(grown, watch)
        evidence = _log_evidence(grown, watch)
        trace = {**hyperparameter_diagnostics(grown.narrowed, fitted.units), "log_evidence": evidence}
        done = replace(grown, report=FitReport(watch.compile_seconds, 0.0, trace))
        done.__dict__["_kept"] = grown.factors(watch)
        return done

    def from_state(self, state: Tree) -> FittedGp:
        """The fitted surrogate that `FittedGp.state` described."""
        found = Hyperparameters(np.atleast_2d(state["theta"]), np.atleast_1d(state["group"]))
        table = Table(*(np.asarray(state[name]) for name in ("x", "y", "mask")))
        return FittedGp(
            str(state["kernel"]),
            found,
            table,
            Units.from_tree(state),
            FitReport(0.0, 0.0, {}),
            NoiseField.from_tree(state),
            np.atleast_1d(state["narrowing"]) if "narrowing" in state else None,
        )


def _factorisable(fitted: FittedGp, watch: Stopwatch) -> FittedGp:
    """The same process with so much noise that the covariance matrix of all its points has a factor: the noise was
    found with fewer of them."""
    for _ in range(MOST_RAISED):
        lost = [not np.isfinite(part[2]) for part in fitted.factors(watch)]
        if not any(lost):
            break
        theta = fitted.found.theta.copy()
        theta[lost, -1] += np.log(10.0)
        fitted = replace(fitted, found=replace(fitted.found, theta=theta))
    return fitted


def _narrowing(fitted: FittedGp, watch: Stopwatch) -> Float[np.ndarray, " G"] | None:
    """The factor of every group's variances, below 1 where left-out points were missed by far less than was said.

    The search for the noise of simulations without any ends where covariance matrices can still be factorised, which is
    far above their round-off. A factor on signal and noise changes no mean.
    """
    known, found = fitted.table.mask > 0, np.ones(len(fitted.found.theta))
    for g, (lower, weights, _) in enumerate(fitted.factors(watch)):
        inverse, _ = dtrtri(np.asarray(lower), lower=1)
        precision = np.sum(inverse**2, axis=0)[known]
        squares = np.mean(np.asarray(weights)[known] ** 2 / precision[:, None])  # Rasmussen and Williams, Eq. 5.12
        if len(precision) >= MANY_ROWS:
            found[g] = min(1.0, MARGIN * max(float(squares), np.finfo(float).eps))
    return None if np.all(found == 1.0) else found


def _log_evidence(fitted: FittedGp, watch: Stopwatch) -> Float[np.ndarray, " G"]:
    """The log evidence of all points in their own units, by group.

    Raises:
        DataError: if it is not a number, which is so where the covariance matrix is not positive definite.
    """
    points, scale = float(fitted.table.mask.sum()), fitted.units.outputs.scale
    found = fitted.found
    shift = np.array([points * np.sum(np.log(scale[found.members(g)])) for g in range(len(found.theta))])
    values = np.array([float(part[2]) for part in fitted.factors(watch)]) - shift
    if not np.isfinite(values).all():
        noises = ", ".join(f"{noise:.1e}" for noise in found.noise)
        raise DataError(
            f"model=gp: the covariance matrix of the {points:,.0f} points is not positive definite, because the "
            f"noise variance "
            f"({noises} of the scaled outputs) is too small for such long length scales; raise model.noise_variance"
        )
    return values
