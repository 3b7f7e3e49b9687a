"""Sums of products of one input are linear in their weights: one pass over the data says all that Gauss-Newton steps
ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.gauss_newton import Problem
from binn_cli.models.binn.laplace import Linearised


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
