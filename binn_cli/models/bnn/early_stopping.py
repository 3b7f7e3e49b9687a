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

from binn_cli.models.bnn.density import Points
from binn_cli.models.bnn.surrogate import Problem
from binn_cli.models.bnn.training import Training, adam, most_probable

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


def stopping_point(problem: Problem, start: Float[np.ndarray, " P"], training: Training, seed: int) -> Stop | None:
    """Where held-out rows are met best; None where that is the end of the training.

    Args:
        problem: the density, and the points.
        start: (P,) where to begin.
        training: how long.
        seed: of the choice of rows and of the minibatches.
    """
    density, watch = problem.density, problem.watch
    points, rows = problem.learning.points, problem.learning.used  # perhaps more points, to fill up a shape
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


class Probable(NamedTuple):
    """A network's vector, the losses on the way there, and what of it is told in `/diagnostics`."""

    vector: Float[np.ndarray, " P"]
    losses: Float[np.ndarray, " n"]
    diagnostics: dict[str, np.ndarray]


def probable(
    problem: Problem,
    start: Float[np.ndarray, " P"],
    training: Training,
    seed: int,
    stop: Stop | None,
    center: Float[np.ndarray, " P"] | None = None,
) -> Probable:
    """The most probable vector; or where Adam is at the stop, with the noise found there.

    Args:
        problem, start, training, seed: as of `stopping_point`.
        stop: what that says.
        center: mean of the prior, its own by default.
    """
    points, watch = problem.learning.points, problem.watch
    if stop is None:
        found = most_probable(problem.density, points, start, training, seed, watch, center)
        return Probable(found.vector, found.losses, {})
    shorter = replace(training, until=stop.steps, polish=0)  # without the L-BFGS that would follow
    found = most_probable(problem.density, points, start, shorter, seed, watch, center)
    told = {"stopped_after": np.array(stop.steps)}
    return Probable(problem.density.with_noise(found.vector, stop.noise), found.losses, told)
