"""Sobol indices of functions of independent inputs: from quadrature on a grid of few inputs, from samples of many.

Inputs stand as probabilities u in [0, 1]. With V_S the variance of the mean over all inputs but those of a set S, the
first-order index of input i is V_i / V, that of a pair (V_ij - V_i - V_j) / V, and the total one 1 - V_~i / V (Sobol,
"Global sensitivity indices for nonlinear mathematical models and their Monte Carlo estimates", 2001). On a tensor grid
of Gauss points these are sums, exact for products of polynomials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

Function = Callable[[np.ndarray], np.ndarray]
"""From probabilities (n, d) to values (n, …)."""

SIGNIFICANT = 5.0
"""Standard errors below which a coefficient counts as zero."""
DEGREE = 12
"""Degree of the polynomials that are taken off before sampling."""
MOST_PAIRED = 12
"""Inputs up to which pairs are looked at by samples."""


@dataclass(frozen=True)
class Parts:
    """Parts of the variance of values of any shape.

    Attributes:
        variance: (…)
        first: (d, …) variance of the mean given one input.
        total: (d, …) mean variance given all others.
        second: (d, d, …) what two inputs do together and neither alone; NaN where it is not known.
        mean: (…)
    """

    variance: np.ndarray
    first: np.ndarray
    total: np.ndarray
    second: np.ndarray
    mean: np.ndarray

    def over(self, axes: tuple[int, ...]) -> Parts:
        """The parts on average over axes of the values, evenly spaced points of the field."""
        parts = (self.variance, 0), (self.first, 1), (self.total, 1), (self.second, 2), (self.mean, 0)
        return Parts(*(averaged(part, axes, before) for part, before in parts))

    def shares(self, negligible: float = 1e-12) -> dict[str, np.ndarray]:
        """The indices, NaN where nothing varies."""
        largest = np.max(self.variance, initial=0.0)
        floor = np.maximum(negligible * largest, np.finfo(float).eps ** 2 * self.mean**2)
        safe = np.where(self.variance > floor, self.variance, np.nan)
        return {"first_order": self.first / safe, "total": self.total / safe, "second_order": self.second / safe}


def averaged(values: np.ndarray, axes: tuple[int, ...], before: int = 0) -> np.ndarray:
    """The mean of values over axes, counted behind so many others: evenly spaced points of the field."""
    for axis in sorted(axes, reverse=True):
        weights = np.ones(values.shape[axis + before])
        if len(weights) > 2:
            weights[[0, -1]] = 0.5  # the trapezoid rule
        values = np.tensordot(values, weights / weights.sum(), axes=(axis + before, 0))
    return np.asarray(values)


def nodes_of(levels: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss points and weights on [0, 1], or the middles of so many equal parts."""
    if levels:
        return (np.arange(levels) + 0.5) / levels, np.full(levels, 1.0 / levels)
    x, w = np.polynomial.legendre.leggauss(count)
    return 0.5 * (x + 1.0), 0.5 * w


def grid_of(nodes: Sequence[np.ndarray]) -> np.ndarray:
    """All combinations (n, d)."""
    return np.stack([part.ravel() for part in np.meshgrid(*nodes, indexing="ij")], axis=1)


def parts_on_grid(values: np.ndarray, weights: Sequence[np.ndarray]) -> Parts:
    """Parts of the variance from values (n_1 ⋯ n_d, …) on a grid whose points have the given weights (exactly)."""
    d, sizes = len(weights), tuple(len(w) for w in weights)
    cube = values.reshape(*sizes, *values.shape[1:])

    def averaged(over: Sequence[int]) -> np.ndarray:
        found = cube
        for axis in sorted(over, reverse=True):
            found = np.tensordot(weights[axis], found, axes=(0, axis))
        return np.asarray(found)

    everything = range(d)
    mean = averaged(everything)

    def variance_given(kept: Sequence[int]) -> np.ndarray:
        found = (averaged([a for a in everything if a not in kept]) - mean) ** 2
        for axis in reversed(kept):
            found = np.tensordot(weights[axis], found, axes=(0, list(kept).index(axis)))
        return np.asarray(found)

    variance = variance_given(list(everything))
    first = np.stack([variance_given([i]) for i in everything])
    total = np.stack([variance - variance_given([a for a in everything if a != i]) for i in everything])
    second = np.full((d, d, *variance.shape), np.nan)
    for i in range(d):
        for j in range(i):
            second[i, j] = second[j, i] = variance_given([j, i]) - first[i] - first[j]
    return Parts(variance, first, total, second, mean)


