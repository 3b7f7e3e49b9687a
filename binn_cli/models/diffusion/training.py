"""Denoising as training: Adam on minibatches whose noise levels are spread evenly, an average of the weights along the
way, and an early stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int

from binn_cli.config.schema.networks import DiffusionConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.diffusion.denoiser import Denoiser, Shape, begun, denoiser_of
from binn_cli.models.diffusion.sampling import HIGHEST, LOWEST, time_of
from binn_cli.models.step_length import decayed

ROUND = 100
"""Steps between two looks at the held-out points."""
JUDGED = 1024
"""Noisy outputs by which a round is judged, at least; few held-out points are looked at under several noises each."""
SPAN = tuple(float(time_of(np.asarray(ratio))) for ratio in (LOWEST, HIGHEST))
"""First and last time that sampling asks about."""
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Trained:
    """What training one member gives.

    Attributes:
        vector: (P,) the averaged weights of the smallest held-out loss.
        losses: mean squared error of the velocity in the minibatches, round by round.
        held_out: the same of the averaged weights on the held-out points.
    """

    vector: Float[np.ndarray, " P"]
    losses: Float[np.ndarray, " rounds"]
    held_out: Float[np.ndarray, " rounds"]


def squared_error(denoiser: Denoiser, x: Array, y: Array, times: Array, noise: Array) -> Float[Array, " n"]:
    """Squared error of the velocity, averaged over the outputs."""
    alpha, sigma = (part(0.5 * jnp.pi * times)[:, None] for part in (jnp.cos, jnp.sin))
    found = jax.vmap(denoiser)(x, alpha * y + sigma * noise, times)
    return jnp.mean((found - (alpha * noise - sigma * y)) ** 2, axis=1)


def _optimiser(rate: Any, steps: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(LARGEST_GRADIENT), optax.adam(lambda done: decayed(rate, done, steps)))


def _round(
    state: Any,
    x: Float[Array, "N D"],
    y: Float[Array, "N L"],
    rows: Int[Array, "s b"],
    times: Float[Array, "s b"],
    noise: Float[Array, "s b L"],
    number: Array,
    rate: Array,
    steps: Array,
    averaging: Array,
    *,
    shape: Shape,
) -> tuple[Any, Float[Array, ""]]:
    """As many steps as there are minibatches; the mean of their losses beside it.

    Step length and number of steps in all are arguments, since a warm start has fewer and shall not compile again.
    """
    optimiser = _optimiser(rate, steps)

    def loss(denoiser: Denoiser, rows: Array, times: Array, noise: Array) -> Array:
        return squared_error(denoiser, x[rows], y[rows], times, noise).mean()

    def step(state: Any, drawn: tuple[Array, ...]) -> tuple[Any, Array]:
        vector, averaged, moments = state
        value, gradient = jax.value_and_grad(loss)(denoiser_of(shape, vector), *drawn[1:])
        change, moments = optimiser.update(ravel_pytree(gradient)[0], moments, vector)
        vector = optax.apply_updates(vector, change)
        # The first steps count less, or the random start would stay in the average.
        done = number * ROUND + drawn[0]
        kept = jnp.minimum(averaging, (1.0 + done) / (10.0 + done)).astype(jnp.float32)
        return (vector, optax.incremental_update(vector, averaged, 1 - kept), moments), value

    state, losses = jax.lax.scan(step, state, (jnp.arange(len(rows)), rows, times, noise))
    return state, losses.mean()


def _minibatches(random: np.random.Generator, points: int, batch: int, outputs: int) -> tuple[np.ndarray, ...]:
    """Rows drawn with replacement, times and noise of a round. One time in each of as many strata: less noise of the
    gradient than independent times have. Drawn here, since to compile JAX's generator takes three times as long as the
    rest."""
    shape = (ROUND, batch)
    share = (np.arange(batch) + random.uniform(size=shape)) / batch
    noise = random.standard_normal((*shape, outputs), dtype=np.float32)
    return random.integers(0, points, shape, dtype=np.int32), _times(share), noise


def _times(share: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return (SPAN[0] + (SPAN[1] - SPAN[0]) * share).astype(np.float32)


def _judged(vector: Array, x: Array, y: Array, times: Array, noise: Array, *, shape: Shape) -> Array:
    return squared_error(denoiser_of(shape, vector), x, y, times, noise).mean()


advanced, judged = CompiledFunction(_round), CompiledFunction(_judged)


def trained(
    config: DiffusionConfig,
    shape: Shape,
    x: Float[np.ndarray, "N D"],
    y: Float[np.ndarray, "N L"],
    size: int,
    number: int,
    begin: Float[np.ndarray, " P"] | None,
    watch: Stopwatch,
) -> Trained:
    """Train one member on all but a random share of the points, which say when to stop.

    Args:
        config: effort and step length.
        shape: of the denoiser.
        x, y: points in scaled units.
        size: the number of points that there will finally be, for which to compile.
        number: of the member, which has its own start, held-out points and minibatches.
        begin: weights to start from, instead of random ones.
        watch: counts the seconds of compiling.
    """
    random = stream(config.seed, f"diffusion {number}")
    order = random.permutation(len(x))
    count = max(1, round(config.held_out * len(x)))
    apart, kept = order[:count], order[count:] if len(x) > 1 else order
    test = _judges(x[apart], y[apart], max(round(config.held_out * size), JUDGED), random)
    train = tuple(_padded(part[kept], size) for part in (x, y))
    start = begun(shape, random) if begin is None else begin
    steps = config.steps if begin is None else config.steps_again
    state: Any = (start, start, _optimiser(config.learning_rate, steps).init(start))
    descent = config.learning_rate, steps, config.averaging
    batch = min(config.batch, size)
    best, lowest, waited, losses, held_out = start, np.inf, 0, [], []
    for done in range(-(-steps // ROUND)):
        drawn = _minibatches(random, len(kept), batch, shape.outputs)
        state, loss = advanced(watch, state, *train, *drawn, done, *descent, shape=shape)
        losses.append(float(loss))
        held_out.append(float(judged(watch, state[1], *test, shape=shape)))
        better = held_out[-1] < lowest
        best, lowest, waited = (state[1], held_out[-1], 0) if better else (best, lowest, waited + 1)
        if waited * ROUND >= config.patience:
            break
    return Trained(np.asarray(best), np.array(losses), np.array(held_out))


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    """The rows in single precision, and behind them zeros up to `size`."""
    return np.pad(rows, ((0, max(size - len(rows), 0)), (0, 0))).astype(np.float32)


def _judges(x: np.ndarray, y: np.ndarray, most: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Held-out points again and again up to `most`, with the levels and the noise under which they are looked
    at."""
    rows = np.arange(most) % len(x)
    share = (random.permutation(most) + 0.5) / most
    noise = random.standard_normal((most, y.shape[1]), dtype=np.float32)
    return x[rows].astype(np.float32), y[rows].astype(np.float32), _times(share), noise
