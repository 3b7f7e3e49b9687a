"""What scattered points need of every coordinate: evaluated from the bases, or, for many points, from tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.pieces import Pieces, cells_for, fitted_pieces, places_of, unstretched
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker.posterior import CoreDistribution, function_moments
from binn_cli.models.binn.tucker.terms import Directions, Layout, Terms, terms_of
from binn_cli.models.compilation import CompiledFunction, Stopwatch

MANY_POINTS = 2**16
"""Points from which on tables pay for being made."""

MEAN_ERROR, VARIANCE_ERROR = 1e-11, 1e-5
"""Largest errors of a table: of a mean, in units of its largest value; of a variance, relative to itself at that very point."""


def coordinate_functions(
    values: Float[Array, "n J"], dimension: DimensionPosterior, directions: Directions | None, *, joint: bool
) -> Float[Array, "F n"]:
    """Means of a dimension's functions, and after them their variances along their directions, or all their covariances.

    Args:
        values: the basis at n points.
        dimension: the posterior of one output.
        directions: where its functions are independent everywhere; None on an axis of several coordinates.
        joint: whether the covariance between functions counts.
    """
    if directions is None:
        moments = function_moments(values, dimension, joint=joint)
        first, second = np.triu_indices(moments.mean.shape[1])
        return jnp.concatenate([moments.mean.T, moments.covariance[:, first, second].T])
    phi = values.T
    seen = dimension.directions.T @ phi
    unseen = jnp.sum((phi - dimension.directions @ seen) ** 2, axis=0)
    return jnp.concatenate([dimension.weights @ phi, directions.variance.T @ seen**2 + unseen])


def covariance_of(functions: Float[Array, "F n"], rank: int) -> Float[Array, "R R n"]:
    """The covariance of so many functions out of what `coordinate_functions` gives on an axis of several coordinates."""
    first, second = np.triu_indices(rank)
    place = np.zeros((rank, rank), dtype=int)
    place[first, second] = place[second, first] = rank + np.arange(len(first))
    return functions[place.ravel()].reshape(rank, rank, -1)


def _at_places(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    directions: tuple[Directions | None, ...],
    places: tuple[Float[Array, " n"], ...],
    *,
    joint: bool,
) -> tuple[Float[Array, "L F n"], ...]:
    def of(basis: Basis, dimension: DimensionPosterior, own: Directions | None, x: Array) -> Array:
        def one(output: Array) -> Array:
            chosen = jax.tree.map(lambda array: array[output], own)
            return coordinate_functions(basis(x), dimension.of_output(output), chosen, joint=joint)

        return jax.lax.map(one, jnp.arange(dimension.weights.shape[0]))

    return tuple(of(*arguments) for arguments in zip(bases, dimensions, directions, places, strict=True))


at_places = CompiledFunction(_at_places)


class Tables(NamedTuple):
    """Tables of every dimension.

    Attributes:
        functions: of all that `coordinate_functions` gives.
        means: of the means alone.
    """

    functions: tuple[Pieces, ...]
    means: tuple[Pieces, ...]


@dataclass(frozen=True)
class Scattering:
    """A posterior as scattered points are predicted with: its constants and tables, made when they are first asked for.

    Attributes:
        bases: the basis of each of the D dimensions.
        dimensions: their posteriors, with a leading axis of L outputs.
        core: the posterior of the core, likewise.
        widths: number of coordinates of every axis of the training data.
        joint: whether the covariance between the functions of a dimension counts.
    """

    bases: tuple[Basis, ...]
    dimensions: tuple[DimensionPosterior, ...]
    core: CoreDistribution
    widths: tuple[int, ...]
    joint: bool

    @cached_property
    def terms(self) -> Terms | None:
        """The constants of the variance, or None where it has not their structure."""
        return terms_of(self.core, self.dimensions, self.widths, joint=self.joint)

    @property
    def directions(self) -> tuple[Directions | None, ...]:
        """For every dimension, where its functions are independent everywhere; None for those of axes of several coordinates."""
        layout = Layout.of(self.widths)
        assert self.terms is not None
        own = dict(zip(layout.lone, self.terms.directions, strict=True))
        return tuple(own.get(a) for a, width in enumerate(self.widths) for _ in range(width))

    def tables(self, x: Float[np.ndarray, "n D"], watch: Stopwatch) -> Tables | None:
        """Tables for these points, which are in the unit box; none where there are too few points, or a function is not smooth enough."""
        if self.terms is None or len(x) < MANY_POINTS or x.min() < 0.0 or x.max() > 1.0:
            return None
        if "_made" not in self.__dict__:
            self.__dict__["_made"] = self._tables(watch)  # as cached_property does, which could not be told of the watch
        made: Tables | None = self.__dict__["_made"]
        return made

    def _tables(self, watch: Stopwatch) -> Tables | None:
        cells = [cells_for(basis) for basis in self.bases]
        if None in cells:
            return None
        inner, rates = zip(*map(unstretched, self.bases), strict=True)
        places = tuple(places_of(count) for count in cells if count is not None)
        values = at_places(watch, inner, self.dimensions, self.directions, places, joint=self.joint)
        pieces = []
        for own, rate, dimension, directions in zip(values, rates, self.dimensions, self.directions, strict=True):
            made, guessed, true = fitted_pieces(rate, np.asarray(own))
            if not _right(guessed, true, dimension.weights.shape[1], lone=directions is not None):
                return None
            pieces.append(made)
        ranks = [dimension.weights.shape[1] for dimension in self.dimensions]
        means = [Pieces(p.rate, p.coefficients[:, :, :rank]) for p, rank in zip(pieces, ranks, strict=True)]
        return Tables(*jax.tree.map(jnp.asarray, (tuple(pieces), tuple(means))))


def _right(guessed: Float[np.ndarray, "L F m"], true: Float[np.ndarray, "L F m"], rank: int, *, lone: bool) -> bool:
    """Whether a table is as exact as it must be."""
    error = np.abs(guessed - true)
    scale = np.abs(true[:, :rank]).max(axis=2, keepdims=True)
    if lone:
        variance = true[:, rank:]
    else:
        first, second = np.triu_indices(rank)
        own = true[:, rank:][:, first == second]
        variance = np.sqrt(own[:, first] * own[:, second])
    return bool((error[:, :rank] <= MEAN_ERROR * scale).all() and (error[:, rank:] <= VARIANCE_ERROR * variance).all())
