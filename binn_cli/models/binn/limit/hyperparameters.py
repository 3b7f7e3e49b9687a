"""Hyperparameters of the limit: their most probable values, and draws from their posterior where data are few.

With few points the evidence is flat in the length scales, and its maximum is overconfident: there the hyperparameters
are marginalised, by Hamiltonian Monte Carlo with many short chains that start around the maximum and are evaluated
together. With many points the posterior is narrow and its maximum will do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import gammaincinv

from binn_cli.models.binn.limit.kernel import REFUSED, Evidence, Prior, bounds

MOST_STEPS = 120
"""Steps of L-BFGS in each search."""

DIFFERENCE = 1e-3
"""Step of the differences of gradients that give the curvature at the maximum."""

CHAINS, WARM_UP, KEPT, THINNED, LEAPFROG = 16, 12, 2, 5, 6
"""Hamiltonian Monte Carlo: chains side by side, transitions before the first draw, draws kept per chain, transitions
between them, and leapfrog steps per transition."""

MOST_HALVED = 8
"""Times that a start is brought nearer to the maximum."""

UNLIKELY = 1e-6
"""Share of a normal distribution that lies farther below its peak than where chains begin."""

FEW = 40
"""Points up to which all of these are made; beyond, where the posterior is nearer to a normal distribution, a third of
the chains and half of the transitions will do."""

CASES_PER_INPUT, LEAST_CASES, MOST_CASES = 12, 30, 150
"""Cases per input up to which hyperparameters are marginalised, with few inputs up to 30, and at most 150; beyond, they
are maximised."""

ENTRIES = 2**23
"""Numbers of the largest array of one evaluation (64 MB): so many hyperparameters are evaluated together."""


def marginalised(cases: int, inputs: int) -> bool:
    """Whether so few cases leave the hyperparameters so open that they are marginalised."""
    return cases <= min(max(CASES_PER_INPUT * inputs, LEAST_CASES), MOST_CASES)


def starting_points(prior: Prior, count: int, seed: int) -> Float[np.ndarray, "S P"]:
    """Where searches begin: the prior's mean, and random places around it with other lengths and noise."""
    rng = np.random.default_rng([seed, 17])
    dimensions = (len(prior.mean) - 2) // 2
    starts = np.tile(prior.mean, (count, 1))
    for i in range(1, count):
        starts[i, :dimensions] += 0.7 * rng.standard_normal(dimensions) + (0.0, -0.7, 0.7)[i % 3]
        starts[i, dimensions : 2 * dimensions] += rng.standard_normal(dimensions)
        starts[i, -1] = np.log((1e-6, 1e-3, 1e-8, 1e-2)[i % 4])
    return starts


def maximise(
    evidence: Evidence,
    targets: Float[np.ndarray, "n R"],
    weights: Float[np.ndarray, " R"],
    prior: Prior,
    starts: Float[np.ndarray, "S P"],
    steps: int = MOST_STEPS,
) -> tuple[Float[np.ndarray, " P"], float]:
    """The most probable hyperparameters found from several starts, and their negative log posterior."""
    limits = bounds(evidence.points.shape[1])
    best, value = starts[0], np.inf

    def objective(theta: Float[np.ndarray, " P"]) -> tuple[float, Float[np.ndarray, " P"]]:
        found, gradient = evidence(theta[None], targets, weights, prior)
        return float(found[0]), gradient[0]

    for start in starts:
        begin = np.clip(start, limits[:, 0], limits[:, 1])
        found = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": steps})
        if found.fun < value:
            best, value = found.x, float(found.fun)
    return best, value


