"""Fitting a B-INN to rows that are never in memory at once."""

from __future__ import annotations

import time

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks
from binn_cli.errors import ConfigError
from binn_cli.models.binn.inference import Posterior, Settings
from binn_cli.models.binn.model import FittedBinn, diagnostics_of, inferred
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.prior import prior_levels
from binn_cli.models.binn.scales import build_scales
from binn_cli.models.binn.start import from_prior
from binn_cli.models.binn.statistics import GridAxis, Statistics
from binn_cli.models.binn.streamed.devices import all_devices
from binn_cli.models.binn.streamed.inference import alternate
from binn_cli.models.binn.streamed.scan import Look, look
from binn_cli.models.binn.streamed.sums import Sums
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import FitReport

CHUNK_BYTES = 2**23
"""Size of a chunk unless its number of rows is given (8 MB): every core has one in work."""


def rows_per_chunk(rows: RowChunks) -> int:
    """Rows of a chunk of `CHUNK_BYTES`."""
    return max(1, CHUNK_BYTES // (8 * (len(rows.inputs) + len(rows.outputs))))


def fit_rows(config: BinnConfig, rows: RowChunks, domain: Float[np.ndarray, "D 2"] | None, chunk: int | None = None) -> FittedBinn:
    """Fit products of one-dimensional functions, chunk by chunk, on all devices of all processes.

    Args:
        config: the model's; `decomposition` and `inference` may not ask for tucker and vb.
        rows: the data.
        domain: (D, 2) range of every input; where it is given and nothing is `auto`, one dimension is fitted in a single pass.
        chunk: rows of a chunk; by default 8 MB.

    Raises:
        ConfigError: if the configuration asks for what needs all data at once.
        DataError: if a row cannot be read or is not finite.
    """
    _refuse(config)
    watch, began = Stopwatch(), time.perf_counter()
    size = rows_per_chunk(rows) if chunk is None else chunk
    seen = _stated(rows, domain) if domain is not None and _settled(config) else look(rows, size, config.output_scaling, domain)
    scales = build_scales(config, seen.sample, seen.inputs, seen.outputs, None, watch)
    sums = Sums(rows, size, scales.bases, seen.inputs, seen.outputs, all_devices())
    shape = (len(rows.outputs), scales.modes)
    settings = Settings.of(config)
    variance = tuple(np.full(shape, level) for level in prior_levels(config, scales.bases, scales.modes, watch))
    if len(rows.inputs) == 1:
        posterior, directions = _line(config, sums, variance, settings, watch)
    else:
        posterior, directions = _scattered(config, sums, variance, settings, watch)
    dimensions = tuple(
        DimensionPosterior(np.einsum("jk,lmk->lmj", v, mean), v, covariance, used)
        for v, mean, covariance, used in zip(directions, posterior.mean, posterior.covariance, posterior.variance, strict=True)
    )
    made = diagnostics_of(posterior, seen.outputs, rows.n_points)
    diagnostics = {**made, "length_scales": scales.lengths, "stretch_rates": scales.rates, **scales.trace}
    report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
    joint, noise = config.variance == "joint", np.asarray(posterior.noise)
    return FittedBinn(scales.bases, dimensions, noise, seen.inputs, seen.outputs, joint, (rows.n_points,), report)


def _refuse(config: BinnConfig) -> None:
    for key, value, instead in (("decomposition", "tucker", "cp"), ("inference", "vb", "als")):
        if getattr(config, key) == value:
            raise ConfigError(f"model.{key}", f"must be {instead} for data that are read in chunks, not {value}")
    if config.tune:
        raise ConfigError("model.tune", "must be false for data that are read in chunks: it needs all of them at once")


def _settled(config: BinnConfig) -> bool:
    """Whether nothing about the model depends on the data."""
    stated = (config.centers, config.length, config.padding, config.stretch)
    return config.output_scaling == "none" and not any(s == "auto" or (isinstance(s, list) and "auto" in s) for s in stated)


def _stated(rows: RowChunks, domain: Float[np.ndarray, "D 2"]) -> Look:
    x, y = next(rows.chunks(1))
    outputs = OutputMap(np.zeros(len(rows.outputs)), np.ones(len(rows.outputs)))
    low, high = np.asarray(domain, dtype=np.float64).T
    return Look(
        ProductData((Axis("point", x, rows.inputs),), y, rows.outputs), InputMap(low, np.where(high > low, high - low, 1.0)), outputs
    )


def _line(config: BinnConfig, sums: Sums, variance: tuple, settings: Settings, watch: Stopwatch) -> tuple[Posterior, tuple]:
    """One dimension: a single pass, then the closed form."""
    gram, moment, energy = sums.line(watch)
    squared, v = np.linalg.eigh(gram)
    # As for a long axis in memory, the core holds the right-hand side itself.
    axis = GridAxis(np.eye(len(squared)), np.maximum(squared, 0.0))
    statistics = Statistics(moment @ v, energy, np.asarray(float(sums.rows.n_points)), (axis,))
    prior, start = _prior_and_start(config, variance, (v,))
    noise = np.full(len(energy), config.noise_variance)
    return jax.tree.map(np.asarray, inferred(watch, statistics, prior, start, noise, settings=settings)), (v,)


def _scattered(config: BinnConfig, sums: Sums, variance: tuple, settings: Settings, watch: Stopwatch) -> tuple[Posterior, tuple]:
    """Several dimensions: one output after another."""
    directions = tuple(np.eye(basis.centers.shape[0]) for basis in sums.bases)
    prior, start = _prior_and_start(config, variance, directions)
    found = []
    for output in range(len(sums.rows.outputs)):
        own_prior, own_start = jax.tree.map(lambda array, at=output: array[at], (prior, start))
        found.append(alternate(sums, output, own_prior, own_start, config.noise_variance, settings, watch))
    return jax.tree.map(lambda *parts: np.stack(parts), *found), directions


def _prior_and_start(config: BinnConfig, variance: tuple, directions: tuple) -> tuple[Prior, tuple]:
    zero = tuple(np.zeros((*v.shape, d.shape[1])) for v, d in zip(variance, directions, strict=True))
    prior = Prior(zero, variance)
    start = from_prior(config.seed, prior, directions)
    return (Prior(start, variance) if config.prior_mean == "start" else prior), start
