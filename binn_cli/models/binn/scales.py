"""The bases of every dimension, from what the configuration states and what the evidence chooses where it says `auto`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.basis import Basis, build_basis, per_dimension, stretch
from binn_cli.models.binn.chidenn import Patch
from binn_cli.models.binn.counts import choose_count
from binn_cli.models.binn.evidence import Choice, axis_columns, choose_scales, kernel_of_others, thinned
from binn_cli.models.binn.preparation import spectra_of
from binn_cli.models.compilation import Stopwatch, available_cores, mapped_ahead
from binn_cli.models.normalization import InputMap, OutputMap

CENTERS_PER_LENGTH = 2.0
"""Automatic centres a length scale: the kernel of the basis then ripples by less than round-off."""

PADDING_LENGTHS = 6.0
"""Automatic padding in length scales: what lies farther out is exp(-18) at the boundary."""

MOST_CENTERS, MOST_PADDING = 512, 64
"""Limits on what a stated length far too short or too long can ask for."""

POINTS_PER_COLUMN = 1.4
"""Points of an axis for every singular vector that speaks for its scales: orthonormal vectors that fill the space look like noise."""

MOST_MODES = 48
NEGLIGIBLE_MODE = 1e-7
"""Core entries below this share of the largest need no mode of their own."""


@dataclass(frozen=True)
class Scales:
    """Bases and number of modes.

    Attributes:
        bases: one for each of the D dimensions.
        modes: M.
        lengths: (D,) length scales, NaN for a basis that has none.
        rates: (D,) rates of the logarithmic coordinates.
        trace: for each dimension whose length, coordinate or number of centres was chosen, the log evidence of the candidates.
    """

    bases: tuple[Basis, ...]
    modes: int
    lengths: Float[np.ndarray, " D"]
    rates: Float[np.ndarray, " D"]
    trace: dict[str, np.ndarray]


def build_scales(
    config: BinnConfig, data: ProductData, inputs: InputMap, outputs: OutputMap, capacity: int | None, watch: Stopwatch
) -> Scales:
    """Resolve every `auto` of the configuration with the data."""
    names = data.inputs
    kinds = per_dimension("model.basis", config.basis, names)
    centers = per_dimension("model.centers", config.centers, names)
    lengths = per_dimension("model.length", config.length, names)
    padding = per_dimension("model.padding", config.padding, names)
    rates = per_dimension("model.stretch", config.stretch, names)
    choices: list[Choice | None] = [None] * len(names)
    counts: dict[str, np.ndarray] = {}
    patch = Patch(config.patch, config.order, config.dilation)
    unstated = config.tune or "auto" in rates or any(n == "auto" for kind, n in zip(kinds, lengths, strict=True) if kind == "gaussian")
    needed = len(data.axes) > 1 and (unstated or config.modes == "auto")
    spectra = spectra_of(data, outputs, capacity, watch) if needed else None
    if unstated:
        shapes = axis_shapes(data, inputs, outputs, spectra)
        # The axes know nothing of each other: each core looks for the scales of another one.
        found = mapped_ahead(lambda shape: choose_scales(shape[0], shape[1], watch), shapes, available_cores())
        choices = [choice for own in found for choice in own]
        if config.tune:
            centers, counts = _counted(names, kinds, centers, rates, patch, shapes, choices, watch)
    built, final = [], []
    columns = [column for axis in data.axes for column in axis.points.T]
    distinct = [len(np.unique(column)) if n == "auto" else 0 for column, n in zip(columns, centers, strict=True)]
    for d, choice in enumerate(choices):
        rate = _rate(rates[d], choice)
        count, pad, length = _resolved(
            kinds[d], centers[d], padding[d], lengths[d], config.length_unit, float(inputs.span[d]), distinct[d], choice
        )
        built.append(build_basis(kinds[d], count, pad, length, rate, patch))
        final.append((length if kinds[d] == "gaussian" else np.nan, rate))
    modes = _modes(data, spectra) if config.modes == "auto" else int(config.modes)
    trace = {f"evidence_{name}": choice.trace for name, choice in zip(names, choices, strict=True) if choice} | counts
    return Scales(tuple(built), modes, np.array([f[0] for f in final]), np.array([f[1] for f in final]), trace)


def _rate(stated: float | str, choice: Choice | None) -> float:
    """Rate of a coordinate's stretching."""
    if stated != "auto":
        return float(stated)
    return choice.rate if choice else 0.0


