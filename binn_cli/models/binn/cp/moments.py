"""Sums over the many rows of a table of one input, cell by cell: smooth features ask no more of the rows.

In each of C cells of the domain a feature is, to round-off, the polynomial through its values at p + 1 points. With u
in [-1, 1] the place of a row in its cell c, and T_c (p + 1, K) the coefficients of the features there,

    Σ_i φ(x_i) φ(x_i)ᵀ = Σ_c T_cᵀ [S_{k+l}]_c T_c,   S_k = Σ_{i in c} u_i^k,
    Σ_i y_i φ(x_i)     = Σ_c T_cᵀ [Y_k]_c,           Y_k = Σ_{i in c} y_i u_i^k,

so that no feature is evaluated at the rows: what N costs is the sums of 3 p + 2 numbers per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.laplace import Linearised

CELLS, DEGREE = 8192, 3
"""C and p: features of lengths above a hundredth of the domain are then polynomials to 1e-14."""

MANY_ROWS = 100_000
"""Rows from which on features are evaluated at fewer points when cells stand for rows."""

EXACT = 1e-13
"""Largest difference between features and their polynomials, relative to the largest value, between the points."""

ROWS_AT_ONCE = 2**15
"""Rows whose powers are in the cache together (256 kB each)."""


@dataclass
class Moments:
    """Sums over the rows that have been added; at first none.

    Attributes:
        powers: (2 p + 1, C) S_k of all cells.
        targets: (p + 1, C) Y_k.
        energy: Σ y².
    """

    powers: Float[np.ndarray, "k C"] = field(default_factory=lambda: np.zeros((2 * DEGREE + 1, CELLS)))
    targets: Float[np.ndarray, "q C"] = field(default_factory=lambda: np.zeros((DEGREE + 1, CELLS)))
    energy: float = 0.0

    def add(self, x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> None:
        """Count in more rows, whose inputs are in [0, 1]."""
        for begin in range(0, len(x), ROWS_AT_ONCE):
            rows = slice(begin, begin + ROWS_AT_ONCE)
            place, target = x[rows] * CELLS, y[rows]
            cell = np.minimum(place.astype(np.intp), CELLS - 1)
            u = 2.0 * (place - cell) - 1.0
            power, weighted = u, target
            self.powers[0] += np.bincount(cell, minlength=CELLS)
            self.targets[0] += np.bincount(cell, target, CELLS)
            for k in range(1, 2 * DEGREE + 1):
                self.powers[k] += np.bincount(cell, power, CELLS)
                if k <= DEGREE:
                    weighted = weighted * u
                    self.targets[k] += np.bincount(cell, weighted, CELLS)
                power = power * u
            self.energy += float(target @ target)

    def __add__(self, other: Moments) -> Moments:
        """The moments of the rows of both."""
        return Moments(self.powers + other.powers, self.targets + other.targets, self.energy + other.energy)


def inside(x: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which inputs lie in a cell."""
    return np.abs(x - 0.5) <= 0.5


def polynomials(features: Features) -> Float[np.ndarray, "C Q K"] | None:
    """T: the coefficients of the features in every cell, or None where polynomials do not follow them."""
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    between = np.zeros(1)  # where the error of interpolation is largest
    left = np.arange(CELLS)[:, None]

    def at(u: Float[np.ndarray, " q"]) -> Float[np.ndarray, "C q K"]:
        return features.at_many(((left + 0.5 * (u + 1.0)) / CELLS).ravel()).reshape(CELLS, len(u), -1)

    found = np.einsum("kq,cqf->ckf", np.linalg.inv(np.vander(nodes, increasing=True)), at(nodes))
    exact = at(between)
    away = np.einsum("qk,ckf->cqf", np.vander(between, DEGREE + 1, increasing=True), found) - exact
    return found if np.max(np.abs(away)) <= EXACT * np.max(np.abs(exact)) else None


def of_moments(
    moments: Moments,
    cells: Float[np.ndarray, "C Q K"],
    weights: Sequence[Float[np.ndarray, "K M"]],
    intercept: float | None,
) -> Linearised:
    """The Gauss-Newton system of a sum of products of one input, which is linear in its weights."""
    modes = weights[0].shape[1]
    order = np.arange(DEGREE + 1)
    columns = np.repeat(cells, modes, axis=2)  # (K, M) in the order of the weights
    packed = weights[0].ravel()
    if intercept is not None:
        constant = np.zeros((*columns.shape[:2], 1))
        constant[:, 0] = 1.0
        columns, packed = np.concatenate([constant, columns], axis=2), np.concatenate([[intercept], packed])
    hankel = moments.powers[order[:, None] + order]  # (Q, Q, C)
    weighted = np.einsum("klc,clp->ckp", hankel, columns, optimize=True)
    flat = columns.reshape(-1, columns.shape[2])
    gram = flat.T @ weighted.reshape(flat.shape)
    gram = 0.5 * (gram + gram.T)
    right = flat.T @ moments.targets.T.ravel()
    along = gram @ packed
    squared = moments.energy - 2.0 * float(right @ packed) + float(packed @ along)
    return Linearised(gram, None, right - along, max(squared, 0.0))
