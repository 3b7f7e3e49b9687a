"""The solution of an equation some of whose parameters are unknown, after observations: a field with intervals.

The equation holds exactly; what is uncertain is which member of the family of its solutions is the true one. The prior
is uniform over the parameters' ranges, and y = u(x; θ) + ε with independent normal ε of one standard deviation, which
is known, or uniform in its logarithm. The solution's own error counts as a further independent deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.errors import DataError
from binn_cli.models.galerkin.population import Population, population
from binn_cli.models.surrogate import FitReport, Prediction, Tree

DRAWS = 1024
"""Draws from the posterior."""

FIELD_DRAWS = 256
"""Draws with which fields are predicted."""

POINTS_AT_ONCE = 2048

SMALLEST_NOISE = 1e-6
"""Smallest standard deviation of the noise, where it is unknown, over the size of the observations."""


@dataclass(frozen=True)
class Findings:
    """What observations say.

    Attributes:
        draws: (S, U) of the unknown parameters, in their units.
        noise_std: (S,) draws of the standard deviation of the noise.
        best: (U,) the draw of the largest likelihood.
        powers: how many powers of the likelihood the population went through.
        acceptance: share of its last moves that were accepted.
    """

    draws: Float[np.ndarray, "S U"]
    noise_std: Float[np.ndarray, " S"]
    best: Float[np.ndarray, " U"]
    powers: int
    acceptance: float


@dataclass(frozen=True)
class InformedGalerkin:
    """Solutions for many values of the unknown parameters, as many as the observations say that each deserves.

    Attributes:
        solved: the solution for all parameters.
        unknown: (U,) which of its inputs are unknown, rising.
        draws: (S, U) values of these.
        noise_std: of the observations.
        report: what it cost.
    """

    solved: Any
    unknown: tuple[int, ...]
    draws: Float[np.ndarray, "S U"]
    noise_std: float
    report: FitReport

    @property
    def known(self) -> tuple[int, ...]:
        """Which inputs are known."""
        return tuple(d for d in range(len(self.solved.domain)) if d not in self.unknown)

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The field at every combination of the axes' points, whose coordinates are the known inputs in order.

        Raises:
            DataError: if the axes have not these inputs.
        """
        tables = [axis.points for axis in axes]
        shape = tuple(len(table) for table in tables)
        if sum(table.shape[1] for table in tables) != len(self.known):
            raise DataError(f"the field has {len(self.known)} inputs; the others were unknown, and are averaged over")
        rows = np.indices(shape).reshape(len(shape), -1)
        points = np.concatenate([table[own] for table, own in zip(tables, rows, strict=True)], axis=1)
        mean, spread = np.empty(len(points)), np.empty(len(points))
        for begin in range(0, len(points), POINTS_AT_ONCE):
            part = slice(begin, begin + POINTS_AT_ONCE)
            values = self.fields(points[part])
            mean[part] = values.mean(axis=0)
            if variance:
                spread[part] = values.var(axis=0, ddof=1) + self.own_variance(points[part])
        full = (*shape, 1)
        noise = np.full(full, self.noise_std**2)
        epistemic = spread.reshape(full) if variance else np.full(full, np.nan)
        return Prediction(mean.reshape(full), epistemic, noise)

    def fields(self, points: Float[np.ndarray, "n K"]) -> Float[np.ndarray, "S n"]:
        """The solution for every draw at points of the known inputs."""
        return self.solved.solution.crossed(points, self.draws, self.unknown)

    def own_variance(self, points: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Variance of the solution's own error, at the mean of the draws."""
        table = np.empty((len(points), len(self.solved.domain)))
        table[:, list(self.known)], table[:, list(self.unknown)] = points, self.draws.mean(axis=0)
        names = tuple(f"x{d}" for d in range(table.shape[1]))
        return np.asarray(self.solved.predict([Axis("point", table, names)]).epistemic_var[:, 0])

    def state(self) -> Tree:
        """All that `from_state` needs."""
        own = {"unknown": np.array(self.unknown), "draws": self.draws, "noise_std": self.noise_std}
        return {**self.solved.state(), "informed": own}

    @classmethod
    def of(cls, solved: Any, state: Tree) -> InformedGalerkin:
        """What `state` described, around the solution for all parameters."""
        own = state["informed"]
        unknown = tuple(int(d) for d in np.atleast_1d(own["unknown"]))
        draws = np.asarray(own["draws"]).reshape(-1, len(unknown))
        return cls(solved, unknown, draws, float(own["noise_std"]), FitReport(0.0, 0.0, {}))


def informed(
    solved: Any,
    unknown: Sequence[int],
    points: Float[np.ndarray, "n K"],
    values: Float[np.ndarray, " n"],
    noise_std: float | None,
    seed: int,
) -> tuple[InformedGalerkin, Findings]:
    """Learn unknown parameters from observations.

    Args:
        solved: the solution for all parameters, a `FittedGalerkin`.
        unknown: which inputs are unknown, rising.
        points: the known inputs of every observation, in order.
        values: what was observed.
        noise_std: standard deviation of the noise; None to learn it as well.
        seed: of the draws.
    """
    low, high = solved.domain[list(unknown)].T
    size = float(np.sqrt(np.mean(values**2))) or 1.0
    logs = np.log(SMALLEST_NOISE * size), np.log(2.0 * size)
    middle = InformedGalerkin(solved, tuple(unknown), ((low + high) / 2)[None], 0.0, solved.report)
    own = middle.own_variance(points)

    def parts(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = low + (high - low) * places[:, : len(low)]
        if noise_std is not None:
            return theta, np.full(len(places), noise_std)
        return theta, np.exp(logs[0] + (logs[1] - logs[0]) * places[:, -1])

    def log_likelihood(places: np.ndarray) -> np.ndarray:
        theta, noise = parts(places)
        missing = solved.solution.crossed(points, theta, tuple(unknown)) - values
        variance = own + noise[:, None] ** 2
        return -0.5 * np.sum(missing**2 / variance + np.log(variance), axis=1)

    dimensions = len(low) + (noise_std is None)
    found: Population = population(log_likelihood, dimensions, DRAWS, seed)
    theta, noise = parts(found.draws)
    findings = Findings(theta, noise, theta[np.argmax(found.values)], found.powers, found.acceptance)
    fields = theta[:: DRAWS // FIELD_DRAWS]
    return replace(middle, draws=fields, noise_std=float(np.sqrt(np.mean(noise**2)))), findings
