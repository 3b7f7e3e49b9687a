"""model=bnn_mh: random-walk Metropolis-Hastings, by BlackJAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from binn_cli.config.schema.bnn import BnnMhConfig
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.mcmc import sampled, tuning_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem


class Walk(NamedTuple):
    """Where a walk is, with its own random numbers and the standard deviations of its steps."""

    position: Array
    log_density: Array
    key: Array
    acceptance: Array
    step: Array
    inverse_mass: Array


@dataclass(frozen=True)
class RandomWalk:
    """Steps drawn from a normal around the present vector, taken or refused."""

    def init(self, key: Array, vector: Array, tuning: Mapping[str, Array], points: Points, density: Density) -> Walk:
        """State at a vector."""
        return Walk(vector, density(vector, points), key, jnp.zeros(()), tuning["step"], tuning["inverse_mass"])

    def step(self, state: Walk, points: Points, density: Density) -> Walk:
        """The next state."""
        deviation = state.step * jnp.sqrt(state.inverse_mass)
        walk = blackjax.additive_step_random_walk(
            lambda vector: density(vector, points),
            lambda key, position: deviation * jax.random.normal(key, position.shape),
        )
        key, own = jax.random.split(state.key)
        before = blackjax.mcmc.random_walk.RWState(state.position, state.log_density)
        found, info = walk.step(own, before)
        return state._replace(
            position=found.position, log_density=found.logdensity, key=key, acceptance=info.acceptance_rate
        )

    def rows(self, available: int) -> int:
        """All points."""
        return available

    def vector(self, state: Walk) -> Array:
        """Where the walk is."""
        return state.position

    def statistics(self, state: Walk) -> dict[str, Array]:
        """Acceptance and log density."""
        return {"acceptance_rate": state.acceptance, "log_density": state.log_density}

    def tuning(self, state: Walk) -> dict[str, Array]:
        """The steps, which are not adapted."""
        return {"step": state.step, "inverse_mass": state.inverse_mass}


class BnnMh(Bnn[BnnMhConfig]):
    """Every weight takes a normal step; the whole is taken or refused. The poorest of the samplers, and the paper's
    baseline."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from the posterior."""
        config = self.config

        def tuning(start: np.ndarray) -> dict[str, np.ndarray]:
            return tuning_of(config, problem, start, config.step, config.metric)

        return sampled(config, problem, lambda warmup: RandomWalk(), tuning)
