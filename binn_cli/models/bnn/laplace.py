"""model=bnn_laplace: a Gaussian around the most probable weights, with the generalised Gauss-Newton matrix as its
precision.

Of all weights where they are few, else of the last layer's alone; predictions are those of the network linearised in
these weights (Immer, Korzepa and Bauer, "Improving predictions of Bayesian neural nets via local linearization", 2021).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.config.schema.bnn import BnnLaplaceConfig
from binn_cli.models.bnn.density import Density
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.evidence import Gaussian, Laplace
from binn_cli.models.bnn.fitted import FittedBnn
from binn_cli.models.bnn.gauss_newton import in_blocks, jacobians, sums_over
from binn_cli.models.bnn.map import training_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.compilation import CompiledFunction, Stopwatch


def _moments(mode: Array, root: Array, x: Array, *, density: Density) -> tuple[Array, Array]:
    """The network at the mode, and the variance of its linearisation, Jᵀ R Rᵀ J."""

    def block(rows: Array) -> tuple[Array, Array]:
        jacobian = jacobians(mode, rows, density, len(root))
        return density.function(mode, rows).astype(root.dtype), ((jacobian @ root) ** 2).sum(axis=2)

    mean, variance = jax.lax.map(block, in_blocks(x))
    return mean.reshape(-1, density.outputs)[: len(x)], variance.reshape(-1, density.outputs)[: len(x)]


moments = CompiledFunction(_moments)


class FittedLaplace(FittedBnn):
    """The Gaussian, in closed form; its draws are kept for those who want draws."""

    def mean_vectors(self) -> Float[np.ndarray, "1 P"]:
        """The mode alone: the linearised network has its mean there."""
        return np.asarray(self.continuation["mode"])[None]

    def scaled_moments(self, x: Float[np.ndarray, "n D"], watch: Stopwatch) -> tuple[Any, Any]:
        """Mean and epistemic variance of the linearised network."""
        return moments(watch, self.continuation["mode"], self.continuation["root"], x, density=self.density)


class BnnLaplace(Bnn[BnnLaplaceConfig]):
    """Adam and L-BFGS, then one pass over all points for the curvature."""

    fitted_class = FittedLaplace

    def infer(self, problem: Problem) -> Inferred:
        """The mode, a root of the covariance, and draws."""
        config, density, warm = self.config, problem.density, problem.warm
        points, watch, weights = problem.learning.points, problem.watch, density.network.n_weights
        draw = density.prior_draw(self.rng(2))
        stop = stopping_point(problem, draw, training_of(config, False), config.seed)
        going_on = warm is not None and stop is None
        start = warm.continuation["mode"] if warm is not None and going_on else draw
        mode = probable(problem, start, training_of(config, going_on), config.seed, stop)
        last = weights if self._full(density) else density.network.n_last
        vector, chosen = mode.vector.copy(), slice(weights - last, weights)
        sums = sums_over(density, points, vector, last, watch)
        linear = last == density.network.n_last
        laplace = Laplace(sums, vector[chosen], 1 / density.prior_std[chosen] ** 2, linear, density.temperature)
        noise = np.exp(np.asarray(density.log_noise(jnp.asarray(vector))))
        found = laplace.tuned(noise, noise_too=density.learned) if config.tune else laplace.at(noise, 1.0)
        vector[chosen], root = found.mean, found.root()
        if density.learned:
            vector[weights:] = np.log(found.noise)
        draws = np.tile(vector, (config.draws, 1))
        draws[:, chosen] += self.rng(4).standard_normal((config.draws, last)) @ root.T
        told = {"loss": mode.losses, **mode.diagnostics, **diagnostics_of(found)}
        return Inferred(draws[None], {"mode": vector, "root": root}, told)

    def _full(self, density: Density) -> bool:
        """Whether the covariance is that of all weights."""
        few = density.network.n_weights <= self.config.full_limit
        return self.config.covariance == "full" or (self.config.covariance == "auto" and few)


def diagnostics_of(found: Gaussian) -> dict[str, np.ndarray]:
    """What the evidence says, and how many weights have an own covariance."""
    return {
        "log_evidence": np.asarray(found.log_evidence),
        "prior_scale": np.asarray(found.scale),
        "effective_parameters": found.determined,
        "covariance_weights": np.asarray(len(found.mean)),
    }