Shapes = list[tuple[Float[np.ndarray, "n D"], Float[np.ndarray, "n R"]]]


def axis_shapes(data: ProductData, inputs: InputMap, outputs: OutputMap, spectra: tuple | None) -> Shapes:
    """For every axis its points in units of the domain, and the functions on it that the data are made of."""
    found = []
    begin = 0
    for a, axis in enumerate(data.axes):
        end, rows = begin + len(axis.coordinates), thinned(axis.size)
        points = inputs(axis.points[rows], slice(begin, end))
        if spectra is None:
            columns = (data.values[rows] - outputs.shift) / outputs.scale
        else:
            columns = axis_columns(spectra[a][0], spectra[a][1], axis.size)[rows, : max(1, int(axis.size / POINTS_PER_COLUMN))]
        found.append((points, columns[:, np.any(columns != 0.0, axis=0)]))
        begin = end
    return found


def _counted(
    names: Sequence[str],
    kinds: Sequence[str],
    centers: Sequence[int | str],
    rates: Sequence[float | str],
    patch: Patch,
    shapes: Shapes,
    choices: Sequence[Choice | None],
    watch: Stopwatch,
) -> tuple[list[int | str], dict[str, np.ndarray]]:
    """The numbers of centres that the evidence chooses for bases without a length, and its trace."""
    counts, trace = list(centers), {}
    begin = 0
    for points, columns in shapes:
        own = [choice for choice in choices[begin : begin + points.shape[1]] if choice is not None]
        for c in range(points.shape[1]):
            d = begin + c
            if counts[d] == "auto" and kinds[d] != "gaussian" and columns.size:
                s = np.asarray(stretch(points[:, c], _rate(rates[d], own[c])))
                counts[d], trace[f"evidence_centers_{names[d]}"] = choose_count(
                    kinds[d], patch, kernel_of_others(points, own, c), s, columns, watch
                )
        begin += points.shape[1]
    return counts, trace


def _resolved(
    kind: str, centers: int | str, padding: int | str, length: float | str, unit: str, span: float, distinct: int, choice: Choice | None
) -> tuple[int, int, float]:
    """Centres inside, padding beyond each end, and length in units of the domain, for one dimension."""
    if kind != "gaussian":
        count = int(np.clip(distinct, 2, 64)) if centers == "auto" else int(centers)
        return count, 0 if padding == "auto" else int(padding), np.nan
    if length == "auto":
        assert choice is not None
        size = choice.length
        count = int(np.ceil(CENTERS_PER_LENGTH / size)) + 1 if centers == "auto" else int(centers)
    elif unit == "input":
        size = float(length) / span
        count = min(int(np.ceil(CENTERS_PER_LENGTH / size)) + 1, MOST_CENTERS) if centers == "auto" else int(centers)
    else:
        count = int(np.clip(distinct, 2, 32)) if centers == "auto" else int(centers)
        size = float(length) / (count - 1)
    count = max(count, 2)
    pad = min(int(np.ceil(PADDING_LENGTHS * size * (count - 1))), MOST_PADDING) if padding == "auto" else int(padding)
    return count, pad, size


def _modes(data: ProductData, spectra: tuple | None) -> int:
    """How many products of one-dimensional functions the data tensor may need: the number of its core entries that matter."""
    if spectra is None:
        return 1 if len(data.inputs) == 1 else 12
    significant = [max(1, int(np.sum(values > NEGLIGIBLE_MODE**2 * values[0]))) for values, _ in spectra]
    return int(np.clip(np.prod(significant) / max(significant), 1, MOST_MODES))