def parts_from_samples(
    function: Function, d: int, points: int, seed: Any, *, pairs: bool = True, blocks: int = 0
) -> list[Parts]:
    """Parts of the variance from scrambled Sobol points: from all of them, then from each of so many equal blocks.

    A block of a Sobol sequence is as evenly spread as its length allows, so that the differences between blocks say how
    far the parts from all points may be from the truth, at most.
    """
    unit = qmc.Sobol(2 * d, rng=np.random.default_rng(seed)).random(points)
    a, b = unit[:, :d], unit[:, d:]
    at = [function(a), function(b)]
    mixed = [function(_exchanged(a, b, i)) for i in range(d)]
    swapped = [function(_exchanged(b, a, i)) for i in range(d)] if pairs and d <= MOST_PAIRED else []
    size = points // max(blocks, 1)
    rows = [slice(None), *(slice(i * size, (i + 1) * size) for i in range(blocks))]
    return [
        _parts(a[own], b[own], *([values[own] for values in several] for several in (at, mixed, swapped)))
        for own in rows
    ]


def _exchanged(a: np.ndarray, b: np.ndarray, i: int) -> np.ndarray:
    """A with column i of B."""
    found = a.copy()
    found[:, i] = b[:, i]
    return found


def _parts(
    a: np.ndarray, b: np.ndarray, at: list[np.ndarray], mixed: list[np.ndarray], swapped: list[np.ndarray]
) -> Parts:
    """Parts of the variance: of a sum of polynomials of single inputs exactly, of what it leaves from points.

    First-order parts by the estimator of Saltelli et al. ("Variance based sensitivity analysis of model output", 2010,
    Table 2 b), total ones by that of Jansen (Table 2 f), pairs from exchanging two columns at once.

    Args:
        a, b: (n, d) points A and B.
        at: (n, …) the values there.
        mixed: those at A with a column of B, by column.
        swapped: those at B with a column of A; empty where pairs are not wanted.
    """
    d, additive = a.shape[1], _Additive.fitted(np.concatenate([a, b]), np.concatenate(at))
    at_a, at_b = at[0] - additive(a), at[1] - additive(b)
    left = [values - additive(_exchanged(a, b, i)) for i, values in enumerate(mixed)]
    other = [values - additive(_exchanged(b, a, i)) for i, values in enumerate(swapped)]
    variance = 0.5 * (np.mean(at_a**2, axis=0) + np.mean(at_b**2, axis=0))
    first = np.stack([np.mean(at_b * (values - at_a), axis=0) for values in left])
    total = np.stack([0.5 * np.mean((at_a - values) ** 2, axis=0) for values in left])
    second = np.full((d, d, *variance.shape), np.nan)
    for i in range(len(other)):
        for j in range(i):
            # A with b_i and B with a_j share i and j alone: their product gives the mean given both.
            closed = np.mean(other[j] * left[i] - at_a * at_b, axis=0)
            second[i, j] = second[j, i] = closed - first[i] - first[j]
    own = additive.variances
    return Parts(variance + own.sum(axis=0), first + own, total + own, second, additive.mean)


@dataclass(frozen=True)
class _Additive:
    """A sum of polynomials of single inputs, fitted by least squares: what is left varies less, so that its parts need
    fewer points.

    Attributes:
        mean: (…)
        coefficients: (d, K, …) in orthonormal Legendre polynomials.
    """

    mean: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def fitted(cls, unit: np.ndarray, values: np.ndarray) -> _Additive:
        """Least squares; coefficients that are within their noise are zero, and all where there are few points."""
        d = unit.shape[1]
        degree = int(np.clip(len(unit) // (20 * d), 1, DEGREE))
        if len(unit) < 4 * (d + 1):
            return cls(values.mean(axis=0), np.zeros((d, degree, *values.shape[1:])))
        design = np.concatenate([np.ones((len(unit), 1)), _legendre(unit, degree).reshape(len(unit), -1)], axis=1)
        flat = values.reshape(len(values), -1)
        found = np.linalg.solve(design.T @ design, design.T @ flat)
        noise = np.std(flat - design @ found, axis=0) / np.sqrt(len(flat))
        found[1:] = np.where(np.abs(found[1:]) > SIGNIFICANT * noise, found[1:], 0.0)
        shape = values.shape[1:]
        return cls(found[0].reshape(shape), found[1:].reshape(d, degree, *shape))

    @property
    def variances(self) -> np.ndarray:
        """(d, …) of every polynomial."""
        return np.asarray(np.sum(self.coefficients**2, axis=1))

    def __call__(self, unit: np.ndarray) -> np.ndarray:
        columns = _legendre(unit, self.coefficients.shape[1])
        return np.asarray(self.mean + np.tensordot(columns, self.coefficients, axes=2))


def _legendre(unit: np.ndarray, degree: int) -> np.ndarray:
    """Orthonormal polynomials (n, d, K) on [0, 1], without the constant."""
    found = np.polynomial.legendre.legvander(2.0 * unit - 1.0, degree)[..., 1:]
    return np.asarray(found * np.sqrt(2.0 * np.arange(1, degree + 1) + 1.0))
