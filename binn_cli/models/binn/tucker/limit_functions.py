"""The functions of the last axis in the limit of infinitely many modes, and the polynomials that they are at many
points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.limit.interpolant import Interpolant, covers
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.warping import warp

CLOSE = 1e-14
"""What polynomials may be off, relative to the largest function of an axis as the core weighs them."""

CLOSE_FOR_ITSELF = 1e-9
"""The same relative to the function itself, however little the core makes of it."""


@dataclass(frozen=True)
class LimitFunctions:
    """The Q functions of the last axis in the limit: one process each, independent of one another.

    Attributes:
        processes: of every function.
    """

    processes: tuple[Process, ...]

    @property
    def directions(self) -> Float[np.ndarray, "Q Q"]:
        """Each function varies on its own."""
        return np.eye(len(self.processes))

    def moments(
        self, x: Float[np.ndarray, "n D"], variance: bool
    ) -> tuple[Float[np.ndarray, "n Q"], Float[np.ndarray, "n Q"] | None]:
        """Mean and variance of every function at points; a point that is asked often is answered once."""
        asked, where = _distinct(x)
        found = [process.moments(asked, variance=variance) for process in self.processes]
        mean, spread = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        if where is not None:
            mean, spread = mean[where], spread[where] if variance else spread
        return mean, spread if variance else None

    def mean(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n Q"]:
        """Mean functions at points."""
        return self.moments(x, variance=False)[0]

    def polynomials(self, weights: Float[np.ndarray, " Q"]) -> CasePolynomials | None:
        """The functions of one or two inputs as polynomials, whose `weights` say how much the core makes of each."""
        first = self.processes[0]
        if first.points.shape[1] > 2 or any(not np.array_equal(p.rates, first.rates) for p in self.processes):
            return None
        sizes = weights * [np.max(np.abs(p.targets)) for p in self.processes]
        spreads = np.array([p.scale**2 * np.mean(np.exp(p.draws[:, -2])) for p in self.processes])
        weights = np.maximum(weights, np.finfo(float).tiny)
        means = np.minimum(CLOSE * np.max(sizes), CLOSE_FOR_ITSELF * sizes) / weights
        variances = np.minimum(CLOSE * np.max(weights**2 * spreads) / weights**2, CLOSE_FOR_ITSELF * spreads)

        def means_at(u: np.ndarray) -> np.ndarray:
            return np.stack([process.at_warped(u, False)[0] for process in self.processes], axis=1)

        def variances_at(u: np.ndarray) -> np.ndarray:
            return np.stack([process.at_warped(u, True)[1] for process in self.processes], axis=1)

        dimensions, tiny = first.points.shape[1], np.finfo(float).tiny
        mean = Interpolant.of(means_at, dimensions, np.maximum(means, tiny))
        spread = None if mean is None else Interpolant.of(variances_at, dimensions, np.maximum(variances, tiny))
        return None if mean is None or spread is None else CasePolynomials(mean, spread, first.rates, self)

    def covariances(
        self, x: Float[np.ndarray, "n D"], other: Float[np.ndarray, "m D"] | None, which: Int[np.ndarray, " e"]
    ) -> tuple[Float[np.ndarray, "e n m"], Float[np.ndarray, "m e"]]:
        """Covariance of some of the functions between points, or between them and others, and the variances of the
        latter."""
        found = [self.processes[int(q)].covariance_and_variance(x, other) for q in which]
        return np.stack([own for own, _ in found]), np.stack([own for _, own in found], axis=1)

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {"processes": {f"{q:03d}": process.tree() for q, process in enumerate(self.processes)}}


@dataclass(frozen=True)
class CasePolynomials:
    """The functions of `LimitFunctions` as polynomials of the stretched coordinates.

    Attributes:
        mean, spread: of every function its mean and its variance.
        rates: with which the coordinates are stretched.
        functions: what they stand for, for points outside of the domain.
    """

    mean: Interpolant
    spread: Interpolant
    rates: Float[np.ndarray, " D"]
    functions: LimitFunctions

    def __call__(
        self, x: Float[np.ndarray, "n D"], variance: bool
    ) -> tuple[Float[np.ndarray, "Q n"], Float[np.ndarray, "Q n"] | None]:
        """Mean and variance of every function at points, the points last."""
        u = warp(x, self.rates)
        mean = self.mean(u)
        spread = np.maximum(self.spread(u), 0.0) if variance else None
        inside = covers(u)
        if not inside.all():
            own, other = self.functions.moments(x[~inside], variance)
            mean[:, ~inside] = own.T
            if spread is not None and other is not None:
                spread[:, ~inside] = other.T
        return mean, spread


def _distinct(x: Float[np.ndarray, "n D"]) -> tuple[Float[np.ndarray, "m D"], np.ndarray | None]:
    """The distinct points and which of them every point is; None where they do not repeat enough to be worth it."""
    some = x[:: max(1, len(x) // 64)]
    if len(x) < 64 or len(np.unique(some, axis=0)) > len(some) // 2:
        return x, None
    found, where = np.unique(x, axis=0, return_inverse=True)
    return found, where.ravel()
