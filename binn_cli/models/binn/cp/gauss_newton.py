"""All blocks at once: damped Gauss-Newton (Levenberg-Marquardt) steps to the most probable weights.

Alternation crawls where modes nearly cancel, and at scattered points it is where fits get stuck. A step here solves

    (JᵀJ / σ² + Λ + μ Λ) δ = Jᵀ(u - f) / σ² - Λ (w - w₀),

with Λ the prior precision and μ the damping, in coordinates in which Λ is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.linalg.lapack import dposv

from binn_cli.models.binn.laplace import Linearised

REJECTED, GROWN, SHRUNK = 10, 4.0, 0.25
"""Steps that are tried with more and more damping, and by what the damping changes."""


Solve = Callable[[Float[np.ndarray, " P"], float], Float[np.ndarray, " P"] | None]
"""From a slope and a damping to a step, None where round-off has made the matrix indefinite."""


class Problem(Protocol):
    """Data that a sum of products can be linearised on: in memory, or read in chunks."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_d of every dimension."""
        ...

    @property
    def count(self) -> int:
        """N, the number of data points."""
        ...

    def linearised(self, weights: Float[np.ndarray, " P"]) -> Linearised:
        """The Gauss-Newton system at these weights."""
        ...


class Fit(NamedTuple):
    """Where Gauss-Newton steps have come.

    Attributes:
        weights: (P,) the intercept if there is one, then all weights, dimension by dimension, in the order (K, M).
        system: the linearised data there.
        damping: μ of the last step.
    """

    weights: Float[np.ndarray, " P"]
    system: Linearised
    damping: float


class WeightPrior(NamedTuple):
    """The normal prior of all weights.

    Attributes:
        mean: (P,) w₀.
        precision: (P,) the diagonal of Λ.
    """

    mean: Float[np.ndarray, " P"]
    precision: Float[np.ndarray, " P"]


def objective(system: Linearised, weights: np.ndarray, prior: WeightPrior, noise: float) -> float:
    """The negative log posterior density of the weights, up to a constant."""
    return 0.5 * (system.squared / noise + float(prior.precision @ (weights - prior.mean) ** 2))


def gauss_newton(
    problem: Problem,
    begin: Fit,
    prior: WeightPrior,
    noise: float,
    steps: int,
    tolerance: float = 1e-7,
    *,
    enough: float = 0.0,
) -> Fit:
    """At most so many steps that lower the objective, fewer where they lower it by less than the tolerance.

    No step is made of which less than `enough` nats are expected, and where that is stated, no damping is tried again
    with which a step has failed: where the rows are many, looking at them is what a step costs.
    """
    weights, system, damping = begin
    least = 0.0
    scale = 1.0 / np.sqrt(prior.precision)
    value = objective(system, weights, prior, noise)
    for _ in range(steps):
        slope = scale * system.gradient / noise - (weights - prior.mean) / scale
        solve, curve = _solver(system, scale, noise)
        for _ in range(REJECTED):
            step = solve(slope, damping)
            if step is not None:
                if float(slope @ step) - 0.5 * curve(step) < enough:
                    return Fit(weights, system, damping)
                tried = weights + scale * step
                found = problem.linearised(tried)
                after = objective(found, tried, prior, noise)
                if after <= value:
                    break
            damping = max(GROWN * damping, 1e-4)
            least = damping if enough else 0.0
        else:
            return Fit(weights, system, damping)
        assert step is not None
        lowered, expected = value - after, float(slope @ step) - 0.5 * curve(step)
        ratio = lowered / max(expected, np.finfo(float).tiny)
        damping = max(damping * SHRUNK, least) if ratio > 0.7 else damping * 2.0 if ratio < 0.3 else damping
        weights, system, value = tried, found, after
        if lowered < tolerance * max(abs(value), 1.0):
            break
    return Fit(weights, system, damping)


def _solver(system: Linearised, scale: np.ndarray, noise: float) -> tuple[Solve, Callable[[np.ndarray], float]]:
    """How to solve (G + (1 + μ) I) δ = g in scaled coordinates, and the quadratic form of G + I."""
    if system.rows is None:
        assert system.gram is not None
        scaled = scale[:, None] * system.gram * (scale / noise)
        diagonal = np.diag_indices(len(scale))

        def solve(slope: np.ndarray, damping: float) -> np.ndarray | None:
            matrix = scaled.copy()
            matrix[diagonal] += 1.0 + damping
            return _positive(matrix, slope)

        return solve, lambda step: float(step @ (scaled @ step) + step @ step)
    rows = system.rows * (scale / np.sqrt(noise))
    dual = rows @ rows.T
    diagonal = np.diag_indices(len(dual))

    def solve_dual(slope: np.ndarray, damping: float) -> np.ndarray | None:
        matrix = dual.copy()
        matrix[diagonal] += 1.0 + damping
        inner = _positive(matrix, rows @ slope)
        return None if inner is None else (slope - rows.T @ inner) / (1.0 + damping)

    return solve_dual, lambda step: float(np.sum((rows @ step) ** 2) + step @ step)


def _positive(matrix: Float[np.ndarray, "n n"], right: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"] | None:
    """The solution of a positive definite system, which is overwritten; None if it is not."""
    _, solution, info = dposv(matrix, right, lower=1, overwrite_a=1)
    return solution if info == 0 and np.all(np.isfinite(solution)) else None
