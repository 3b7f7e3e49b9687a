"""Functions of one coordinate as piecewise polynomials: what a sum of Gaussians is to round-off, at a tenth of its cost.

A Gaussian of length l is analytic, and a polynomial of degree 7 on a cell of l / 24 is exact to 1e-15 of its height. So whatever a
posterior needs of a coordinate (means, variances and covariances of functions) is tabulated once, and a point costs one look into a
table that fits into the second-level cache, instead of one exponential a centre and products with matrices of that width.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis, GaussianBasis, StretchedBasis, stretch

DEGREE = 7
CELLS_PER_LENGTH = 24
MOST_CELLS = 4096

NODES = 0.5 - 0.5 * np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
"""Where on a cell a polynomial is fitted: Chebyshev's points."""

CHECKS = np.array([0.07, 0.31, 0.62])
"""Where on every cell it is compared with the function."""


class Pieces(NamedTuple):
    """F functions on [0, 1] as polynomials on equal cells of the coordinate in which the centres are equispaced.

    Attributes:
        rate: rate of that coordinate (`binn_cli.models.binn.basis.stretch`).
        coefficients: (DEGREE + 1, F, cells) by power of the place on the cell, from -1 to 1; may carry a leading axis of L outputs.
    """

    rate: Float[Array, ""]
    coefficients: Float[Array, "*L P F cells"]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "F n"]:
        """Values of the functions at n points."""
        cells = self.coefficients.shape[-1]
        along = jnp.clip(stretch(x, self.rate), 0.0, 1.0) * cells
        cell = jnp.minimum(along.astype(jnp.int32), cells - 1)
        place = 2.0 * (along - cell) - 1.0
        own = self.coefficients[:, :, cell]
        total = own[-1]
        for power in reversed(range(len(self.coefficients) - 1)):
            total = total * place + own[power]
        return total

    def of_output(self, output: int | Array) -> Pieces:
        """The functions of one of the L outputs."""
        return Pieces(self.rate, self.coefficients[output])


def unstretched(basis: Basis) -> tuple[Basis, float]:
    """A basis in the coordinate in which its centres are equispaced, and the rate of that coordinate."""
    return (basis.basis, float(basis.rate)) if isinstance(basis, StretchedBasis) else (basis, 0.0)


def cells_for(basis: Basis) -> int | None:
    """How many cells resolve a basis; None for one that is not smooth, or finer than a table should be."""
    inner, _ = unstretched(basis)
    if not isinstance(inner, GaussianBasis):
        return None
    cells = 2 ** int(np.ceil(np.log2(max(CELLS_PER_LENGTH / float(inner.length), 1.0))))
    return cells if cells <= MOST_CELLS else None


def places_of(cells: int) -> Float[np.ndarray, " n"]:
    """Where functions must be known: the nodes and then the checks of every cell, cell by cell."""
    return ((np.arange(cells)[:, None] + np.concatenate([NODES, CHECKS])) / cells).ravel()


def fitted_pieces(rate: float, values: Float[np.ndarray, "L F n"]) -> tuple[Pieces, Float[np.ndarray, "L F m"], Float[np.ndarray, "L F m"]]:
    """The polynomials through values at `places_of`, and what they and the functions are at the checks."""
    shape = (*values.shape[:2], -1, len(NODES) + len(CHECKS))
    apart = values.reshape(shape)
    powers = np.vander(2.0 * np.concatenate([NODES, CHECKS]) - 1.0, DEGREE + 1, increasing=True)
    coefficients = apart[..., : len(NODES)] @ np.linalg.inv(powers[: len(NODES)]).T
    guessed = coefficients @ powers[len(NODES) :].T
    pieces = Pieces(np.asarray(rate), np.ascontiguousarray(np.moveaxis(coefficients, 3, 1)))
    return pieces, guessed.reshape(*shape[:2], -1), apart[..., len(NODES) :].reshape(*shape[:2], -1)
