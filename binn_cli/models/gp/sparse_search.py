"""Where a Gaussian process with inducing points begins, and the search for the highest collapsed bound from there."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema.gp import GpSparseConfig
from binn_cli.models.compilation import CompiledFunction, Stopwatch, one_blas_thread
from binn_cli.models.gp.collapsed import Blocks, negative_bound
from binn_cli.models.gp.hyperparameters import bounds
from binn_cli.models.gp.inducing import by_conditional_variance
from binn_cli.models.gp.learning import Table
from binn_cli.models.gp.search import minimised

LONGER, NOISIER = (1.0, 1.5), (1e-6, 1e-4, 1e-2)
"""Factors on the lengths, and noise variances, that are tried before the search."""

BLOCK = 2048
"""Rows of one block of a fit."""

value, bounded = CompiledFunction(negative_bound), CompiledFunction(jax.value_and_grad(negative_bound))


@dataclass(frozen=True)
class Beginning:
    """Hyperparameters of one group of outputs, and inducing points for them.

    Attributes:
        theta: (P,) logarithms of lengths, signal and noise variance.
        z: (M, D) inducing points in scaled units.
    """

    theta: Float[np.ndarray, " P"]
    z: Float[np.ndarray, "M D"]


def blocks_of(table: Table, members: Int[np.ndarray, " l"]) -> Blocks:
    """The rows in blocks, filled up to whole ones, or in a single smaller one; with the outputs of one group."""
    rows = min(BLOCK, len(table.x))
    short = -len(table.x) % rows
    x = np.concatenate([table.x, np.repeat(table.x[-1:], short, axis=0)])
    y = np.concatenate([table.y[:, members], np.zeros((short, len(members)))])
    mask = np.concatenate([table.mask, np.zeros(short)])
    return Blocks(*(part.reshape(-1, rows, *part.shape[1:]) for part in (x, y, mask)))


def placed(config: GpSparseConfig, theta: Float[np.ndarray, " P"], part: Table) -> Beginning:
    """The inducing points that these hyperparameters ask for."""
    with one_blas_thread():
        return Beginning(
            theta, by_conditional_variance(part.x[part.mask > 0], config.inducing, config.kernel, np.exp(theta[:-2]))
        )


def begun(
    config: GpSparseConfig,
    theta: Float[np.ndarray, " P"],
    part: Table,
    members: Int[np.ndarray, " l"],
    watch: Stopwatch,
) -> Beginning:
    """Hyperparameters near the given ones, and inducing points, of the highest bound among a few.

    Where the inducing points are too few for the lengths that the evidence has found, the bound is so low there that a
    search ends in noise alone; somewhat longer lengths and more noise are a better beginning.
    """
    blocks, tried = blocks_of(part, members), []
    for longer in LONGER:
        there = placed(config, np.concatenate([theta[:-2] + np.log(longer), theta[-2:]]), part)
        for noise in (np.exp(theta[-1]), *NOISIER):
            point = np.concatenate([there.theta[:-1], [np.log(noise)]])
            found = float(value(watch, point, there.z, blocks, kind=config.kernel))
            tried.append((found if np.isfinite(found) else np.inf, Beginning(point, there.z)))
        if len(there.z) < config.inducing:
            break  # They are enough for these lengths.
    return min(tried, key=lambda entry: entry[0])[1]


def raised(
    config: GpSparseConfig, begin: Beginning, part: Table, members: Int[np.ndarray, " l"], watch: Stopwatch
) -> Float[np.ndarray, " P"]:
    """Hyperparameters of the highest bound of a part of the points near the given ones, with the inducing points where
    they are."""
    blocks = blocks_of(part, members)

    def evaluated(theta: np.ndarray) -> tuple[float, np.ndarray]:
        bound, gradient = bounded(watch, theta, begin.z, blocks, kind=config.kernel)
        return float(bound), np.asarray(gradient)

    return minimised(evaluated, begin.theta[None], bounds(len(begin.theta) - 2), config.bound_iterations).theta
