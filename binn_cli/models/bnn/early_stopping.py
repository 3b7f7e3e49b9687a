"""When to stop training: after the steps at which rows that were held out are met best.

A network with more weights than there are rows learns their noise in the end, and takes what is left of it for all of
it. So one network is trained without a fifth of the rows and looked at now and then; if it gets worse there, all
others are trained on all rows for as many steps as were best, and the noise is what the held-out rows were missed by
(Prechelt, "Early stopping - but when?", 1998).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.optim import Adam

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.training import Training, adam, most_probable
from binn_cli.models.compilation import Stopwatch

FEWEST, MOST = 20, 10_000
"""Rows below which a fifth of them says nothing, and above which a network learns no noise of theirs."""

HELD_OUT = 5
"""One row in so many is held out."""

FIRST_LOOK, LOOKS = 20, 1.25
"""Steps before the first look, and the factor between the steps of two looks."""

WORSE = 1.1
"""Factor by which the mean square at held-out rows must rise after the best look, or training goes to its end."""


@dataclass(frozen=True)
class Stop:
    """Where training shall end.

    Attributes:
        steps: of Adam.
        noise: (L,) mean squares by which held-out rows were missed there, in standardised units.
    """

    steps: int
    noise: Float[np.ndarray, " L"]


def stopping_point(
    density: Density,
    points: Points,
    rows: int,
    start: Float[np.ndarray, " P"],
    training: Training,
    seed: int,
    watch: Stopwatch,
) -> Stop | None:
    """Where held-out rows are met best; None where that is the end of the training.

    Args:
        density: the log density.
        points: all training points, perhaps more than `rows` to fill up a shape.
        rows: how many of them are rows.
        start: (P,) where to begin.
        training: how long.
        seed: of the choice of rows and of the minibatches.
        watch: takes the time that compiling costs.
    """
    if not FEWEST <= rows <= MOST or training.steps < FIRST_LOOK:
        return None
    order = np.random.default_rng([seed, 83]).permutation(rows)
    kept, held = np.array_split(order, [rows - rows // HELD_OUT])
    # The shape stays that of all points, held-out ones behind what is used, so that nothing is compiled for it.
    turned = np.concatenate([kept, held, np.arange(rows, len(points.x))])
    learned = Points(points.x[turned], points.y[turned], jnp.asarray(len(kept)))
    state: Any = Adam(0.0).init(jnp.asarray(start))
    done, best, last = 0, Stop(training.steps, np.full(density.outputs, np.inf)), np.inf
    while done < training.steps:
        ahead = max(FIRST_LOOK, int(done * LOOKS)) if done else FIRST_LOOK
        count = min(ahead, training.steps) - done
        arguments = (state, jax.random.key(seed), count, training.steps, training.rate, learned, density.prior_mean)
        state, _ = adam(watch, *arguments, density=density, batch=training.batch)
        done += count
        vector = Adam(0.0).get_params(state)
        missed = np.asarray(points.y - density.function(vector, points.x), dtype=np.float64)[held]
        squares = np.mean(missed**2, axis=0)
        last = float(np.mean(squares))
        if last < float(np.mean(best.noise)):
            best = Stop(done, squares)
    return best if last > WORSE * float(np.mean(best.noise)) else None


def stopped(training: Training, stop: Stop | None) -> Training:
    """The training until there, without the L-BFGS that would follow."""
    return training if stop is None else replace(training, until=stop.steps, polish=0)


class Probable(NamedTuple):
    """A network's vector, the losses on the way there, and what of it is told in `/diagnostics`."""

    vector: Float[np.ndarray, " P"]
    losses: Float[np.ndarray, " n"]
    diagnostics: dict[str, np.ndarray]


def probable(
    density: Density,
    points: Points,
    start: Float[np.ndarray, " P"],
    training: Training,
    seed: int,
    watch: Stopwatch,
    stop: Stop | None,
) -> Probable:
    """The most probable vector, or that at the stop with the noise found there; arguments as of `stopping_point`."""
    found = most_probable(density, points, start, stopped(training, stop), seed, watch)
    if stop is None:
        return Probable(found.vector, found.losses, {})
    told = {"stopped_after": np.array(stop.steps)}
    return Probable(density.with_noise(found.vector, stop.noise), found.losses, told)
