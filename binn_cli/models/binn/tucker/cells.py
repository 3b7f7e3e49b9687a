"""The functions of an axis cell by cell, a polynomial in each: a point costs a few products in place of a row of all
basis functions.

Between two knots a spline is such a polynomial and its variance one of twice the degree. Smooth functions are the
polynomial through their values at the Chebyshev points of a cell, and cells are halved until that is round-off away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from jaxtyping import Float

from binn_cli.models.binn.bases.bspline import BSplineBasis
from binn_cli.models.binn.bases.hat import HatBasis
from binn_cli.models.binn.bases.stretched import StretchedBasis, stretch
from binn_cli.models.binn.limit.interpolant import covers
from binn_cli.models.binn.point_tables import points_last
from binn_cli.models.binn.tucker.fields import AxisFunctions

DEGREES = {BSplineBasis: (3, 6), HatBasis: (1, 2)}
"""Degree of the functions between two knots, and of their variance."""

SMOOTH = (6, 7)
"""The same of what only resembles a polynomial."""

FIRST_CELLS, MOST_CELLS = 32, 2**12

CLOSE = 1e-14
"""What polynomials may be off, relative to the largest value; never less than the round-off of the functions."""

CHECKED = 500
"""Points at which they are compared with the functions."""


@dataclass(frozen=True)
class AxisCells:
    """Functions of one input on [0, 1] and their variance, polynomials in every cell.

    Attributes:
        first: where the first cell begins, in the stretched coordinate.
        spacing: width of a cell.
        rate: of the stretched coordinate.
        mean: (C, K, Q) coefficients of the mean functions, the constant first.
        spread: (C, K', E) coefficients of their variance.
        functions: what they stand for, for points beyond the cells.
    """

    first: float
    spacing: float
    rate: float
    mean: Float[np.ndarray, "C K Q"]
    spread: Float[np.ndarray, "C P E"]
    functions: AxisFunctions

    @classmethod
    def of(cls, functions: AxisFunctions) -> AxisCells | None:
        """The cells of functions; None where these are neither splines nor smooth."""
        stated = functions.basis
        basis, rate = (stated.basis, stated.rate) if isinstance(stated, StretchedBasis) else (stated, 0.0)
        inside = replace(functions, basis=basis)
        degrees = DEGREES.get(type(basis))
        if degrees is not None and isinstance(basis, (BSplineBasis, HatBasis)):
            first = float(basis.centers[0] - np.floor(basis.centers[0] / basis.spacing + 1.0) * basis.spacing)
            count = int(np.ceil((1.0 - first) / basis.spacing)) + 1
            tables = _tables(inside, first, basis.spacing, count, degrees)
            return cls(first, basis.spacing, rate, *tables, functions)
        points = np.random.default_rng(0).random((CHECKED, 1))
        exact, moved = inside.moments(points, True), inside.moments(points + 4.0 * np.finfo(float).eps, True)
        allowed = [_tolerance(own, other) for own, other in zip(exact, moved, strict=True)]
        count = FIRST_CELLS
        while count <= MOST_CELLS:
            found = cls(0.0, 1.0 / count, 0.0, *_tables(inside, 0.0, 1.0 / count, count, SMOOTH), functions)
            pairs = zip(found(points, True), exact, allowed, strict=True)
            if all(own is not None and np.all(np.abs(own.T - other) <= most) for own, other, most in pairs):
                return replace(found, rate=rate)
            count *= 2
        return None

    def __call__(
        self, x: Float[np.ndarray, "n 1"], variance: bool
    ) -> tuple[Float[np.ndarray, "Q n"], Float[np.ndarray, "E n"] | None]:
        """Mean functions, and their variance along each direction, at points, the points last."""
        place = stretch(x[:, 0], self.rate)
        inside = covers(place[:, None])
        place = (place - self.first) / self.spacing
        cell = np.clip(place, 0.0, len(self.mean) - 1.0).astype(np.int32)
        place -= cell
        place *= 2.0
        place -= 1.0
        mean = _summed(cell, place, self.mean)
        spread = np.maximum(_summed(cell, place, self.spread), 0.0) if variance else None
        if not inside.all():
            own, other = self.functions.moments(x[~inside], variance)
            mean[:, ~inside] = own.T
            if spread is not None and other is not None:
                spread[:, ~inside] = other.T
        return mean, spread


def _tolerance(exact: np.ndarray | None, moved: np.ndarray | None) -> Float[np.ndarray, " Q"]:
    assert exact is not None and moved is not None
    return np.maximum(CLOSE * np.max(np.abs(exact), axis=0), 4.0 * np.max(np.abs(exact - moved), axis=0))


def _tables(
    functions: AxisFunctions, first: float, spacing: float, count: int, degrees: tuple[int, int]
) -> tuple[Float[np.ndarray, "C K Q"], Float[np.ndarray, "C P E"]]:
    """Coefficients in every cell of the functions and of their variance."""
    found = []
    for kind, degree in enumerate(degrees):
        s = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        x = first + spacing * (np.arange(count)[:, None] + 0.5 * (s + 1.0))
        values = functions.moments(x.reshape(-1, 1), kind == 1)[kind]
        assert values is not None
        powers = np.linalg.inv(np.vander(s, increasing=True))
        found.append(np.einsum("ds,csq->cdq", powers, values.reshape(count, degree + 1, -1)))
    return found[0], found[1]


def _summed(
    cell: np.ndarray, place: Float[np.ndarray, " n"], table: Float[np.ndarray, "C K Q"]
) -> Float[np.ndarray, "Q n"]:
    """The polynomial of every point's cell at its place there."""
    cells, count, width = table.shape
    powers = np.empty((len(cell), count))
    powers[:, 0] = 1.0
    for k in range(1, count):
        np.multiply(powers[:, k - 1], place, out=powers[:, k])
    columns = np.arange(cells * count, dtype=np.int32).reshape(cells, count).take(cell, axis=0)
    begins = np.arange(0, len(powers) * count + 1, count, dtype=np.int32)
    matrix = scipy.sparse.csr_array((powers.ravel(), columns.ravel(), begins), shape=(len(cell), cells * count))
    return points_last(matrix @ table.reshape(-1, width))
