"""Draws from a posterior density: importance sampling around its maxima, or Hamiltonian chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from binn_cli.tasks.questions.inverse.density import NOISE_SPREAD, Density
from binn_cli.tasks.questions.inverse.maxima import Maximum

FREEDOM = 6.0
"""Degrees of freedom of the Student distributions from which is drawn: heavier tails than the posterior's."""
TURNS, GOOD = 3, 0.4
"""How often the proposal learns from its own draws, and the efficiency at which it need not."""
POOR = 0.05
"""Efficiency of importance sampling below which chains are better."""
FIRST = 600
"""Draws by which a proposal is judged."""
LEAST_SHARE = 0.02
"""Share of the draws that every maximum gets at least."""
WARM_UP = 150
MOVES, MOST_MOVES = 4, 40
"""Moves of every particle after a step, and at most after the last one."""


@dataclass(frozen=True)
class Draws:
    """A sample of the posterior.

    Attributes:
        scores: (chain, draw, p)
        points: (N, p) what the sample was resampled from, with weights; the same as `scores` for chains.
        weights: (N,) which sum to one.
        ess: effective number of independent draws that the weights leave.
        by: how they were drawn.
        shares: (maxima,) probability around every maximum.
        divergences: how many steps of the chains diverged.
    """

    scores: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    ess: float
    by: str
    shares: np.ndarray
    divergences: int = 0


