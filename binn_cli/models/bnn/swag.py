"""model=bnn_swag: the first two moments of the weights along gradient descent with a constant step, and draws from the
Gaussian they make.

Maddox, Garipov, Izmailov, Vetrov and Wilson, "A simple baseline for Bayesian uncertainty in deep learning", 2019; from
several starts,
MultiSWAG: Wilson and Izmailov, "Bayesian deep learning and a probabilistic perspective of generalization", 2020.
Descent is preconditioned by the curvature at the most probable weights, where it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.config.schema.bnn import BnnSwagConfig
from binn_cli.errors import ConfigError
from binn_cli.models.bnn.curvature import longest_step, marginal_variances
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.low_rank import drawn_from
from binn_cli.models.bnn.map import training_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import minibatch
from binn_cli.models.compilation import CompiledFunction

DIVERGED = 1e6
"""Size of an entry of the vector, whose prior standard deviations are of order one, beyond which descent goes
astray."""


def _descended(
    vector: Array,
    key: Array,
    first: Array,
    steps: Array,
    rate: Array,
    inverse_mass: Array,
    points: Points,
    *,
    density: Density,
    batch: int,
) -> Array:
    """The vector after `steps` steps up the log density, each on a minibatch; `first` counts those before."""

    def step(i: Array, vector: Array) -> Array:
        drawn, scale = minibatch(jax.random.fold_in(key, first + i), points, batch)
        return vector + rate * inverse_mass * jax.grad(density)(vector, drawn, scale)

    return jax.lax.fori_loop(0, steps, step, vector)


descended = CompiledFunction(_descended)


@dataclass
class Moments:
    """Running moments of vectors.

    Attributes:
        rank: how many deviations are kept.
        count: how many vectors were added.
        mean: (P,) their mean.
        squares: (P,) the mean of their squared deviations from it.
        deviations: the last `rank` deviations of a vector from the mean with it (Maddox et al., Algorithm 1).
    """

    rank: int
    count: int = 0
    mean: Float[np.ndarray, " P"] = field(default_factory=lambda: np.zeros(()))
    squares: Float[np.ndarray, " P"] = field(default_factory=lambda: np.zeros(()))
    deviations: list[np.ndarray] = field(default_factory=list)

    def add(self, vector: Float[np.ndarray, " P"]) -> None:
        """Count one more vector in (Welford's update, which loses no digits where the spread is small)."""
        self.count += 1
        off = vector - self.mean
        self.mean = self.mean + off / self.count
        self.squares = self.squares + (off * (vector - self.mean) - self.squares) / self.count
        self.deviations = [*self.deviations, vector - self.mean][-self.rank :] if self.rank > 0 else []

    def gaussian(self) -> dict[str, np.ndarray]:
        """Half the covariance from the diagonal, half from the deviations (their Eq. 1), as `low_rank.drawn_from` takes
        it."""
        if len(self.deviations) < 2:
            return {"location": self.mean, "scale": np.sqrt(self.squares)}
        factor = np.stack(self.deviations, axis=1) / np.sqrt(2 * (len(self.deviations) - 1))
        return {"location": self.mean, "scale": np.sqrt(0.5 * self.squares), "factor": factor}


class BnnSwag(Bnn[BnnSwagConfig]):
    """Adam and L-BFGS, then descent with a constant step, in each run."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from each run's Gaussian, one chain a run."""
        config, warm, density = self.config, problem.warm, problem.density
        stop = stopping_point(problem, density.prior_draw(self.rng(2, 0)), training_of(config, False), config.seed)
        going_on = warm is not None and len(warm.continuation["location"]) == config.runs and stop is None
        each = max(1, config.draws // config.runs)
        told: dict[str, np.ndarray] = {}
        found, vectors, losses, rates = [], [], [], []
        for run in range(config.runs):
            start = density.prior_draw(self.rng(2, run))
            if warm is not None and going_on:
                start = warm.continuation["location"][run]
            seed, training = (config.seed + run) % 2**63, training_of(config, going_on)
            mode = probable(problem, start, training, seed, stop)
            told = mode.diagnostics
            moments, rate = self.walked(problem, mode.vector, seed, config.walk_again if going_on else config.walk)
            found.append(moments.gaussian())
            vectors.append(drawn_from(found[-1], each, self.rng(4, run)))
            losses.append(mode.losses)
            rates.append(rate)
        continuation = {name: np.stack([gaussian[name] for gaussian in found]) for name in found[0]}
        told = {"loss": np.stack(losses), "step_size": np.array(rates), **told}
        return Inferred(np.stack(vectors), continuation, told)

    def walked(self, problem: Problem, start: Float[np.ndarray, " P"], seed: int, steps: int) -> tuple[Moments, float]:
        """Moments of the vectors along descent from a start, and its step length."""
        config, density, points, watch = self.config, problem.density, problem.learning.points, problem.watch
        inverse_mass = marginal_variances(density, points, start, watch)
        rate = config.step * longest_step(density, points, start, inverse_mass, watch)
        key, vector, moments = jax.random.key(seed), start, Moments(config.rank)
        for first in range(0, steps - config.every + 1, config.every):
            arguments = (vector, key, first, config.every, rate, inverse_mass, points)
            vector = np.asarray(descended(watch, *arguments, density=density, batch=config.batch))
            if not np.max(np.abs(vector)) < DIVERGED:
                raise ConfigError(
                    "model.step",
                    f"gradient descent with {config.step} of the longest stable step diverged; try a tenth of it",
                )
            moments.add(vector)
        return moments, rate
