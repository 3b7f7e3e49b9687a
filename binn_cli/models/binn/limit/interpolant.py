"""Smooth functions of one or two inputs as polynomials: what a process says at many points costs a few products of
small matrices in place of an exponential for every case, function and draw.

On a grid of Chebyshev points the functions are what they are; between them they are the polynomial through these, whose
degree is doubled until its last coefficients are round-off. A few functions of the second input are left by a singular
value decomposition; along the first one, polynomials of a high degree are cut into strips.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.chebyshev import chebyshev_points, chebyshev_values, coefficients
from binn_cli.models.binn.point_tables import point_table

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

STRIPS = 16
"""Parts of the range of an input in each of which a polynomial of a lower degree stands for one of a high degree."""

HIGH = 24
"""Number of coefficients from which on that is worth sorting the points."""

LOCAL_DEGREE = 48
"""Degree at which the coefficients in a strip must be round-off; else there are none."""

SLACK = 1e-9
"""How far beyond [0, 1] a point may lie: what arithmetic does to a point on the edge."""


@dataclass(frozen=True)
class Interpolant:
    """O functions on [0, 1] or its square, Σ_kr c_rok T_k(x_1) ψ_r(x_2), with c of the strip in which x_1 lies.

    Attributes:
        strips: (C, R O, K) coefficients in every strip of the first input; R is 1 if there is no second one.
        factor: (K, R) coefficients of the functions of the second input; None of one input.
        inputs: which input is the first, and which the second.
    """

    strips: Float[np.ndarray, "C m K"]
    factor: Float[np.ndarray, "k R"] | None
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
        count = len(self.strips)
        place = x[:, self.inputs[0]] * count
        strip = np.clip(place, 0.0, count - 1.0).astype(np.uint8)
        place -= strip
        if count == 1:
            return self._sorted(x, place, np.array([len(x)]))
        order = np.argsort(strip, kind="stable")  # of numbers this small a radix sort
        ends = np.cumsum(np.bincount(strip, minlength=count))
        found = self._sorted(x.take(order, axis=0), place.take(order), ends)
        where = np.empty_like(order)
        where[order] = np.arange(len(order))
        restored = point_table(*found.shape)
        for row, out in zip(found, restored, strict=True):
            np.take(row, where, out=out, mode="clip")
        return restored

    def _sorted(
        self, x: Float[np.ndarray, "n D"], place: Float[np.ndarray, " n"], ends: Int[np.ndarray, " C"]
    ) -> Float[np.ndarray, "O n"]:
        """Values at points sorted by strips, whose places within these are given and the ends of every strip's rows."""
        basis, others = chebyshev_values(place, self.strips.shape[2]), None
        if self.factor is not None:
            others = self.factor.T @ chebyshev_values(x[:, self.inputs[1]], len(self.factor))
        outputs = self.strips.shape[1] // (1 if others is None else len(others))
        found = point_table(outputs, len(x))
        for own, first, end in zip(self.strips, [0, *ends[:-1]], ends, strict=True):
            for begin in range(first, end, ROWS):
                rows = slice(begin, min(begin + ROWS, end))
                values = own @ basis[:, rows]
                if others is None:
                    found[:, rows] = values
                else:
                    products = values.reshape(len(others), outputs, -1)
                    np.einsum("ron,rn->on", products, others[:, rows], out=found[:, rows])
        return found


def covers(x: Float[np.ndarray, "n D"]) -> np.ndarray:
    """(n,) which points lie where a polynomial holds."""
    inside = np.abs(x[:, 0] - 0.5) <= 0.5 + SLACK
    for column in x.T[1:]:  # one after the other: rows of few numbers are slow to go through
        inside &= np.abs(column - 0.5) <= 0.5 + SLACK
    return inside


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
    """Coefficients in units of the tolerance, those that matter, in strips and with few functions of the second input.

    The first input is that of the higher degree.
    """
    for axis in range(scaled.ndim - 1):
        seen = np.flatnonzero(_along(scaled, axis) > 0.1)
        scaled = np.take(scaled, np.arange(seen[-1] + 1 if len(seen) else 1), axis=axis)
    if scaled.ndim == 2:
        return Interpolant(_in_strips(scaled) * tolerance[:, None], None, (0,))
    inputs = (0, 1)
    if scaled.shape[1] > scaled.shape[0]:
        scaled, inputs = scaled.swapaxes(0, 1), (1, 0)
    left, sizes, _ = np.linalg.svd(np.moveaxis(scaled, 1, 0).reshape(scaled.shape[1], -1), full_matrices=False)
    behind = np.sqrt(np.cumsum(sizes[::-1] ** 2)[::-1])
    factor = left[:, : max(1, int(np.sum(behind > 0.3)))]
    core = np.einsum("klo,lr->kro", scaled, factor)  # (K, R, O)
    strips = _in_strips(core.reshape(len(core), -1)) * np.tile(tolerance, factor.shape[1])[:, None]
    return Interpolant(strips, factor, inputs)


def _in_strips(scaled: Float[np.ndarray, "K m"]) -> Float[np.ndarray, "C m k"]:
    """The polynomials of some functions as those of lower degree in strips; one strip if that gains nothing."""
    whole = scaled.T[None]
    if len(scaled) < HIGH:
        return whole
    nodes = (np.arange(STRIPS)[:, None] + chebyshev_points(LOCAL_DEGREE)).ravel() / STRIPS
    values = (scaled.T @ chebyshev_values(nodes, len(scaled))).reshape(-1, STRIPS, LOCAL_DEGREE + 1)
    found = coefficients(values, 2).swapaxes(0, 1)
    seen = np.flatnonzero(np.max(np.abs(found), axis=(0, 1)) > 0.1)
    count = int(seen[-1]) + 1 if len(seen) else 1
    return np.ascontiguousarray(found[:, :, :count]) if count < 0.85 * LOCAL_DEGREE else whole
