"""model=bnn_sgld: stochastic gradient Langevin dynamics by BlackJAX, preconditioned, with a step that decreases.

Welling and Teh, "Bayesian learning via stochastic gradient Langevin dynamics", 2011; minibatches as differences from a
start: Baker, Fearnhead, Fox and Nemeth, "Control variates for stochastic gradient MCMC", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from binn_cli.config.schema.bnn import BnnSgldConfig
from binn_cli.models.bnn.curvature import longest_step
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.mcmc import sampled, tuning_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import minibatch


class Diffusion(NamedTuple):
    """Where a diffusion is, with its own random numbers and what it was tuned to.

    `center` and `gradient` are a vector near the mode and the gradient there on all points; `transitions` counts those
    that were made.
    """

    position: Array
    log_density: Array
    key: Array
    center: Array
    gradient: Array
    step: Array
    inverse_mass: Array
    transitions: Array


@dataclass(frozen=True)
class Langevin:
    """`steps` Langevin steps on minibatches, in coordinates in which `inverse_mass` is one.

    Attributes:
        steps: steps of a transition.
        batch: points of a minibatch; 0, or as many as there are, for all points.
        decay: after t transitions, the step has fallen as (1 + t)^-decay.
        control: whether minibatches only say how the gradient differs from that at the center.
    """

    steps: int
    batch: int
    decay: float
    control: bool

    def rows(self, available: int) -> int:
        """The points of a minibatch."""
        return min(self.batch or available, available)

    def init(
        self, key: Array, vector: Array, tuning: Mapping[str, Array], points: Points, density: Density
    ) -> Diffusion:
        """State at a vector."""
        value, gradient = jax.value_and_grad(density)(vector, points)
        return Diffusion(
            vector, value, key, vector, gradient, tuning["step"], tuning["inverse_mass"], tuning["transitions"]
        )

    def step(self, state: Diffusion, points: Points, density: Density) -> Diffusion:
        """The next state."""
        scale = jnp.sqrt(state.inverse_mass)

        def gradient(position: Array, drawn: tuple[Points, Array]) -> Array:
            here = jax.grad(density)(scale * position, *drawn)
            if self.control:
                here = here - jax.grad(density)(state.center, *drawn) + state.gradient
            return scale * here

        langevin = blackjax.sgld(gradient)
        size = state.step * (1 + state.transitions) ** -self.decay
        key, own = jax.random.split(state.key)

        def one(i: Array, position: Array) -> Array:
            for_rows, for_noise = jax.random.split(jax.random.fold_in(own, i))
            return langevin.step(for_noise, position, minibatch(for_rows, points, self.batch), size)

        position = scale * jax.lax.fori_loop(0, self.steps, one, state.position / scale)
        return state._replace(
            position=position, log_density=density(position, points), key=key, transitions=state.transitions + 1
        )

    def vector(self, state: Diffusion) -> Array:
        """Where the diffusion is."""
        return state.position

    def statistics(self, state: Diffusion) -> dict[str, Array]:
        """Log density, and the step length of the next transition."""
        return {"log_density": state.log_density, "step_size": state.step * (1 + state.transitions) ** -self.decay}

    def tuning(self, state: Diffusion) -> dict[str, Array]:
        """The first step length, the preconditioner, and how far the step length has fallen."""
        return {"step": state.step, "inverse_mass": state.inverse_mass, "transitions": state.transitions}


class BnnSgld(Bnn[BnnSgldConfig]):
    """Chains without acceptance, whose bias is as small as their steps."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from about the posterior."""
        config = self.config
        kernel = Langevin(config.steps, config.batch, config.decay, config.control_variates)

        def tuning(start: np.ndarray) -> dict[str, np.ndarray]:
            found = tuning_of(config, problem, start, config.step, config.metric)
            if "transitions" in found:
                return found
            at = zip(start, found["inverse_mass"], strict=True)
            longest = [longest_step(problem.density, problem.learning.points, *one, problem.watch) for one in at]
            return {**found, "step": config.step * np.array(longest), "transitions": np.zeros(len(start))}

        return sampled(config, problem, lambda warmup: kernel, tuning)
