"""Hyperparameters of local experts by their own evidence: what a few of them say of distances within a cell."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpLocalConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.cells import Cells
from binn_cli.models.gp.evidence import negative_log_evidence
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds
from binn_cli.models.gp.search import searched


def experts_evidence(
    theta: Float[Array, " P"],
    x: Float[Array, "E n D"],
    y: Float[Array, "E n L"],
    mask: Float[Array, "E n"],
    *,
    kind: str,
) -> Float[Array, ""]:
    """−log of the product of the experts' evidences, per point, as if they were independent (Deisenroth and Ng 2015,
    Eq. 9)."""
    own = jax.lax.map(lambda expert: negative_log_evidence(theta, *expert, kind=kind), (x, y, mask))
    return jnp.sum(own) / jnp.sum(mask)


objective = CompiledFunction(jax.value_and_grad(experts_evidence))


def learned_from_experts(
    config: GpLocalConfig, cells: Cells, guess: Hyperparameters, watch: Stopwatch
) -> tuple[Hyperparameters, dict[str, np.ndarray]]:
    """Hyperparameters of the highest evidence of a few experts near the given ones, and what the search found on its
    way.

    Points drawn at random from all are so far apart that a fine structure looks like noise to them; within a cell it
    does not.

    Args:
        config: says how many experts are looked at, and for how long.
        cells: the points of all experts, divided by the given lengths.
        guess: where the search starts, and what is returned where there is none.
        watch: counts the seconds of compiling.
    """
    if config.hyperparameters == "fixed":
        return guess, {}
    local = np.arange(cells.shared, len(cells.x))
    count = min(config.evidence_experts, len(local))
    drawn = np.sort(stream(config.seed, "gp_local evidence experts").choice(local, count, replace=False))
    x, mask, searches = cells.x[drawn], cells.mask[drawn], []
    for group, theta in enumerate(guess.theta):
        y = cells.y[drawn][:, :, guess.members(group)]

        def evaluated(point: np.ndarray, y: np.ndarray = y) -> tuple[float, np.ndarray]:
            value, gradient = objective(watch, point, x, y, mask, kind=config.kernel)
            return float(value), np.asarray(gradient)

        searches.append((evaluated, theta[None]))
    found, trace = searched(searches, bounds(guess.theta.shape[1] - 2), config.iterations)
    return Hyperparameters(found, guess.group), {
        "evidence_experts": np.asarray(count),
        "evaluations_experts": trace["evidence_evaluations"],
    }
