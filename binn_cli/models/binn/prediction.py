"""Evaluating a posterior on axes of points: compiled once for each shape, in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.posterior import DimensionPosterior, axis_mean, axis_moments, mode_pairs, product_mean, product_moments
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import Prediction

TABLE_ENTRIES = 2**23
"""Numbers in the tables of one chunk (64 MB): a limit on memory however many points are asked for."""


class Evaluated(NamedTuple):
    """What evaluation gives, outputs last, in standardised units.

    Attributes:
        mean: predictive mean on the product of axes.
        variance: epistemic variance, or None where it was not asked for.
        compile_seconds: seconds spent compiling.
    """

    mean: Float[np.ndarray, "*n L"]
    variance: Float[np.ndarray, "*n L"] | None
    compile_seconds: float


def in_units(found: Evaluated, outputs: OutputMap, noise: Float[np.ndarray, " L"]) -> Prediction:
    """A prediction in original units from one in standardised units."""
    scale = outputs.scale
    mean = found.mean * scale
    mean += outputs.shift
    variance = np.broadcast_to(np.nan, mean.shape) if found.variance is None else found.variance * scale**2
    return Prediction(mean, variance, np.broadcast_to(noise * scale**2, mean.shape), found.compile_seconds)


def _evaluate(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    points: tuple[Float[Array, "n D"], ...],
    *,
    joint: bool,
    variance: bool,
) -> tuple[Float[Array, "L *n"], ...]:
    """Mean and, if asked for, variance of every output on the product of axes, in standardised units."""
    modes = dimensions[0].weights.shape[1]
    weights = mode_pairs(modes, joint)[2]
    widths = [p.shape[1] for p in points]
    ends = np.cumsum([0, *widths])
    values = [tuple(bases[ends[a] + c](p[:, c]) for c in range(p.shape[1])) for a, p in enumerate(points)]

    def one(output: Array) -> tuple[Array, ...]:
        own = tuple(dimension.of_output(output) for dimension in dimensions)
        if not variance:
            return (product_mean([axis_mean(v, own[ends[a] : ends[a + 1]]) for a, v in enumerate(values)]),)
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
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    inputs: InputMap,
    axes: Sequence[Axis],
    *,
    joint: bool,
    variance: bool = True,
) -> Evaluated:
    """Mean and, if asked for, epistemic variance on the product of axes.

    Raises:
        DataError: if the axes have not one coordinate for each dimension.
    """
    points = inputs.axes(axes)
    sizes = [len(p) for p in points]
    longest = int(np.argmax(sizes))
    modes = dimensions[0].weights.shape[1]
    rows = _rows_per_chunk(sizes, longest, len(mode_pairs(modes, joint)[2]))
    watch = Stopwatch()
    parts = []
    for begin in range(0, sizes[longest], rows):
        chunk = points[longest][begin : begin + rows]
        short = rows - len(chunk)
        part = list(points)
        part[longest] = np.concatenate([chunk, np.repeat(chunk[-1:], short, axis=0)]) if short else chunk
        found = evaluated(watch, bases, dimensions, tuple(part), joint=joint, variance=variance)
        keep = (slice(None),) * (longest + 1) + (slice(0, len(chunk)),)
        parts.append([np.asarray(array)[keep] for array in found])
    mean, *rest = (np.moveaxis(np.concatenate(arrays, axis=longest + 1), 0, -1) for arrays in zip(*parts, strict=True))
    return Evaluated(mean, rest[0] if rest else None, watch.compile_seconds)