@dataclass(frozen=True)
class _Mixture:
    """Student distributions around maxima."""

    centres: np.ndarray
    roots: np.ndarray
    shares: np.ndarray

    def drawn(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Points of the mixture, each part as often as its share says."""
        which = random.permutation(_systematic(self.shares, count, random))
        normal = random.standard_normal((count, self.centres.shape[1]))
        normal /= np.sqrt(random.chisquare(FREEDOM, count) / FREEDOM)[:, None]
        return self.centres[which] + np.einsum("nij,nj->ni", self.roots[which], normal)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Of the mixture at points."""
        p = points.shape[1]
        each = []
        for centre, root, share in zip(self.centres, self.roots, self.shares, strict=True):
            z = np.linalg.solve(root, (points - centre).T)
            log_size = np.sum(np.log(np.diag(root)))
            tail = -0.5 * (FREEDOM + p) * np.log1p(np.sum(z**2, axis=0) / FREEDOM)
            each.append(np.log(share) - log_size + tail)
        constant = gammaln(0.5 * (FREEDOM + p)) - gammaln(0.5 * FREEDOM) - 0.5 * p * np.log(FREEDOM * np.pi)
        return np.asarray(logsumexp(each, axis=0) + constant)


def sample_importance(density: Density, maxima: Sequence[Maximum], chains: int, draws: int, seed: int) -> Draws:
    """Draws in independent batches of equal size, one a chain, each resampled by its own weights."""
    random = np.random.default_rng([seed, 82])
    shares = np.maximum([m.weight for m in maxima], LEAST_SHARE)
    roots = np.stack([np.linalg.cholesky(1.1 * m.covariance) for m in maxima])
    mixture = _Mixture(np.stack([m.scores for m in maxima]), roots, shares / shares.sum())
    first = min(chains * draws, FIRST)
    for _ in range(TURNS):
        points, weights = _weighted(density, mixture, first, random)
        if 1.0 / np.sum(weights**2) > GOOD * first:
            break
        mixture = _learned(mixture, points, weights)
    points, log_weights = _logged(density, mixture, chains * draws, random)
    parts = points.reshape(chains, draws, -1)
    own = log_weights.reshape(chains, draws)
    scores = np.stack([part[_systematic(_normalised(w), draws, random)] for part, w in zip(parts, own, strict=True)])
    scores = np.stack([random.permutation(chain) for chain in scores])
    weights = _normalised(log_weights)
    return Draws(scores, points, weights, float(1.0 / np.sum(weights**2)), "laplace", _shares(maxima, points, weights))


def sample_chains(density: Density, maxima: Sequence[Maximum], chains: int, draws: int, seed: int) -> Draws:
    """NUTS by NumPyro in the coordinates in which the largest maximum is a unit normal distribution.

    The surrogate is not a function of JAX: density and gradient are called back, for all chains at once.
    """
    import jax
    import jax.numpy as jnp
    from numpyro.infer import MCMC, NUTS

    centre, root = maxima[0].scores, np.linalg.cholesky(maxima[0].covariance)
    p, h = density.size, 1e-3

    def on_host(z: Any) -> np.ndarray:
        z = np.asarray(z, dtype=float)
        flat = z.reshape(-1, p)
        steps = np.concatenate([np.zeros((1, p)), h * np.eye(p), -h * np.eye(p)])
        points = centre + (flat[:, None] + steps).reshape(-1, p) @ root.T
        values = -density(points).reshape(len(flat), -1)
        slopes = (values[:, 1 : 1 + p] - values[:, 1 + p :]) / (2.0 * h)
        found = np.concatenate([values[:, :1], slopes], axis=1)
        return np.asarray(np.nan_to_num(found, nan=1e10, posinf=1e10).reshape(*z.shape[:-1], p + 1), dtype=z.dtype)

    def both(z: Any) -> Any:
        shape = jax.ShapeDtypeStruct((p + 1,), z.dtype)
        return jax.pure_callback(on_host, shape, z, vmap_method="broadcast_all")

    @jax.custom_vjp
    def potential(z: Any) -> Any:
        return both(z)[0]

    def forward(z: Any) -> Any:
        found = both(z)
        return found[0], found[1:]

    potential.defvjp(forward, lambda slope, weight: (weight * slope,))
    random = np.random.default_rng([seed, 83])
    shares = np.array([m.weight for m in maxima])
    begin = np.stack([maxima[i].scores for i in _systematic(shares, chains, random)])
    starts = np.linalg.solve(root, (begin - centre).T).T + 0.3 * random.standard_normal((chains, p))
    kernel = NUTS(potential_fn=potential, target_accept_prob=0.85, max_tree_depth=6)
    sampler = MCMC(
        kernel, num_warmup=WARM_UP, num_samples=draws, num_chains=chains, chain_method="vectorized", progress_bar=False
    )
    sampler.run(jax.random.key(seed % 2**31), init_params=jnp.asarray(starts), extra_fields=("diverging",))
    z = np.asarray(sampler.get_samples(group_by_chain=True), dtype=float)
    scores = centre + z @ root.T
    points = scores.reshape(-1, p)
    weights = np.full(len(points), 1.0 / len(points))
    diverged = int(np.sum(np.asarray(sampler.get_extra_fields()["diverging"])))
    shares = _shares(maxima, points, weights)
    return Draws(scores, points, weights, float(len(points)), "nuts", shares, diverged)


def sample_tempered(density: Density, maxima: Sequence[Maximum], chains: int, draws: int, seed: int) -> Draws:
    """Populations that go from the prior to the posterior in steps, one a chain (sequential Monte Carlo).

    After each step, from which half of the population survives, particles move along differences of others (Ter Braak,
    "A Markov chain Monte Carlo version of the genetic algorithm differential evolution", 2006), which suits ridges and
    separate maxima alike; all particles move at once.
    """
    random = np.random.default_rng([seed, 84])
    p, d, count = density.size, density.unknowns, chains * draws
    points = random.standard_normal((count, p))
    points[:, d:] = density.log_noise_prior() + NOISE_SPREAD * points[:, d:]
    fit, prior = _split(density, points)
    power = 0.0
    while power < 1.0:
        power, logs = _next_power(fit, power)
        for c in range(chains):
            own = slice(c * draws, (c + 1) * draws)
            kept = c * draws + _systematic(_normalised(logs[own]), draws, random)
            points[own], fit[own], prior[own] = points[kept], fit[kept], prior[kept]
        moved = 0.0
        for _ in range(MOST_MOVES if power == 1.0 else MOVES):
            tried = points + _differences(points, chains, random)
            new_fit, new_prior = _split(density, tried)
            gain = power * (new_fit - fit) + new_prior - prior
            took = np.log(random.random(count)) < gain
            points[took], fit[took], prior[took] = tried[took], new_fit[took], new_prior[took]
            moved += float(took.mean())
            if power == 1.0 and moved > 8.0:
                break
    weights = np.full(count, 1.0 / count)
    scores = points.reshape(chains, draws, p)
    scores = np.stack([random.permutation(chain) for chain in scores])
    return Draws(scores, points, weights, float(count), "tempered", _shares(maxima, points, weights))


def _split(density: Density, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood and log prior."""
    prior = density.log_prior(points)
    return density(points) - prior, prior


def _next_power(fit: np.ndarray, power: float) -> tuple[float, np.ndarray]:
    """The largest power of the likelihood at which half of the particles count, and their logarithmic weights."""
    low, high = power, 1.0
    for _ in range(60):
        middle = high if low == power and high == 1.0 else 0.5 * (low + high)
        weights = _normalised((middle - power) * fit)
        if 1.0 / np.sum(weights**2) > 0.5 * len(fit):
            low = middle
        else:
            high = middle
        if high - low < 1e-3 * (high - power) or low == 1.0:
            break
    found = low if low > power else high
    return found, (found - power) * fit


def _differences(points: np.ndarray, chains: int, random: np.random.Generator) -> np.ndarray:
    """Steps along differences of two other particles of the same population, a tenth of them to swap maxima."""
    count, p = points.shape
    draws = count // chains
    base = np.repeat(np.arange(chains) * draws, draws)
    first, second = (points[base + random.integers(draws, size=count)] for _ in range(2))
    scale = 2.38 / np.sqrt(2.0 * p) * np.exp(random.normal(-0.3, 0.7, count))
    scale[random.random(count) < 0.1] = 1.0
    return scale[:, None] * (first - second) * (1.0 + 0.05 * random.standard_normal((count, p)))


def _weighted(
    density: Density, mixture: _Mixture, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    points, logs = _logged(density, mixture, count, random)
    return points, _normalised(logs)


def _logged(
    density: Density, mixture: _Mixture, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    points = mixture.drawn(count, random)
    return points, density(points) - mixture.log_density(points)


def _normalised(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - np.max(logs))
    return np.asarray(weights / weights.sum())


def _learned(mixture: _Mixture, points: np.ndarray, weights: np.ndarray) -> _Mixture:
    """The mixture with the moments of its own weighted draws, each draw counting for the components that explain it."""
    each = []
    for centre, root, share in zip(mixture.centres, mixture.roots, mixture.shares, strict=True):
        each.append(_Mixture(centre[None], root[None], np.ones(1)).log_density(points) + np.log(share))
    belongs = np.exp(each - logsumexp(each, axis=0)) * weights
    shares = belongs.sum(axis=1)
    centres, roots = mixture.centres.copy(), mixture.roots.copy()
    for k, own in enumerate(belongs):
        effective = own.sum() ** 2 / max(float(np.sum(own**2)), 1e-300)
        if effective < 5 * points.shape[1]:
            roots[k] = 1.3 * roots[k]
            continue
        own = own / own.sum()
        centres[k] = own @ points
        away = points - centres[k]
        covariance = (away * own[:, None]).T @ away
        blend = covariance + 0.05 * roots[k] @ roots[k].T
        roots[k] = np.linalg.cholesky(1.1 * blend)
    shares = np.maximum(shares, LEAST_SHARE)
    return _Mixture(centres, roots, shares / shares.sum())


def _shares(maxima: Sequence[Maximum], points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probability nearest to every maximum, in its own units."""
    far = []
    for maximum in maxima:
        root = np.linalg.cholesky(maximum.covariance)
        far.append(np.sum(np.linalg.solve(root, (points - maximum.scores).T) ** 2, axis=0))
    nearest = np.argmin(far, axis=0)
    return np.array([float(weights[nearest == k].sum()) for k in range(len(maxima))])


def _systematic(shares: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Numbers of entries, each as often as its share says, as evenly as can be."""
    edges = np.cumsum(shares) / np.sum(shares)
    places = (np.arange(count) + random.random()) / count
    return np.minimum(np.searchsorted(edges, places), len(shares) - 1)
