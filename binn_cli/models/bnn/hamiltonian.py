"""NumPyro's Hamiltonian Monte Carlo and No-U-Turn sampler as kernels of `chains`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from numpyro.infer.hmc import HMCState, hmc

from binn_cli.models.bnn.density import Density, Points


@dataclass(frozen=True)
class Hamiltonian:
    """A transition along Hamiltonian trajectories, with a diagonal mass matrix.

    Attributes:
        algorithm: NUTS or HMC.
        warmup: transitions at the beginning that adapt the step size.
        target_accept: acceptance that the step size is adapted to.
        adapt_step: whether the step size is adapted at all.
        adapt_metric: whether the mass matrix is, from the draws of the warm-up.
        max_tree_depth: NUTS: at most 2 ** max_tree_depth - 1 leapfrog steps a transition.
        leapfrog: HMC: number of leapfrog steps.
    """

    algorithm: str
    warmup: int
    target_accept: float = 0.85
    adapt_step: bool = True
    adapt_metric: bool = False
    max_tree_depth: int = 10
    leapfrog: int = 20

    def _sampler(self, points: Points, density: Density) -> tuple[Callable[..., HMCState], Callable[..., HMCState]]:
        return hmc(lambda vector: -density(vector, points), algo=self.algorithm)

    def _begin(
        self, begin: Callable[..., HMCState], vector: Array, tuning: Mapping[str, Array], key: Array, search: bool
    ) -> HMCState:
        # With a fixed number of steps, a trajectory length must not be given too: NumPyro would adapt that instead of
        # the step.
        return begin(
            vector,
            self.warmup,
            step_size=tuning["step"],
            inverse_mass_matrix=tuning["inverse_mass"],
            adapt_step_size=self.adapt_step,
            adapt_mass_matrix=self.adapt_metric,
            target_accept_prob=self.target_accept,
            num_steps=self.leapfrog if self.algorithm == "HMC" else None,
            trajectory_length=None,
            max_tree_depth=self.max_tree_depth,
            find_heuristic_step_size=search,
            rng_key=key,
        )

    def init(
        self, key: Array, vector: Array, tuning: Mapping[str, Array], points: Points, density: Density
    ) -> HMCState:
        """State at a vector; where the step is adapted, one of a sensible size is looked for first."""
        begin, _ = self._sampler(points, density)
        return self._begin(begin, vector, tuning, key, self.adapt_step)

    def step(self, state: HMCState, points: Points, density: Density) -> HMCState:
        """The next state."""
        begin, advance = self._sampler(points, density)
        # NumPyro keeps its settings in what `begin` leaves behind; the state that it returns here is not used, and so
        # not computed.
        self._begin(begin, state.z, self.tuning(state), jax.random.key(0), False)
        return advance(state)

    def rows(self, available: int) -> int:
        """All points."""
        return available

    def vector(self, state: HMCState) -> Array:
        """Where the chain is."""
        return state.z

    def statistics(self, state: HMCState) -> dict[str, Array]:
        """Acceptance, divergence, step size, number of leapfrog steps and log density of the last transition."""
        return {
            "acceptance_rate": state.accept_prob,
            "diverging": state.diverging,
            "step_size": state.adapt_state.step_size,
            "leapfrog_steps": state.num_steps,
            "log_density": -state.potential_energy,
        }

    def tuning(self, state: HMCState) -> dict[str, Any]:
        """Step size and inverse mass matrix."""
        return {"step": state.adapt_state.step_size, "inverse_mass": jnp.asarray(state.adapt_state.inverse_mass_matrix)}
