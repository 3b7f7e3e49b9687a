"""A function as the limit of infinitely many modes: a mixture of Gaussian processes, one per draw of
hyperparameters."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from binn_cli.models.binn.limit.factors import KernelFactors
from binn_cli.models.binn.limit.interpolant import Interpolant, covers
from binn_cli.models.binn.limit.kernel import (
    covariance,
    covariance_at,
    covariances_at,
    noise_variance,
    nugget_variance,
    squared_distances,
)
from binn_cli.models.binn.limit.warping import warp

MOST_ADDED = 8
"""Times that something is added to the diagonal of a matrix that has no Cholesky factor, ten times as much each."""

ENTRIES = 2**21
"""Numbers of the largest table between new points and training points (16 MB)."""

MANY = 2**13
"""Points in one call from which on polynomials are worth their making."""

CACHED_POINTS = 2**8
"""Points whose polynomials, and what comes of them, stay in the cache."""

CACHED_ROWS = 2**5
"""Rows of a triangular matrix that are multiplied at once, without the zeros beside them."""

building = threading.RLock()
"""Held while polynomials are made: once a surrogate, whichever thread asks first."""

FEW_DRAWS = 16
"""Draws of hyperparameters that stand for all where only the order of cases counts."""

SMALL = 2**17
"""Numbers of squared distances, and of all draws' tables of them, that are computed at once: they stay in the cache
(1 MB)."""


def _root(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """The lower Cholesky factor; where round-off has made the matrix indefinite, with a little more on its diagonal."""
    added = np.finfo(float).eps * float(np.trace(matrix))
    for _ in range(MOST_ADDED):
        try:
            return scipy.linalg.cholesky(matrix, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            matrix = matrix + added * np.eye(len(matrix))
            added *= 10.0
    return scipy.linalg.cholesky(matrix, lower=True, check_finite=False)


def _squares(lower: Float[np.ndarray, "n n"], cross: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " m"]:
    """|L⁻¹ k|² of every column k, by the inverse of a lower triangular factor."""
    total = np.zeros(cross.shape[1])
    for begin in range(0, len(lower), CACHED_ROWS):
        end = min(begin + CACHED_ROWS, len(lower))
        known = lower[begin:end, :end] @ cross[:end]
        total += np.einsum("nm,nm->m", known, known)
    return total


@dataclass(frozen=True)
class Process:
    """One function after its data.

    Attributes:
        points: (n, D) training inputs in units of the domain, warped.
        targets: (n,) values, in units of their own.
        shift, scale: with which the values have mean zero and unit variance.
        draws: (S, P) hyperparameters, which count alike.
        rates: (D,) rates of the inputs' logarithmic coordinates.
        smoothness: which correlation (`limit.kernel.SMOOTHNESS`).
    """

    points: Float[np.ndarray, "n D"]
    targets: Float[np.ndarray, " n"]
    shift: float
    scale: float
    draws: Float[np.ndarray, "S P"]
    rates: Float[np.ndarray, " D"]
    smoothness: str

    @classmethod
    def of(
        cls, points: np.ndarray, targets: np.ndarray, draws: np.ndarray, rates: np.ndarray, smoothness: str
    ) -> Process:
        """The process of values that are not standardised yet, at points that are not warped yet."""
        shift, scale = standardisation(targets)
        return cls(warp(points, rates), targets, shift, scale, draws, rates, smoothness)

    @cached_property
    def thinned(self) -> Process:
        """The process of a few of the draws, evenly picked, which stand for all."""
        step = -(-len(self.draws) // FEW_DRAWS)
        few = replace(self, draws=self.draws[::step])
        few.__dict__["factors"] = self.factors[::step]
        return few

    @cached_property
    def factors(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For every draw the inverse of the Cholesky factor of the covariance matrix, and K⁻¹ y."""
        n, found = len(self.points), []
        values = (self.targets - self.shift) / self.scale
        for theta in self.draws:
            matrix = covariance(theta, self.points, self.points, self.smoothness)
            matrix[np.diag_indices(n)] += nugget_variance(theta, n)
            root = _root(matrix)
            inverse, _ = scipy.linalg.lapack.dtrtri(root, lower=1)
            # By substitution: where K is nearly singular, the inverse multiplied twice misses by more than round-off.
            found.append((inverse, scipy.linalg.cho_solve((root, True), values, check_finite=False)))
        return found

    @property
    def noise(self) -> float:
        """Variance of the observation noise, in units of the values."""
        return float(np.mean([noise_variance(t, len(self.points)) for t in self.draws])) * self.scale**2

    @property
    def parameters(self) -> float:
        """Effective number of parameters, n - σ² tr K⁻¹, on average over the draws."""
        n = len(self.points)
        found = [
            n - nugget_variance(t, n) * float(np.sum(inverse**2))
            for t, (inverse, _) in zip(self.draws, self.factors, strict=True)
        ]
        return float(np.mean(found))

    def moments(
        self, x: Float[np.ndarray, "m D"], *, variance: bool = True
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Mean and variance of the function at new points, in units of the values; without `variance` that is zero."""
        x = warp(x, self.rates)
        if len(x) < MANY:
            return self.at_warped(x, variance)
        inside = covers(x)
        mean, spread = np.empty(len(x)), np.empty(len(x))
        some = x if inside.all() else x[inside]
        mean[inside], spread[inside] = self._at_many(some, variance)
        if len(some) < len(x):
            mean[~inside], spread[~inside] = self.at_warped(x[~inside], variance)
        return mean, spread

    def _at_many(self, x: np.ndarray, variance: bool) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """The same at points of the training domain, by polynomials where there are any."""
        with building:
            whole, factors = self._polynomials
        if whole is not None:
            mean, spread = whole(x)
            return mean, np.maximum(spread, 0.0) if variance else np.zeros(len(x))
        if factors is None:
            return self.at_warped(x, variance)
        return self._mixed(x, variance, CACHED_POINTS, factors)

    @cached_property
    def _polynomials(self) -> tuple[Interpolant | None, KernelFactors | None]:
        """Mean and variance as polynomials of one or two inputs, else the kernel's factors."""
        dimensions, eps = self.points.shape[1], np.finfo(float).eps
        if dimensions <= 2:
            size = self.scale**2 * float(np.mean(np.exp(self.draws[:, -2])))
            tolerance = np.array([64.0 * eps * float(np.max(np.abs(self.targets))), 4.0 * eps * size])
            whole = Interpolant.of(lambda u: np.stack(self.at_warped(u, True), axis=1), dimensions, tolerance)
            if whole is not None:
                return whole, None
        return None, KernelFactors.of(self.points, self.draws, self.smoothness)

    def at_warped(self, x: np.ndarray, variance: bool) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Mean and variance at points whose coordinates are stretched already."""
        return self._mixed(x, variance, max(1, ENTRIES // len(self.points)), None)

    def _mixed(
        self, x: np.ndarray, variance: bool, step: int, factors: KernelFactors | None
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Moments of the mixture of all draws, so many points at a time."""
        mean, spread = np.empty(len(x)), np.zeros(len(x))
        for begin in range(0, len(x), step):
            rows = slice(begin, begin + step)
            means, variances = self._each(x[rows], variance, factors)
            mean[rows] = means.mean(axis=0)
            if variance:
                spread[rows] = variances.mean(axis=0) + means.var(axis=0)
        return self.shift + self.scale * mean, self.scale**2 * spread

    def _each(
        self, x: np.ndarray, variance: bool, factors: KernelFactors | None
    ) -> tuple[Float[np.ndarray, "S m"], Float[np.ndarray, "S m"]]:
        """Mean and variance of every draw; `factors` in place of exponentials."""
        means, variances = np.empty((len(self.draws), len(x))), np.zeros((len(self.draws), len(x)))
        if factors is None:
            crosses = (cross.T for cross in self._crosses(x))
        else:
            basis = factors.basis(x)
            crosses = (factors.covariance(s, basis) for s in range(len(self.draws)))
        for s, (cross, (inverse, solved)) in enumerate(zip(crosses, self.factors, strict=True)):
            means[s] = solved @ cross
            if variance:
                variances[s] = np.maximum(np.exp(self.draws[s, -2]) - _squares(inverse, cross), 0.0)
        return means, variances

    def _crosses(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """For every draw the covariances of warped points with the training points."""
        if len(self.draws) * len(x) * self.points.size <= SMALL:
            yield from covariances_at(self.draws, squared_distances(x, self.points), self.smoothness)
        else:
            yield from self._tables(x, self.points)

    def _tables(self, left: np.ndarray, right: np.ndarray) -> Iterator[np.ndarray]:
        """For every draw the prior covariances between warped points."""
        if left.size * len(right) <= SMALL:
            squares = squared_distances(left, right)
            yield from (covariance_at(theta, squares, self.smoothness) for theta in self.draws)
        else:
            yield from (covariance(theta, left, right, self.smoothness) for theta in self.draws)

    def covariance(
        self, x: Float[np.ndarray, "m D"], other: Float[np.ndarray, "k D"] | None = None
    ) -> Float[np.ndarray, "m k"]:
        """Posterior covariance of the function between new points, or between them and others, in units of the
        values."""
        return self.covariance_and_variance(x, other)[0]

    def covariance_and_variance(
        self, x: Float[np.ndarray, "m D"], other: Float[np.ndarray, "k D"] | None = None
    ) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " k"]]:
        """The same, and the variances of the others, which then cost nothing more."""
        sides = [warp(side, self.rates) for side in ((x,) if other is None else (x, other))]
        total, spread = np.zeros((len(sides[0]), len(sides[-1]))), np.zeros(len(sides[-1]))
        means = [np.empty((len(self.draws), len(side))) for side in sides]
        between = self._tables(sides[0], sides[-1])
        for s, (prior, *crosses) in enumerate(zip(between, *map(self._crosses, sides), strict=True)):
            inverse, solved = self.factors[s]
            known = [cross @ inverse.T for cross in crosses]
            for own, cross in zip(means, crosses, strict=True):
                own[s] = cross @ solved
            total += prior - known[0] @ known[-1].T
            rest = np.exp(self.draws[s, -2]) - np.einsum("mn,mn->m", known[-1], known[-1])
            spread += np.maximum(rest, 0.0)
        away = [own - own.mean(axis=0) for own in means]
        total, spread = total + away[0].T @ away[-1], spread + np.sum(away[-1] ** 2, axis=0)
        return self.scale**2 / len(self.draws) * total, self.scale**2 / len(self.draws) * spread

    def left_out(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Mean and variance of every value from all the others, noise included, in closed form.

        With K the covariance matrix of all values, y_i is predicted by y_i - (K⁻¹y)_i / (K⁻¹)_ii with the variance
        1 / (K⁻¹)_ii (Rasmussen and Williams, Eqs. 5.12).
        """
        values = (self.targets - self.shift) / self.scale
        means, variances = [], []
        n = len(values)
        for theta, (inverse, solved) in zip(self.draws, self.factors, strict=True):
            own = 1.0 / np.einsum("in,in->n", inverse, inverse)
            means.append(values - solved * own)
            variances.append(own + noise_variance(theta, n) - nugget_variance(theta, n))
        mean = np.mean(means, axis=0)
        return self.shift + self.scale * mean, self.scale**2 * (np.mean(variances, axis=0) + np.var(means, axis=0))

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {
            "points": self.points, "targets": self.targets, "shift": self.shift, "scale": self.scale,
            "draws": self.draws, "rates": self.rates, "smoothness": self.smoothness,
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Process:
        """The process that `tree` described."""
        points, targets = np.asarray(tree["points"]), np.asarray(tree["targets"])
        draws = np.atleast_2d(np.asarray(tree["draws"]))
        rates = np.atleast_1d(np.asarray(tree["rates"]))
        return cls(points, targets, float(tree["shift"]), float(tree["scale"]), draws, rates, str(tree["smoothness"]))


def standardisation(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Mean and standard deviation; a scale of one for values that do not change but for round-off."""
    shift, scale = float(np.mean(values)), float(np.std(values))
    return shift, scale if scale > 1e-13 * max(abs(shift), np.finfo(float).tiny) else 1.0
