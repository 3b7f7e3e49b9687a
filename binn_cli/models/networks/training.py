"""Minibatch Adam with cosine decay, and an early stop where the error on held-out points no longer falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from binn_cli.config.schema.networks import NetworkConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.networks.architectures import Architecture, Parameters

ROUND = 100
"""Steps between two looks at the held-out points."""


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        parameters: those of the smallest held-out error.
        noise: (L,) mean squared held-out residual of each output.
        losses: mean squared error of the minibatches, round by round.
        held_out: the same of the held-out points.
    """

    parameters: Parameters
    noise: Float[np.ndarray, " L"]
    losses: Float[np.ndarray, " rounds"]
    held_out: Float[np.ndarray, " rounds"]


def _optimiser(rate: Any, steps: Any) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(rate, steps, alpha=0.01))


def _round(
    state: Any,
    x: Float[Array, "N D"],
    y: Float[Array, "N L"],
    points: Float[Array, ""],
    key: Array,
    number: Float[Array, ""],
    *,
    architecture: Architecture,
    batch: int,
    rate: float,
    steps: int,
) -> tuple[Any, Float[Array, ""]]:
    """`ROUND` steps, each on `batch` of the first `points` rows drawn with replacement; the mean of their losses beside
    it."""
    optimiser = _optimiser(rate, steps)

    def loss(parameters: Parameters, rows: Array) -> Array:
        return jnp.mean((architecture(parameters, x[rows]) - y[rows]) ** 2)

    def step(state: Any, i: Array) -> tuple[Any, Array]:
        parameters, moments = state
        rows = jax.random.randint(jax.random.fold_in(key, number * ROUND + i), (batch,), 0, points)
        value, gradient = jax.value_and_grad(loss)(parameters, rows)
        change, moments = optimiser.update(gradient, moments, parameters)
        return (optax.apply_updates(parameters, change), moments), value

    state, losses = jax.lax.scan(step, state, jnp.arange(ROUND))
    return state, losses.mean()


def _residual(
    parameters: Parameters,
    x: Float[Array, "n D"],
    y: Float[Array, "n L"],
    mask: Float[Array, " n"],
    *,
    architecture: Architecture,
) -> Float[Array, " L"]:
    """Mean squared residual of each output over the points that the mask marks."""
    return jnp.sum((architecture(parameters, x) - y) ** 2 * mask[:, None], axis=0) / jnp.sum(mask)


advanced, residual = CompiledFunction(_round), CompiledFunction(_residual)


def trained(
    config: NetworkConfig,
    architecture: Architecture,
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N L"],
    size: int,
    begin: Parameters | None,
    watch: Stopwatch,
) -> Trained:
    """Train on all but a random share of the points, which say when to stop and how large the noise is.

    Args:
        config: effort and step length.
        architecture: the network.
        x, y: points in scaled units.
        size: the number of points that there will finally be, for which to compile.
        begin: parameters to start from, instead of random ones.
        watch: counts the seconds of compiling.
    """
    order = stream(config.seed, "network held out").permutation(len(x))
    count = max(1, round(config.held_out * len(x)))
    apart, kept = order[:count], order[count:] if len(x) > 1 else order
    most = max(count, round(config.held_out * size), 1)
    train, test = _filled(x, y, kept, size), _filled(x, y, apart, most)
    mask = (np.arange(most) < count).astype(np.float32)
    parameters = architecture.begin(jax.random.key(config.seed)) if begin is None else begin
    # A fresh key as plain numbers, because compiled functions take arrays.
    key = np.asarray(jax.random.key_data(jax.random.fold_in(jax.random.key(config.seed), 1)))
    state: Any = (parameters, _optimiser(config.learning_rate, config.steps).init(parameters))
    settings: dict[str, Any] = {"architecture": architecture, "rate": config.learning_rate, "steps": config.steps}
    noise = np.asarray(residual(watch, parameters, *test, mask, architecture=architecture), dtype=float)
    best, waited, losses, held_out = (parameters, noise), 0, [], []
    for number in range(-(-config.steps // ROUND)):
        state, loss = advanced(watch, state, *train, len(kept), key, number, batch=min(config.batch, size), **settings)
        noise = np.asarray(residual(watch, state[0], *test, mask, architecture=architecture), dtype=float)
        losses.append(float(loss))
        held_out.append(float(noise.mean()))
        better = held_out[-1] < best[1].mean()
        best, waited = ((state[0], noise), 0) if better else (best, waited + 1)
        if waited * ROUND >= config.patience:
            break
    return Trained(jax.tree.map(np.asarray, best[0]), best[1], np.array(losses), np.array(held_out))


def _filled(x: np.ndarray, y: np.ndarray, rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows in single precision, and behind them zeros up to `size`."""
    short = max(size - len(rows), 0)
    return tuple(np.pad(part[rows], ((0, short), (0, 0))).astype(np.float32) for part in (x, y))  # type: ignore[return-value]
