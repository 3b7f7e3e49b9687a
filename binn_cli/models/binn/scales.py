"""The bases of every dimension, from what the configuration states and what the evidence chooses where it says `auto`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.basis import Basis, build_basis, per_dimension
from binn_cli.models.binn.chidenn import Patch
from binn_cli.models.binn.compilation import Stopwatch
from binn_cli.models.binn.evidence import Choice, axis_columns, choose_scales, thinned
from binn_cli.models.binn.normalization import InputMap, OutputMap
from binn_cli.models.binn.preparation import spectra_of

CENTERS_PER_LENGTH = 2.0
"""Automatic centres a length scale: the kernel of the basis then ripples by less than round-off."""

PADDING_LENGTHS = 6.0
"""Automatic padding in length scales: what lies farther out is exp(-18) at the boundary."""

MOST_CENTERS, MOST_PADDING = 512, 64
"""Limits on what a stated length far too short or too long can ask for."""

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
        trace: for each dimension whose length or coordinate was chosen, the log evidence of the candidates.
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
    spectra = spectra_of(data, outputs, capacity, watch) if len(data.axes) > 1 else None
    if "auto" in rates or any(length == "auto" for kind, length in zip(kinds, lengths, strict=True) if kind == "gaussian"):
        choices = list(_choices(data, inputs, outputs, spectra, watch))
    built, final = [], []
    distinct = [len(np.unique(column)) for axis in data.axes for column in axis.points.T]
    for d, choice in enumerate(choices):
        rate = choice.rate if rates[d] == "auto" and choice else 0.0 if rates[d] == "auto" else float(rates[d])
        count, pad, length = _resolved(
            kinds[d], centers[d], padding[d], lengths[d], config.length_unit, float(inputs.span[d]), distinct[d], choice
        )
        built.append(build_basis(kinds[d], count, pad, length, rate, Patch(config.patch, config.order, config.dilation)))
        final.append((length if kinds[d] == "gaussian" else np.nan, rate))
    modes = _modes(data, spectra) if config.modes == "auto" else int(config.modes)
    trace = {f"evidence_{name}": choice.trace for name, choice in zip(names, choices, strict=True) if choice}
    return Scales(tuple(built), modes, np.array([f[0] for f in final]), np.array([f[1] for f in final]), trace)


def _choices(data: ProductData, inputs: InputMap, outputs: OutputMap, spectra: tuple | None, watch: Stopwatch) -> list[Choice]:
    """The evidence's choice for every dimension, axis by axis."""
    found: list[Choice] = []
    begin = 0
    for a, axis in enumerate(data.axes):
        end = begin + len(axis.coordinates)
        if spectra is None:
            rows = thinned(axis.size)
            points = inputs(axis.points[rows], slice(begin, end))
            columns = (data.values[rows] - outputs.shift) / outputs.scale
        else:
            points = inputs(axis.points, slice(begin, end))
            columns = axis_columns(spectra[a][0], spectra[a][1], axis.size)
        found.extend(choose_scales(points, columns, watch))
        begin = end
    return found


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
