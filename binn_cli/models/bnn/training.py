"""The most probable weights: minibatch Adam, then L-BFGS on all points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from jaxtyping import Float
from numpyro.optim import Adam

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.step_length import decayed

AT_ONCE = 500
"""Steps between two looks at whether the user wants to stop."""

MEMORY = 30
"""Pairs of steps and gradients that L-BFGS remembers."""


@dataclass(frozen=True)
class Training:
    """How weights are found.

    Attributes:
        steps: steps of Adam, each on a minibatch.
        batch: points of a minibatch, drawn with replacement; 0, or as many as there are, for all points.
        rate: learning rate of Adam at its start, from which it decays to 1 % along a cosine.
        polish: iterations of L-BFGS on all points behind them.
        until: the step of Adam after which it ends early.
    """

    steps: int
    batch: int
    rate: float
    polish: int
    until: int | None = None


def minibatch(key: Array, points: Points, batch: int) -> tuple[Points, Any]:
    """Points drawn with replacement, and by how much their likelihood stands for all; all points where `batch` is 0 or
    not fewer."""
    if batch == 0 or batch >= len(points.x):
        return points, 1.0
    rows = jax.random.randint(key, (batch,), 0, points.n)
    return Points(points.x[rows], points.y[rows]), points.n / batch


def _adam(
    state: Any,
    key: Array,
    count: Array,
    total: Array,
    rate: Array,
    points: Points,
    center: Array,
    *,
    density: Density,
    batch: int,
) -> tuple[Any, Array]:
    """`count` steps of Adam, and the mean over them of the loss a point."""
    optimiser = Adam(lambda done: decayed(rate, done, total))

    def step(i: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        state, summed = carry
        drawn, scale = minibatch(jax.random.fold_in(key, state[0]), points, batch)

        def loss(vector: Array) -> Array:
            return -density(vector, drawn, scale, center) / points.n

        value, gradient = jax.value_and_grad(loss)(optimiser.get_params(state))
        return optimiser.update(gradient, state), summed + value

    state, summed = jax.lax.fori_loop(0, count, step, (state, jnp.zeros(())))
    return state, summed / count


def _loss(vector: Array, points: Points, center: Array, *, density: Density) -> tuple[Array, Array]:
    return jax.value_and_grad(lambda v: -density(v, points, 1.0, center) / points.n)(vector)


adam = CompiledFunction(_adam)
loss_and_gradient = CompiledFunction(_loss)


@dataclass(frozen=True)
class Found:
    """The end of a training.

    Attributes:
        vector: (P,) the most probable vector that was found.
        losses: negative log density a point: means over the chunks of Adam, and at the end of L-BFGS.
    """

    vector: Float[np.ndarray, " P"]
    losses: Float[np.ndarray, " c"]


def most_probable(
    density: Density,
    points: Points,
    start: Float[np.ndarray, " P"],
    training: Training,
    seed: int,
    watch: Stopwatch,
    center: Float[np.ndarray, " P"] | None = None,
) -> Found:
    """Climb the posterior density from a start.

    Args:
        density: the log density.
        points: all training points.
        start: (P,) where to begin.
        training: how long.
        seed: of the minibatches.
        watch: takes the time that compiling costs.
        center: mean of the prior, its own by default.
    """
    anchor = density.prior_mean if center is None else center
    losses: list[float] = []
    state: Any = Adam(0.0).init(jnp.asarray(start))
    done, end = 0, training.steps if training.until is None else training.until
    while done < end:
        count = min(AT_ONCE, end - done)
        arguments = (state, jax.random.key(seed), count, training.steps, training.rate, points, anchor)
        state, loss = adam(watch, *arguments, density=density, batch=training.batch)
        losses.append(float(loss))
        done += count
    vector = np.asarray(Adam(0.0).get_params(state))
    if training.polish > 0:
        vector, value = _polished(density, points, vector, anchor, training.polish, watch)
        losses.append(value)
    return Found(vector, np.asarray(losses))


def _polished(
    density: Density, points: Points, start: np.ndarray, center: np.ndarray, iterations: int, watch: Stopwatch
) -> tuple[np.ndarray, float]:
    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss_and_gradient(watch, vector, points, center, density=density)
        return float(value), np.asarray(gradient, dtype=np.float64)

    options = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0}
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return found.x, float(found.fun)
