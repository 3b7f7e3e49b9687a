"""Smooth functions of one or two inputs as polynomials: what a process says at many points costs a few products of
small matrices in place of an exponential for every case, function and draw.

On a grid of Chebyshev points the functions are what they are; between them they are the polynomial through these, whose
degree is doubled until its last coefficients are round-off. Its matrix of coefficients has a low rank, so a few
functions of each input are left (a higher-order singular value decomposition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.chebyshev import chebyshev_points, chebyshev_values, coefficients

FIRST_DEGREE, HIGHEST_DEGREE = 16, 512
MOST_NODES = 2**16
"""Nodes beyond which the functions are evaluated as they are."""

TAIL = 0.15
"""Share of the coefficients, those of the highest degrees, that must be round-off."""

CHECKED = 200
"""Points between the nodes at which polynomials are compared with the functions."""

AGREEMENT = 30.0
"""Largest difference there, in units of the tolerance."""

ROWS = 512
"""Points whose products of functions are formed at once: they stay in the cache."""

SLACK = 1e-9
"""How far beyond [0, 1] a point may lie: what arithmetic does to a point on the edge."""


@dataclass(frozen=True)
class Interpolant:
    """O functions on [0, 1] or its square, Σ_rs core_ros φ_r(x_1) ψ_s(x_2).

    Attributes:
        factors: for every input (K, R) coefficients of its functions.
        core: (R_2 O, R_1) of two inputs, (O, R_1) of one.
        inputs: which input each of the factors is of.
    """

    factors: tuple[Float[np.ndarray, "K R"], ...]
    core: Float[np.ndarray, "m R"]
    inputs: tuple[int, ...]

    @classmethod
    def of(
        cls,
        function: Callable[[Float[np.ndarray, "m D"]], Float[np.ndarray, "m O"]],
        dimensions: int,
        tolerance: Float[np.ndarray, " O"],
    ) -> Interpolant | None:
        """The polynomial that agrees with functions of one or two inputs; None where its degree would be too high.

        Args:
            function: the functions.
            dimensions: D.
            tolerance: what every function may be off; never less than its own round-off.
        """
        points = np.random.default_rng(0).random((CHECKED, dimensions))
        exact = function(points)
        moved = function(points + 4.0 * np.finfo(float).eps)
        tolerance = np.maximum(tolerance, 2.0 * np.max(np.abs(moved - exact), axis=0))
        degrees = [FIRST_DEGREE] * dimensions
        while np.prod([n + 1 for n in degrees]) <= MOST_NODES and max(degrees) <= HIGHEST_DEGREE:
            scaled = _coefficients(function, degrees) / tolerance
            if not np.isfinite(scaled).all():
                return None
            wanting = [a for a in range(dimensions) if _tail(scaled, a) > 1.0]
            if not wanting:
                found = _compressed(scaled, tolerance)
                if np.max(np.abs(found(points).T - exact) / tolerance) <= AGREEMENT:
                    return found
                wanting = list(range(dimensions))
            degrees = [2 * n if a in wanting else n for a, n in enumerate(degrees)]
        return None

    def __call__(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "O n"]:
        """Values at points, the points last."""
        values = [
            factor.T @ chebyshev_values(x[:, a], len(factor))
            for factor, a in zip(self.factors, self.inputs, strict=True)
        ]
        if len(values) == 1:
            return self.core @ values[0]
        first, second = values
        outputs = len(self.core) // len(second)
        found = np.empty((outputs, len(x)))
        for begin in range(0, len(x), ROWS):
            rows = slice(begin, begin + ROWS)
            # Rows a power of two apart would push one another out of the cache.
            products = (self.core @ first[:, rows].copy()).reshape(len(second), outputs, -1)
            np.einsum("son,sn->on", products, second[:, rows].copy(), out=found[:, rows])
        return found


def covers(x: Float[np.ndarray, "n D"]) -> np.ndarray:
    """(n,) which points lie where a polynomial holds."""
    return np.asarray(np.all(np.abs(x - 0.5) <= 0.5 + SLACK, axis=1))


def _coefficients(function: Callable[[np.ndarray], np.ndarray], degrees: list[int]) -> Float[np.ndarray, "*K O"]:
    nodes = [chebyshev_points(n) for n in degrees]
    grid = np.stack([part.ravel() for part in np.meshgrid(*nodes, indexing="ij")], axis=1)
    values = function(grid).reshape(*(n + 1 for n in degrees), -1)
    for axis in range(len(degrees)):
        values = coefficients(values, axis)
    return values


def _along(scaled: Float[np.ndarray, "*K O"], axis: int) -> Float[np.ndarray, " K"]:
    """The largest coefficient of every degree in one input."""
    return np.asarray(np.max(np.abs(np.moveaxis(scaled, axis, 0)).reshape(scaled.shape[axis], -1), axis=1))


def _tail(scaled: Float[np.ndarray, "*K O"], axis: int) -> float:
    sizes = _along(scaled, axis)
    return float(np.max(sizes[-max(2, int(TAIL * len(sizes))) :]))


def _compressed(scaled: Float[np.ndarray, "*K O"], tolerance: Float[np.ndarray, " O"]) -> Interpolant:
    """Coefficients in units of the tolerance, those that matter, as a core and few functions of every input."""
    for axis in range(scaled.ndim - 1):
        seen = np.flatnonzero(_along(scaled, axis) > 0.1)
        scaled = np.take(scaled, np.arange(seen[-1] + 1 if len(seen) else 1), axis=axis)
    if scaled.ndim == 2:
        return Interpolant((np.eye(len(scaled)),), (scaled * tolerance).T.copy(), (0,))
    factors = []
    for axis in range(2):
        unfolded = np.moveaxis(scaled, axis, 0).reshape(scaled.shape[axis], -1)
        left, sizes, _ = np.linalg.svd(unfolded, full_matrices=False)
        behind = np.sqrt(np.cumsum(sizes[::-1] ** 2)[::-1])
        rank = max(1, int(np.sum(behind > 0.3)))
        factors.append(left[:, :rank])
        scaled = np.moveaxis(np.tensordot(scaled, left[:, :rank], axes=(axis, 0)), -1, axis)
    core = scaled * tolerance  # (R_1, R_2, O)
    inputs = (0, 1)
    if core.shape[1] > core.shape[0]:  # what is multiplied out point by point is the shorter list
        core, factors, inputs = core.swapaxes(0, 1), factors[::-1], (1, 0)
    return Interpolant(tuple(factors), core.reshape(len(core), -1).T.copy(), inputs)
