"""Evaluating a posterior on axes of points: compiled once for each shape, in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.errors import DataError
from binn_cli.models.binn.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.compilation import CompiledFunction, Stopwatch
from binn_cli.models.binn.posterior import DimensionPosterior, axis_moments, mode_pairs, product_moments
from binn_cli.models.normalization import InputMap

TABLE_ENTRIES = 2**23
"""Numbers in the tables of one chunk (64 MB): a limit on memory however many points are asked for."""


def _evaluate(
    bases: tuple[Basis, ...], dimensions: tuple[DimensionPosterior, ...], points: tuple[Float[Array, "n D"], ...], *, joint: bool
) -> tuple[Float[Array, "L *n"], Float[Array, "L *n"]]:
    """Mean and variance of every output on the product of axes, in standardised units."""
    modes = dimensions[0].weights.shape[1]
    weights = mode_pairs(modes, joint)[2]
    widths = [p.shape[1] for p in points]
    ends = np.cumsum([0, *widths])
    values = [tuple(bases[ends[a] + c](p[:, c]) for c in range(p.shape[1])) for a, p in enumerate(points)]

    def one(output: Array) -> tuple[Array, Array]:
        own = tuple(dimension.of_output(output) for dimension in dimensions)
        axes = [axis_moments(v, own[ends[a] : ends[a + 1]], joint=joint) for a, v in enumerate(values)]
        return product_moments(axes, weights)

    return jax.lax.map(one, jnp.arange(dimensions[0].weights.shape[0]))


evaluated = CompiledFunction(_evaluate)


def _rows_per_chunk(sizes: list[int], axis: int, pairs: int) -> int:
    """Rows of one axis such that the tables of either group of axes stay within `TABLE_ENTRIES`."""
    rest = int(np.prod([s for a, s in enumerate(sizes) if a != axis]))
    rows = min(sizes[axis], 16_384)
    while rows > 1 and (rows * min(rest, 64) * 2 * pairs > TABLE_ENTRIES or rows * rest > 4 * TABLE_ENTRIES):
        rows = -(-rows // 2)
    return rows


def predict(
    bases: tuple[Basis, ...], dimensions: tuple[DimensionPosterior, ...], inputs: InputMap, axes: Sequence[Axis], *, joint: bool
) -> tuple[Float[np.ndarray, "*n L"], Float[np.ndarray, "*n L"], float]:
    """Mean and epistemic variance on the product of axes, outputs last, in standardised units, and the seconds spent compiling.

    Raises:
        DataError: if the axes have not one coordinate for each dimension.
    """
    ends = np.cumsum([0] + [axis.points.shape[1] for axis in axes])
    if ends[-1] != len(bases):
        raise DataError(f"the axes have {ends[-1]} coordinates, but the surrogate has learned {len(bases)}")
    points = [inputs(axis.points, slice(int(a), int(b))) for axis, a, b in zip(axes, ends[:-1], ends[1:], strict=True)]
    sizes = [len(p) for p in points]
    longest = int(np.argmax(sizes))
    modes = dimensions[0].weights.shape[1]
    rows = _rows_per_chunk(sizes, longest, len(mode_pairs(modes, joint)[2]))
    watch = Stopwatch()
    means, variances = [], []
    for begin in range(0, sizes[longest], rows):
        chunk = points[longest][begin : begin + rows]
        short = rows - len(chunk)
        part = list(points)
        part[longest] = np.concatenate([chunk, np.repeat(chunk[-1:], short, axis=0)]) if short else chunk
        mean, variance = evaluated(watch, bases, dimensions, tuple(part), joint=joint)
        keep = (slice(None),) * (longest + 1) + (slice(0, len(chunk)),)
        means.append(np.asarray(mean)[keep])
        variances.append(np.asarray(variance)[keep])
    joined = (np.concatenate(parts, axis=longest + 1) for parts in (means, variances))
    mean, variance = (np.moveaxis(part, 0, -1) for part in joined)
    return mean, variance, watch.compile_seconds
