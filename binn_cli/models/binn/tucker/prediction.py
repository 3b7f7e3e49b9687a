"""Evaluating a Tucker posterior on axes of points: compiled once for each shape, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.prediction import Evaluated
from binn_cli.models.binn.tucker.coordinates import Scattering
from binn_cli.models.binn.tucker.layout import Group, aligned, arranged, rows_per_chunk
from binn_cli.models.binn.tucker.mean import evaluate_mean, rows_for_mean
from binn_cli.models.binn.tucker.posterior import CoreDistribution, function_moments, product_moments
from binn_cli.models.binn.tucker.scattered import evaluate_scattered
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import InputMap


def _evaluate(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    core: CoreDistribution,
    points: tuple[Float[Array, "n D"], ...],
    *,
    places: tuple[tuple[int, ...], ...],
    widths: tuple[int, ...],
    joint: bool,
) -> tuple[Float[Array, "L *n"], Float[Array, "L *n"]]:
    """Mean and variance of every output on the product of groups, in standardised units.

    `places` holds for each group the training axes it consists of, `widths` the number of coordinates of every training axis.
    """
    begins = np.cumsum([0, *widths])

    def one(output: Array) -> tuple[Array, Array]:
        groups = []
        for place, own in zip(places, points, strict=True):
            column, axes = 0, []
            for a in place:
                functions = []
                for d in range(begins[a], begins[a + 1]):
                    functions.append(function_moments(bases[d](own[:, column]), dimensions[d].of_output(output), joint=joint))
                    column += 1
                axes.append(functions)
            groups.append(axes)
        return product_moments(core.of_output(output), [list(place) for place in places], groups)

    return jax.lax.map(one, jnp.arange(core.mean.shape[0]))


evaluated, evaluated_mean, evaluated_scattered = (
    CompiledFunction(_evaluate),
    CompiledFunction(evaluate_mean),
    CompiledFunction(evaluate_scattered),
)


def _ranks_of(group: Group, ranks: Sequence[int], widths: Sequence[int]) -> list[int]:
    begins = np.cumsum([0, *widths])
    return [ranks[d] for a in group.axes for d in range(begins[a], begins[a + 1])]


def _spread_entries(group: Group, ranks: Sequence[int], widths: Sequence[int]) -> int:
    """Numbers a point while an axis's columns are contracted with the eigenvectors of the core's covariance."""
    begins = np.cumsum([0, *widths])
    own = [ranks[begins[a] : begins[a + 1]] for a in group.axes]
    return max(int(np.prod(r) * np.prod([rank + 1 for rank in r])) for r in own)


class Way(NamedTuple):
    """How points are evaluated.

    Attributes:
        groups: the groups of axes as arranged.
        rows: points of the first group at once.
        evaluate: mean and, if asked for, variance of every output at each of several choices of as many points of all groups.
    """

    groups: list[Group]
    rows: int
    evaluate: Callable[[list[tuple[Array, ...]]], list[Sequence[Array]]]


def _way(scattering: Scattering, groups: list[Group], watch: Stopwatch, *, variance: bool) -> Way:
    """The way for these groups: the mean alone, scattered points by matrix products, or the first group point by point."""
    bases, dimensions, core = scattering.bases, scattering.dimensions, scattering.core
    widths, joint = scattering.widths, scattering.joint
    ranks = [dimension.weights.shape[1] for dimension in dimensions]
    tables = scattering.tables(groups[0].points, watch) if len(groups) == 1 else None
    if not variance:
        places = tuple(group.axes for group in groups)
        means = tables.means if tables else ()

        def mean(chunks: list[tuple[Array, ...]]) -> list[Sequence[Array]]:
            return evaluated_mean.each(watch, (bases, dimensions, core.mean, means), chunks, places=places, widths=widths)

        return Way(groups, rows_for_mean(groups), mean)
    if len(groups) == 1 and scattering.terms is not None:
        constants = scattering.terms, scattering.directions, tables.functions if tables else ()

        def by_terms(chunks: list[tuple[Array, ...]]) -> list[Sequence[Array]]:
            points = [only for (only,) in chunks]
            return evaluated_scattered.each(watch, (bases, dimensions, core.vectors, *constants), points, widths=widths, joint=joint)

        return Way(groups, rows_for_mean(groups), by_terms)
    groups = arranged(groups, [_ranks_of(group, ranks, widths) for group in groups])
    rows = rows_per_chunk(groups, [_ranks_of(group, ranks, widths) for group in groups], _spread_entries(groups[0], ranks, widths))
    places = tuple(group.axes for group in groups)

    def by_points(chunks: list[tuple[Array, ...]]) -> list[Sequence[Array]]:
        return evaluated.each(watch, (bases, dimensions, core), chunks, places=places, widths=widths, joint=joint)

    return Way(groups, rows, by_points)


def predict(scattering: Scattering, inputs: InputMap, axes: Sequence[Axis], *, variance: bool = True) -> Evaluated:
    """Mean and, if asked for, epistemic variance of a posterior on the product of axes.

    Raises:
        DataError: if the axes have not one coordinate for each dimension.
    """
    points, watch = inputs.axes(axes), Stopwatch()
    groups, rows, evaluate = _way(scattering, aligned(points, scattering.widths), watch, variance=variance)
    first, *others = groups
    total = len(first.points)
    # The last chunk begins early enough to be as long as the others; what it repeats is left out.
    begins = [min(begin, total - rows) for begin in range(0, total, rows)]
    found = evaluate([(first.points[begin : begin + rows], *(group.points for group in others)) for begin in begins])
    fresh = [begin - own for begin, own in zip(range(0, total, rows), begins, strict=True)]
    parts = [[np.asarray(array)[:, skip:] for array in arrays] for skip, arrays in zip(fresh, found, strict=True)]
    sizes = [len(p) for p in points]
    mean, *rest = (_in_order(np.concatenate(arrays, axis=1), groups, sizes) for arrays in zip(*parts, strict=True))
    return Evaluated(mean, rest[0] if rest else None, watch.compile_seconds)


def _in_order(values: Float[np.ndarray, "L *n"], groups: list[Group], sizes: list[int]) -> Float[np.ndarray, "*n L"]:
    """Values on the groups as arranged, put back on the prediction axes, outputs last."""
    sources = [source for group in groups for source in group.sources]
    apart = values.reshape(len(values), *(sizes[s] for s in sources))
    return np.transpose(apart, [1 + sources.index(s) for s in range(len(sizes))] + [0])
