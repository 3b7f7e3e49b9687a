"""Sums of products of one input are linear in their weights: one pass over the data says all that Gauss-Newton steps
ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.gauss_newton import Problem, WeightPrior
from binn_cli.models.binn.cp.learning import NOISE_FLOOR, CpFit
from binn_cli.models.binn.laplace import Linearised, summarise

ROUNDS, SAME = 100, 1e-10
"""Most rounds of a new noise variance, and the relative change below which it has settled: a round costs P² and reads
no data, so the answer need not depend on where a search stops."""

REFINED = 2
"""Solutions with the same decomposition: the second takes back what the first lost in round-off."""


@dataclass(frozen=True)
class LinearProblem:
    """Data whose Jacobian is the same at all weights.

    Attributes:
        sizes: K_d of every dimension, of which there is one.
        count: N.
        origin: (P,) where the data were looked at.
        seen: the Gauss-Newton system there.
    """

    sizes: tuple[int, ...]
    count: int
    origin: Float[np.ndarray, " P"]
    seen: Linearised

    def linearised(self, weights: Float[np.ndarray, " P"]) -> Linearised:
        """The Gauss-Newton system at these weights, from that at the origin."""
        away, gram = weights - self.origin, self.seen.gram
        assert gram is not None
        along = gram @ away
        squared = self.seen.squared - float(away @ (2.0 * self.seen.gradient - along))
        return self.seen._replace(gradient=self.seen.gradient - along, squared=max(squared, 0.0))


def looked_at_once(problem: Problem, weights: Float[np.ndarray, " P"]) -> Problem:
    """The same problem after one pass over its data, where that is all there is to know; else the problem itself."""
    if len(problem.sizes) > 1:
        return problem
    seen = problem.linearised(weights)
    return problem if seen.gram is None else LinearProblem(problem.sizes, problem.count, weights, seen)


def learn_linear(
    problem: LinearProblem, prior: WeightPrior, noise: float, *, fixed: bool = False, floor: float = NOISE_FLOOR
) -> CpFit:
    """Weights and noise variance: one eigendecomposition of Λ^-½ G Λ^-½ gives the weights at every noise variance.

    The noise variance is the squared residual over N less the effective number of parameters.

    Args:
        problem: the data of one output.
        prior: of the weights.
        noise: σ² to begin with.
        fixed: whether it stays.
        floor: smallest σ².
    """
    gram, scale = problem.seen.gram, 1.0 / np.sqrt(prior.precision)
    assert gram is not None
    values, vectors = np.linalg.eigh(scale[:, None] * gram * scale)
    # Along directions that no data have seen, what is left of the gradient is round-off, and would be divided by σ².
    seen = values > len(values) * np.finfo(float).eps * max(values[-1], np.finfo(float).tiny)
    values, vectors = values[seen], vectors[:, seen]
    weights, settled = problem.origin, fixed
    for made in range(ROUNDS + 1):
        for _ in range(REFINED):
            system = problem.linearised(weights)
            away = (weights - prior.mean) / scale
            along = vectors.T @ (scale * system.gradient / noise - away)
            outside = away - vectors @ (vectors.T @ away)
            weights = weights + scale * (vectors @ (along / (values / noise + 1.0)) - outside)
        system = problem.linearised(weights)
        if settled or made == ROUNDS:
            break
        free = max(problem.count - float(np.sum(values / (values + noise))), 0.05 * problem.count)
        found = float(np.clip(system.squared / free, max(noise / 20.0, floor), 20.0 * noise))
        settled, noise = abs(found - noise) <= SAME * noise, found
    summary = summarise(system, scale, (weights - prior.mean) / scale, noise, problem.count)
    return CpFit(weights, len(weights) // sum(problem.sizes), noise, prior, summary, settled)