def _evaluate(
    evidence: Evidence,
    theta: Float[np.ndarray, "B P"],
    targets: Float[np.ndarray, "n R"],
    weights: np.ndarray,
    prior: Prior,
) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, "B P"]]:
    """The evidence of many hyperparameters, as many together as memory allows."""
    size = max(1, ENTRIES // max(1, evidence.squares.size))
    parts = [evidence(theta[i : i + size], targets, weights, prior) for i in range(0, len(theta), size)]
    values, gradients = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(gradients)


def curvature(
    evidence: Evidence,
    theta: Float[np.ndarray, " P"],
    targets: Float[np.ndarray, "n R"],
    weights: np.ndarray,
    prior: Prior,
) -> Float[np.ndarray, "P P"]:
    """Second derivatives of the negative log posterior, by central differences of its gradient."""
    size = len(theta)
    steps = DIFFERENCE * np.eye(size)
    gradients = _evaluate(evidence, np.concatenate([theta + steps, theta - steps]), targets, weights, prior)[1]
    hessian = (gradients[:size] - gradients[size:]) / (2.0 * DIFFERENCE)
    return 0.5 * (hessian + hessian.T)


Energy = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Potential energy of the chains, its gradient, and the hyperparameters where they are."""


def sample(
    evidence: Evidence,
    theta: Float[np.ndarray, " P"],
    targets: Float[np.ndarray, "n R"],
    weights: Float[np.ndarray, " R"],
    prior: Prior,
    seed: int,
) -> Float[np.ndarray, "S P"]:
    """Draws from the posterior of the hyperparameters, by Hamiltonian Monte Carlo around their most probable values.

    Coordinates are those in which the curvature at the maximum is the identity. The step of each chain is adapted
    during the warm-up (Neal, "MCMC using Hamiltonian dynamics", 2011).

    Args:
        evidence: the points.
        theta: the most probable hyperparameters.
        targets, weights, prior: as for `Evidence`.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 29])
    values, vectors = np.linalg.eigh(curvature(evidence, theta, targets, weights, prior))
    # Nothing can be known less well than the prior says.
    scale = vectors / np.sqrt(np.maximum(values, 0.8 * np.min(1.0 / np.maximum(prior.std, prior.above) ** 2)))
    limits = bounds(evidence.points.shape[1])

    def potential(q: np.ndarray) -> Energy:
        at = np.clip(theta + q @ scale.T, limits[:, 0] - 3.0, limits[:, 1] + 3.0)
        value, gradient = _evaluate(evidence, at, targets, weights, prior)
        return value, gradient @ scale, at

    few = len(evidence.points) <= FEW
    chains, warm_up, thinned = (CHAINS, WARM_UP, THINNED) if few else (CHAINS // 2, WARM_UP // 2, THINNED // 2)
    place, (energy, force, at) = _begun(potential, 0.7 * rng.standard_normal((chains, len(theta))))
    step, draws = np.full(chains, 0.4), []
    for made in range(warm_up + KEPT * thinned):
        momentum = rng.standard_normal(place.shape)
        before = energy + 0.5 * np.sum(momentum**2, axis=1)
        size = (step * rng.uniform(0.8, 1.2, chains))[:, None]
        moved, pull = place, force
        momentum = momentum - 0.5 * size * pull
        for leap in range(LEAPFROG):
            moved = moved + size * momentum
            value, pull, where = potential(moved)
            momentum = momentum - (size if leap < LEAPFROG - 1 else 0.5 * size) * pull
        after = np.where(value < REFUSED, value + 0.5 * np.sum(momentum**2, axis=1), np.inf)
        taken = np.log(rng.random(chains)) < before - after
        place, force, at = (
            np.where(taken[:, None], new, old) for new, old in ((moved, place), (pull, force), (where, at))
        )
        energy = np.where(taken, value, energy)
        if made < warm_up:
            step = np.clip(step * np.where(taken, 1.1, 0.7), 0.02, 1.2)
        elif (made - warm_up) % thinned == thinned - 1:
            draws.append(at)
    return np.concatenate(draws)


def _begun(
    potential: Callable[[np.ndarray], Energy], place: Float[np.ndarray, "C P"]
) -> tuple[Float[np.ndarray, "C P"], Energy]:
    """Where chains begin: nearer to the maximum where the peak is narrower than its curvature says, since they would
    begin on its slopes."""
    dimensions = place.shape[1]
    lowest, reach = potential(np.zeros((1, dimensions)))[0], gammaincinv(0.5 * dimensions, 1.0 - UNLIKELY)
    found = potential(place)
    for _ in range(MOST_HALVED):
        far = found[0] > lowest + reach
        if not far.any():
            break
        place = np.where(far[:, None], 0.5 * place, place)
        found = potential(place)
    return place, found
