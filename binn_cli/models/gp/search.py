"""Hyperparameters of highest evidence: L-BFGS from several starts, with gradients through JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

Objective = Callable[[Float[np.ndarray, " P"]], tuple[float, Float[np.ndarray, " P"]]]
"""Value and gradient of what is minimised."""

REFUSED = 1e25
"""What stands for a value that is not a number, such as that of a matrix that is no longer positive definite: the
search turns back."""


@dataclass(frozen=True)
class Found:
    """The best of all starts.

    Attributes:
        theta: (P,) where it is.
        value: the objective there.
        values: (starts,) the objective where each start ended.
        evaluations: how often the objective was evaluated in all.
    """

    theta: Float[np.ndarray, " P"]
    value: float
    values: Float[np.ndarray, " starts"]
    evaluations: int


def best_of(objective: Objective, candidates: Float[np.ndarray, "C P"], count: int) -> Float[np.ndarray, "count P"]:
    """The `count` candidates with the smallest values, smallest first; all of them where there are no more."""
    values = np.array([float(objective(candidate)[0]) for candidate in candidates])
    return candidates[np.argsort(np.where(np.isfinite(values), values, np.inf), kind="stable")[:count]]


def searched(
    searches: Sequence[tuple[Objective, Float[np.ndarray, "S P"]]], bounds: Float[np.ndarray, "P 2"], iterations: int
) -> tuple[Float[np.ndarray, "G P"], dict[str, np.ndarray]]:
    """The best theta of every group of outputs, each with its negative log evidence and its starts, and what the
    searches found."""
    found = [minimised(objective, starts, bounds, iterations) for objective, starts in searches]
    trace = {
        "evidence_starts": np.array([-each.values for each in found]),
        "evidence_evaluations": np.array([each.evaluations for each in found]),
    }
    return np.array([each.theta for each in found]), trace


def minimised(
    objective: Objective, starts: Float[np.ndarray, "S P"], bounds: Float[np.ndarray, "P 2"], iterations: int
) -> Found:
    """Minimise from every start, within bounds, with at most `iterations` steps each; 0 iterations only compares the
    starts."""
    ends, values, evaluations, worst = [], [], 0, -np.inf

    def guarded(theta: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal worst
        value, gradient = objective(theta)
        if np.isfinite(value) and np.isfinite(gradient).all():
            worst = max(worst, float(value))
            return float(value), np.asarray(gradient, dtype=float)
        # Not far above the others: from a cliff the line search comes back with no step at all, and takes that for the
        # end of the search.
        return (worst + max(1.0, abs(worst)) if np.isfinite(worst) else REFUSED), np.zeros_like(theta)

    for start in np.clip(starts, bounds[:, 0], bounds[:, 1]):
        worst = -np.inf
        if iterations == 0:
            ends.append(start)
            values.append(guarded(start)[0])
            evaluations += 1
            continue
        done = minimize(guarded, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations})
        ends.append(done.x)
        values.append(float(done.fun))
        evaluations += int(done.nfev)
    best = int(np.argmin(values))
    return Found(ends[best], values[best], np.array(values), evaluations)
