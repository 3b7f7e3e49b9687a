"""What the variance of a Tucker decomposition at scattered points takes from the posterior alone: constant matrices.

See `binn_cli.models.binn.tucker.scattered` for the sum that they stand in.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.tucker.posterior import CoreDistribution

MOST_COLUMNS, MOST_DIMENSIONS = 40, 5
"""Columns of the axes of several coordinates, and axes of one, beyond which there are too many terms."""

SAME_DIRECTIONS = 1e-6
"""Largest correlation that may be left between functions for their directions to count as the same everywhere."""


class Directions(NamedTuple):
    """The directions in which the functions of a dimension are independent, for each of L outputs.

    Attributes:
        vectors: (L, R, R) the directions W, as columns, in units in which the prior variance is one.
        variance: (L, K, R) the variance along each of them, in the directions in which the data spoke.
    """

    vectors: Float[Array, "L R R"]
    variance: Float[Array, "L K R"]


class Terms(NamedTuple):
    """The constant matrices, with a leading axis of L outputs.

    Attributes:
        directions: of every axis of one coordinate.
        mean: (L, Q rest, left) the core, its columns the leading dimensions.
        subsets: for every T that is neither empty nor D, (L, I Q, P) the core contracted with W_d in T.
        full: (L, rest, left) products of pairs of entries of the core contracted with all W_d.
        spread: (L, rest, left) the core's variance.
    """

    directions: tuple[Directions, ...]
    mean: Float[Array, "L _ _"]
    subsets: tuple[Float[Array, "L _ _"], ...]
    full: Float[Array, "L _ _"]
    spread: Float[Array, "L _ _"]


class Layout(NamedTuple):
    """Which axes of the training data are which.

    Attributes:
        lone: axes of one coordinate.
        several: the other axes.
        begins: for every axis its first dimension, and the number of dimensions.
    """

    lone: tuple[int, ...]
    several: tuple[int, ...]
    begins: tuple[int, ...]

    @classmethod
    def of(cls, widths: tuple[int, ...]) -> Layout:
        """That of axes with so many coordinates each."""
        lone = tuple(a for a, width in enumerate(widths) if width == 1)
        several = tuple(a for a, width in enumerate(widths) if width > 1)
        return cls(lone, several, (0, *np.cumsum(widths).tolist()))


def directions_of(dimension: DimensionPosterior, *, joint: bool) -> Directions | None:
    """Where the functions of a dimension are independent; None if their directions differ from point to point.

    Args:
        dimension: its posterior, with a leading axis of L outputs.
        joint: whether the covariance between functions counts.
    """
    found = []
    for covariance, prior in zip(np.asarray(dimension.covariance), np.asarray(dimension.prior_variance), strict=True):
        scale, rank = np.sqrt(prior), len(prior)
        own = covariance / (scale[:, None] * scale)
        # Every term has the same eigenvectors; the eigenvalues of the sum differ where those of single terms are lost in round-off.
        vectors = np.linalg.eigh(own.sum(axis=0))[1] if joint else np.eye(rank)
        turned = np.einsum("re,krs,sf->kef", vectors, own, vectors, optimize=True)
        variance = np.einsum("kee->ke", turned)
        if joint and not _independent(turned):
            return None
        found.append((scale[:, None] * vectors, variance))
    return Directions(*(np.stack(arrays) for arrays in zip(*found, strict=True)))


def _independent(covariance: Float[np.ndarray, "K R R"]) -> bool:
    variance = np.einsum("krr->kr", covariance)
    if not (variance > 0.0).all():
        return False
    root = np.sqrt(variance)
    correlation = covariance / (root[:, :, None] * root[:, None, :]) - np.eye(covariance.shape[1])
    return bool(np.abs(correlation).max(initial=0.0) <= SAME_DIRECTIONS)


def proper_subsets(count: int) -> list[tuple[int, ...]]:
    """The subsets of so many dimensions, the empty one and all together left out."""
    return [chosen for size in range(1, count) for chosen in combinations(range(count), size)]


def leading(ranks: tuple[int, ...], behind: int) -> int:
    """How many leading dimensions form the table that a matrix multiplies; the product is multiplied with that of the others."""
    return min(range(1, len(ranks) + 1), key=lambda cut: np.prod(ranks[:cut]) + 3 * np.prod(ranks[cut:]) * behind)


def pairs_of(columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second column of every pair and its weight: the upper triangle, off the diagonal twice."""
    first, second = np.triu_indices(columns)
    return first, second, np.where(first == second, 1.0, 2.0)


def terms_of(core: CoreDistribution, dimensions: tuple[DimensionPosterior, ...], widths: tuple[int, ...], *, joint: bool) -> Terms | None:
    """The constants of a posterior, or None where it has not the structure or too many terms."""
    lone, several, begins = Layout.of(widths)
    columns = int(np.prod([core.mean.shape[1 + a] for a in several]))
    if not 0 < len(lone) <= MOST_DIMENSIONS or columns > MOST_COLUMNS:
        return None
    directions = []
    for a in lone:
        found = directions_of(dimensions[begins[a]], joint=joint)
        if found is None:
            return None
        directions.append(found)
    order = (*lone, *several)
    constants = []
    for output in range(len(core.mean)):
        mean, variance = (np.transpose(np.asarray(t[output]), order) for t in (core.mean, core.variance))
        ranks = mean.shape[: len(lone)]
        constants.append(
            _constants(
                mean.reshape(*ranks, columns), variance.reshape(*ranks, columns), [np.asarray(d.vectors[output]) for d in directions]
            )
        )
    mean, subsets, full, spread = zip(*constants, strict=True)
    by_subset = tuple(np.stack(matrices) for matrices in zip(*subsets, strict=True))
    return Terms(tuple(directions), np.stack(mean), by_subset, np.stack(full), np.stack(spread))


def _constants(
    core: Float[np.ndarray, "*R Q"], variance: Float[np.ndarray, "*R Q"], vectors: list[Float[np.ndarray, "R R"]]
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray]:
    """`Terms` of one output, from `mean` on."""
    *ranks, columns = core.shape
    count = len(ranks)

    def contracted(chosen: tuple[int, ...]) -> np.ndarray:
        found = core
        for d in chosen:
            found = np.moveaxis(np.tensordot(found, vectors[d], axes=(d, 0)), -1, d)
        return found

    def split(tensor: np.ndarray) -> np.ndarray:
        cut = leading(tuple(ranks), tensor.shape[-1])
        return np.ascontiguousarray(tensor.reshape(int(np.prod(ranks[:cut])), -1).T)

    subsets = []
    for chosen in proper_subsets(count):
        rest = [d for d in range(count) if d not in chosen]
        ordered = np.transpose(contracted(chosen), (*chosen, count, *rest))
        subsets.append(ordered.reshape(-1, int(np.prod([ranks[d] for d in rest]))))
    first, second, weight = pairs_of(columns)
    whole = contracted(tuple(range(count)))
    return split(core), subsets, split(whole[..., first] * whole[..., second] * weight), split(variance)
