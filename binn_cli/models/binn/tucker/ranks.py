"""How many functions each dimension gets: stated, or as many as the data's higher-order SVD shows above round-off and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.errors import ConfigError
from binn_cli.models.binn.basis import per_dimension
from binn_cli.models.binn.preparation import Prepared
from binn_cli.models.binn.statistics import GridAxis, PointAxis
from binn_cli.models.binn.tucker.interpolation import RIDGE, coordinate_shapes

LARGEST_CORE = 200_000
"""Entries of the core that a fit accepts."""

LARGEST_AUTOMATIC_CORE = 32_768
"""Entries of the core that `auto` asks for at most."""

POINTS_PER_ENTRY = 4
"""`auto` keeps at least so many data points for every entry of the core."""

POINTS_PER_COLUMN = 2
"""`auto` keeps at least so many points of an axis for every combination of the functions of its coordinates."""

NEGLIGIBLE = 1e-7
"""Singular values below this share of the largest are left out; a Gram matrix resolves them down to 1e-8."""

POORLY_KNOWN, CAUTION = 1e-4, 10.0
"""Error of the interpolation above which its functions are mistrusted, and how many times the error they must then stand above."""

MOST_COORDINATES = 12
"""Coordinates of one axis up to which `auto` can tell their ranks apart: with more, the interpolation grid has one value a coordinate."""


@dataclass(frozen=True)
class Shapes:
    """The data's leading functions of one dimension.

    Attributes:
        sizes: (g,) their sizes relative to the largest, descending.
        weights: (g, K) their whitened weights.
        needed: how many of them stand above round-off and noise.
    """

    sizes: Float[np.ndarray, " g"]
    weights: Float[np.ndarray, "g K"]
    needed: int


def noise_variance(spectra: list[Float[np.ndarray, " R"]], lengths: list[int], outputs: int) -> float:
    """Noise variance of a data entry, from the smallest eigenvalue of the unfolding in which it is smallest.

    Noise alone gives an n x m unfolding squared singular values between (sqrt(m) - sqrt(n))^2 and (sqrt(m) + sqrt(n))^2 times its
    variance; signal can only add to them.
    """
    found = [np.inf]
    for spectrum, n in zip(spectra, lengths, strict=True):
        m = outputs * math.prod(lengths) // n
        smallest = spectrum.min() if len(spectrum) >= n else 0.0  # what compression cut off was round-off
        if m > n:
            found.append(smallest / (math.sqrt(m) - math.sqrt(n)) ** 2)
    return float(min(found)) if len(found) > 1 else 0.0


def data_shapes(prepared: Prepared, data: ProductData) -> list[Shapes]:
    """The leading functions of every dimension, out of the compressed data.

    The core of prepared data is written in singular vectors, largest first, so its slices' sizes are the singular values.
    """
    statistics = prepared.statistics
    core = np.asarray(statistics.core)
    if len(statistics.axes) == 1:
        return _of_single_axis(statistics.axes[0], core, data)
    spectra = [np.sum(core**2, axis=tuple(b for b in range(core.ndim) if b != a + 1)) for a in range(core.ndim - 1)]
    lengths = [len(x.squared) if isinstance(x, GridAxis) else own.size for x, own in zip(statistics.axes, data.axes, strict=True)]
    lengths[-1] = min(lengths[-1], data.axes[-1].size)  # an axis with room for later cases is longer than its data
    spectra = [spectrum[:n] for spectrum, n in zip(spectra, lengths, strict=True)]
    noise = noise_variance(spectra, lengths, len(core))
    found: list[Shapes] = []
    for a, (axis, spectrum) in enumerate(zip(statistics.axes, spectra, strict=True)):
        n, m = lengths[a], len(core) * math.prod(lengths) // lengths[a]
        limit = max(NEGLIGIBLE**2 * spectrum[0], noise * (math.sqrt(m) + math.sqrt(n)) ** 2)
        needed = max(1, int(np.sum(spectrum > limit)))
        if isinstance(axis, GridAxis):
            weights = np.asarray(axis.projection) / (axis.squared + RIDGE * np.max(axis.squared))
            found.append(Shapes(np.sqrt(spectrum / max(spectrum[0], np.finfo(float).tiny)), weights, needed))
        else:
            columns = np.asarray(axis.projection)[: data.axes[a].size, :needed] * np.sqrt(spectrum[:needed])
            found.extend(_of_points(axis, data.axes[a].points, columns))
    return found


def _of_single_axis(axis: GridAxis | PointAxis, core: Float[np.ndarray, "L n"], data: ProductData) -> list[Shapes]:
    if isinstance(axis, PointAxis):
        return _of_points(axis, data.axes[0].points, core.T[: data.axes[0].size])
    # One function of one coordinate is all there is; the ridge is that of its weights, for the core may hold Phi^T y itself.
    moment = core @ np.asarray(axis.projection)
    weights = moment / (np.asarray(axis.squared) + RIDGE * np.max(axis.squared))
    return [Shapes(np.ones(1), weights[:1], 1)]


def _of_points(axis: PointAxis, points: Float[np.ndarray, "n D"], columns: Float[np.ndarray, "n C"]) -> list[Shapes]:
    found = coordinate_shapes(axis, points, columns)
    error = found[0].error
    limits = [max(NEGLIGIBLE, error)] * len(found)
    if error > POORLY_KNOWN:
        # Few points say little about products of functions, but one coordinate's functions alone are an ordinary interpolation,
        # whose superfluous functions fade; it must not be short of them when points are added.
        limits = [CAUTION * error] * len(found)
        limits[int(np.argmax([s.values[1] if len(s.values) > 1 else 0.0 for s in found]))] = NEGLIGIBLE
    needed = [min(max(1, int(np.sum(s.values > limit))), s.weights.shape[1]) for s, limit in zip(found, limits, strict=True)]
    needed = reduced(needed, [s.values for s in found], max(1, len(points) // POINTS_PER_COLUMN))
    return [Shapes(s.values, s.weights, r) for s, r in zip(found, needed, strict=True)]


def reduced(ranks: list[int], sizes: list[Float[np.ndarray, " g"]], most: int, free: list[bool] | None = None) -> list[int]:
    """Ranks whose product is at most `most`, the smallest functions given up first; only the free dimensions give way."""
    ranks = list(ranks)
    while math.prod(ranks) > most:
        candidates = [d for d, r in enumerate(ranks) if r > 1 and (free is None or free[d])]
        if not candidates:
            return ranks
        smallest = min(candidates, key=lambda d: sizes[d][ranks[d] - 1])
        ranks[smallest] -= 1
    return ranks


def choose_ranks(config: BinnConfig, prepared: Prepared, data: ProductData, shapes: list[Shapes]) -> tuple[int, ...]:
    """The rank of every dimension; stated ranks beyond the number of a dimension's functions are of no use and reduced to it.

    Raises:
        ConfigError: if the core would have too many entries, or `auto` cannot see the ranks of that many coordinates.
    """
    stated = per_dimension("model.ranks", config.ranks, data.inputs)
    free = [rank == "auto" for rank in stated]
    widest = max(len(axis.coordinates) for axis in data.axes)
    if any(free) and widest > MOST_COORDINATES:
        raise ConfigError("model.ranks", f"auto is for axes of at most {MOST_COORDINATES} inputs, not {widest}; use model.decomposition=cp")
    ranks = [s.needed if f else int(r) for r, f, s in zip(stated, free, shapes, strict=True)]
    ranks = [min(r, v.shape[1]) for r, v in zip(ranks, prepared.directions, strict=True)]
    most = min(LARGEST_AUTOMATIC_CORE, max(1, data.n_points // POINTS_PER_ENTRY))
    sizes = [np.append(s.sizes, np.zeros(max(0, r - len(s.sizes)))) for s, r in zip(shapes, ranks, strict=True)]
    ranks = reduced(ranks, sizes, most, free)
    entries = math.prod(ranks)
    if entries > LARGEST_CORE:
        size = f"{' x '.join(map(str, ranks))} = {entries:,} entries, more than {LARGEST_CORE:,}"
        raise ConfigError("model.ranks", f"make a core of {size}; state smaller ranks or use model.decomposition=cp")
    return tuple(ranks)
