"""model=bnn_vi: variational inference by NumPyro, with an independent normal a weight or a low-rank covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoLowRankMultivariateNormal, AutoNormal
from numpyro.infer.initialization import init_to_value
from numpyro.optim import Adam

from binn_cli.config.schema.bnn import BnnViConfig
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.low_rank import drawn_from
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import AT_ONCE, Training, minibatch
from binn_cli.models.compilation import CompiledFunction
from binn_cli.models.step_length import decayed

START_BATCH, START_RATE = 1024, 3e-3
"""How Adam climbs to where the guide begins."""

RATE = 1e-3
"""A learning rate where none is used."""


@dataclass(frozen=True)
class Variational:
    """The settings that are compiled in: the density, the rank of the guide's covariance beside its diagonal, its
    standard deviations at the beginning, and the minibatch."""

    density: Density
    rank: int
    scale: float
    batch: int

    def svi(self, start: Array, rate: Any) -> SVI:
        """NumPyro's stochastic variational inference of the vector, around a start."""
        density = self.density

        def model(points: Points, weight: Array) -> None:
            prior = dist.Normal(jnp.asarray(density.prior_mean), jnp.asarray(density.prior_std)).to_event(1)
            vector = numpyro.sample("vector", prior)
            numpyro.factor("likelihood", weight / density.temperature * density.log_likelihood(vector, points))

        begin = init_to_value(values={"vector": start})
        options = {"init_loc_fn": begin, "init_scale": self.scale}
        guide = (
            AutoNormal(model, **options)
            if self.rank == 0
            else AutoLowRankMultivariateNormal(model, rank=self.rank, **options)
        )
        return SVI(model, guide, Adam(rate), Trace_ELBO())


def _begun(key: Array, start: Array, points: Points, *, variational: Variational) -> Any:
    return variational.svi(start, RATE).init(key, points, 1.0)


def _advanced(
    state: Any,
    count: Array,
    done: Array,
    total: Array,
    rate: Array,
    start: Array,
    points: Points,
    *,
    variational: Variational,
) -> tuple[Any, Array]:
    """`count` steps, and the mean of the negative evidence lower bound over them."""
    svi = variational.svi(start, lambda step: decayed(rate, step, total))
    # The guide learns its shape from `init`, whose state is not used here, and so not computed.
    svi.init(jax.random.key(0), points, 1.0)

    def step(i: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        state, summed = carry
        drawn, weight = minibatch(jax.random.fold_in(state.rng_key, done + i), points, variational.batch)
        state, loss = svi.update(state, drawn, weight)
        return state, summed + loss

    state, summed = jax.lax.fori_loop(0, count, step, (state, jnp.zeros(())))
    return state, summed / count


def _parameters(state: Any, start: Array, points: Points, *, variational: Variational) -> dict[str, Array]:
    svi = variational.svi(start, RATE)
    svi.init(jax.random.key(0), points, 1.0)
    found = svi.get_params(state)
    if variational.rank == 0:
        return {"location": found["vector_auto_loc"], "scale": found["vector_auto_scale"]}
    spread = found["auto_scale"]
    return {"location": found["auto_loc"], "scale": spread, "factor": found["auto_cov_factor"] * spread[:, None]}


begun, advanced, parameters = CompiledFunction(_begun), CompiledFunction(_advanced), CompiledFunction(_parameters)


class BnnVi(Bnn[BnnViConfig]):
    """The evidence lower bound, climbed by Adam on minibatches from the most probable weights."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from the guide."""
        config, watch, points = self.config, problem.watch, problem.learning.points
        start, steps = self._start(problem)
        variational = Variational(problem.density, config.rank, config.initial_scale, config.batch)
        state = begun(watch, jax.random.key(config.seed), start, points, variational=variational)
        if problem.warm is not None:
            kept = {name: jnp.asarray(values) for name, values in problem.warm.continuation.items()}
            state = state._replace(optim_state=Adam(RATE).init(kept))
        bounds, done = [], 0
        while done < steps:
            count = min(AT_ONCE, steps - done)
            arguments = (state, count, done, steps, float(config.learning_rate), start, points)
            state, loss = advanced(watch, *arguments, variational=variational)
            bounds.append(-float(loss))
            done += count
        found = parameters(watch, state, start, points, variational=variational)
        guide = {name: np.asarray(values) for name, values in found.items()}
        vectors = drawn_from(guide, config.draws, self.rng(4))[None]
        # Unconstrained, as the optimiser sees them.
        unconstrained = Adam(RATE).get_params(state.optim_state)
        return Inferred(
            vectors, {name: np.asarray(values) for name, values in unconstrained.items()}, {"elbo": np.asarray(bounds)}
        )

    def _start(self, problem: Problem) -> tuple[np.ndarray, int]:
        """Where the guide begins, and how many steps it takes from there; a warm start puts its own guide in the place
        of it."""
        config = self.config
        if problem.warm is not None:
            return problem.density.prior_mean, config.steps_again
        start = problem.density.prior_draw(self.rng(2))
        if config.start_steps + config.start_polish > 0:
            training = Training(config.start_steps, START_BATCH, START_RATE, config.start_polish)
            stop = stopping_point(problem, start, training, config.seed)
            start = probable(problem, start, training, config.seed, stop).vector
        return start, config.steps
