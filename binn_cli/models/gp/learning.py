"""Hyperparameters of a dense Gaussian process by the evidence of the data, or of a random part of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import KernelConfig
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.evidence import negative_log_evidence
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds, candidates, stated
from binn_cli.models.gp.search import best_of, searched
from binn_cli.models.units import Units

TRIED = 8
"""Random points, for each search, among which and the ladder of lengths it may begin."""

objective = CompiledFunction(jax.value_and_grad(negative_log_evidence))


@dataclass(frozen=True)
class Table:
    """Rows of a table in scaled units, filled up to a shape.

    Attributes:
        x: (n, D) inputs.
        y: (n, L) outputs, 0 where there is no point.
        mask: (n,) 1 for a point, 0 for a row that only fills up.
    """

    x: Float[np.ndarray, "n D"]
    y: Float[np.ndarray, "n L"]
    mask: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, "n L"], size: int) -> Table:
        """The rows, and behind them copies of the last one up to `size`."""
        short = size - len(x)
        mask = np.concatenate([np.ones(len(x)), np.zeros(short)])
        return cls(
            np.concatenate([x, np.repeat(x[-1:], short, axis=0)]),
            np.concatenate([y, np.zeros((short, y.shape[1]))]),
            mask,
        )


def final_size(data: ProductData, capacity: int | None) -> int:
    """The number of points that the data will finally have."""
    cases = data.axes[-1].size
    return data.n_points // cases * max(cases, capacity or 0)


def sample(units: Units, data: ProductData, most: int, seed: int, capacity: int | None = None) -> Table:
    """At most `most` points drawn at random without replacement, in a shape that stays the same as cases are added."""
    size = min(final_size(data, capacity), most)
    if data.n_points <= most:
        return Table.of(*units.table(data), size)
    rows = stream(seed, "gp evidence points").choice(data.n_points, most, replace=False)
    return Table.of(*units.table(data, np.sort(rows)), size)


def learned(
    config: KernelConfig, table: Table, first: Hyperparameters, warm: Hyperparameters | None, watch: Stopwatch
) -> tuple[Hyperparameters, dict[str, np.ndarray]]:
    """Hyperparameters for every group of outputs, and what the search found on its way.

    Args:
        config: says whether to search, from how many starts and for how long.
        table: the points whose evidence is looked at.
        first: where the search starts, and what is returned where there is none.
        warm: hyperparameters of the round before, which take the place of all starts.
        watch: counts the seconds of compiling.
    """
    if config.hyperparameters == "fixed":
        return first, {}
    searches = []
    for group, theta in enumerate(first.theta):
        y = table.y[:, first.members(group)]

        def evaluated(point: np.ndarray, y: np.ndarray = y) -> tuple[float, np.ndarray]:
            value, gradient = objective(watch, point, table.x, y, table.mask, kind=config.kernel)
            return float(value), np.asarray(gradient)

        if warm is None:
            begin = best_of(evaluated, candidates(theta, TRIED * config.starts, config.seed), config.starts)
        else:
            begin = warm.theta[group][None]
        searches.append((evaluated, begin))
    found, trace = searched(searches, bounds(first.theta.shape[1] - 2), config.iterations)
    return replace(first, theta=found), {**trace, "evidence_points": table.mask.sum()}


def first_guess(
    config: KernelConfig, data: ProductData, units: Units, warm: Hyperparameters | None
) -> tuple[Hyperparameters, Hyperparameters | None]:
    """What the configuration states, and the warm start if it fits the data."""
    first = stated(config, data.inputs, len(data.outputs), units.inputs)
    fits = warm is not None and warm.theta.shape == first.theta.shape
    return first, warm if fits else None


def hyperparameter_diagnostics(found: Hyperparameters, units: Units) -> dict[str, np.ndarray]:
    """What stands in `/diagnostics`: lengths in units of the domain, one row a group; standard deviations in those of
    the outputs."""
    return {
        "length_scales": found.lengths,
        "signal_std": np.sqrt(found.signal[found.group]) * units.outputs.scale,
        "noise_std": np.sqrt(found.output_noise) * units.outputs.scale,
    }
