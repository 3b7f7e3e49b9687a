"""The maxima of a posterior density: many starts at once, damped Gauss-Newton steps, and their curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from binn_cli.tasks.questions.inverse.density import NOISE_SPREAD, Density

FIRST = 256
"""Points of the prior at which the density is looked at first."""
STEPS, ENOUGH = 40, 1e-6
"""Steps at most, and the gain in log density below which none is worth while."""
LEVELS = np.linspace(-5.5, 2.0, 16)
"""Logarithms of noise levels that are tried, in standard deviations of their prior."""
REFINEMENTS = 3
SAME = 2.0
"""Two maxima nearer than so many standard deviations are one."""
NEGLIGIBLE = 1e-4
"""Share of the posterior below which a maximum is not worth a word."""


@dataclass(frozen=True)
class Maximum:
    """A maximum and the normal approximation around it.

    Attributes:
        scores: (p,) where it is.
        covariance: (p, p)
        log_density: at it.
        weight: share of the posterior.
    """

    scores: np.ndarray
    covariance: np.ndarray
    log_density: float
    weight: float


def find_maxima(density: Density, starts: int, seed: int) -> list[Maximum]:
    """The maxima that count, the one of largest weight first."""
    scores = _starts(density, starts, seed)
    mean, std = density.predicted(scores)
    scores = _with_noise(density, scores, mean, std)
    value = density.given(scores, mean, std)
    damping = np.full(len(scores), 1e-3)
    quiet = np.zeros(len(scores), dtype=int)
    for _ in range(STEPS):
        active = np.flatnonzero(quiet < 2)
        if len(active) == 0:
            break
        own = scores[active]
        gradient, matrix = density.slope(own, std[active], mean[active])
        diagonal = np.einsum("mdd->md", matrix)
        damped = matrix + (damping[active, None] * diagonal)[:, :, None] * np.eye(density.unknowns)
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        length = np.max(np.abs(step), axis=1, keepdims=True)
        tried = own.copy()
        tried[:, : density.unknowns] -= step * np.minimum(1.0, 1.5 / np.maximum(length, 1e-300))
        tried[:, : density.unknowns] = np.clip(tried[:, : density.unknowns], -7.0, 7.0)
        new_mean, new_std = density.predicted(tried)
        tried = _with_noise(density, tried, new_mean, new_std)
        found = density.given(tried, new_mean, new_std)
        better = found > value[active]
        gain = found - value[active]
        took = active[better]
        scores[took], value[took] = tried[better], found[better]
        mean[took], std[took] = new_mean[better], new_std[better]
        damping[active] = np.where(better, damping[active] * 0.2, np.minimum(damping[active] * 8.0, 1e8))
        small = np.where(better, gain < ENOUGH, damping[active] > 1e5)
        quiet[active] = np.where(small, quiet[active] + 1, 0)
    return _weighed(density, scores, value, mean, std)


def _starts(density: Density, count: int, seed: int) -> np.ndarray:
    """Points of the prior of high density, no two of them near each other."""
    d = density.unknowns
    unit = qmc.Sobol(d, rng=np.random.default_rng([seed, 81])).random(FIRST)
    scores = density.scores(unit)
    whole = np.concatenate([scores, np.tile(density.log_noise_prior() + NOISE_SPREAD, (FIRST, 1))], axis=1)
    mean, std = density.predicted(whole)
    whole = _with_noise(density, whole, mean, std)
    order = np.argsort(-density.given(whole, mean, std))
    chosen: list[int] = []
    least = 0.7 * FIRST ** (-1.0 / d)
    for i in order:
        if all(np.max(np.abs(unit[i] - unit[j])) > least for j in chosen):
            chosen.append(int(i))
        if len(chosen) == count:
            break
    return whole[chosen]


def _with_noise(density: Density, scores: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """The points with the most probable noise levels that are learned, one after the other."""
    scores = scores.copy()
    for j, centre in enumerate(density.log_noise_prior()):
        column = density.unknowns + j
        levels = np.repeat((centre + NOISE_SPREAD * LEVELS)[:, None], len(scores), axis=1)
        width = NOISE_SPREAD * (LEVELS[1] - LEVELS[0])
        for _ in range(REFINEMENTS):
            tried = np.repeat(scores[None], len(levels), axis=0)
            tried[:, :, column] = levels
            values = np.stack([density.given(one, mean, std) for one in tried])
            best = np.argmax(values, axis=0)
            scores[:, column] = levels[best, np.arange(len(scores))]
            levels = scores[:, column] + np.linspace(-width, width, 7)[:, None]
            width /= 3.0
    return scores


def _weighed(
    density: Density, scores: np.ndarray, value: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> list[Maximum]:
    """Different maxima with their curvature and weight."""
    _, matrices = density.slope(scores, std, mean)
    found: list[tuple[float, np.ndarray, np.ndarray, float]] = []
    for i in np.argsort(-value):
        near = any(
            (away := scores[i, : density.unknowns] - other[: density.unknowns])
            @ np.linalg.solve(covariance[: density.unknowns, : density.unknowns], away)
            < SAME**2
            or np.max(np.abs(away)) < 1e-3
            for _, other, covariance, _ in found
        )
        if near or not np.isfinite(value[i]) or value[i] < np.max(value) - 60.0:
            continue
        covariance = _covariance(density, scores[i], matrices[i])
        size = value[i] + 0.5 * np.linalg.slogdet(covariance)[1]
        found.append((float(size), scores[i], covariance, float(value[i])))
    largest = max(size for size, *_ in found)
    weights = np.exp([size - largest for size, *_ in found])
    weights /= weights.sum()
    kept = [
        Maximum(place, covariance, top, float(weight))
        for weight, (_, place, covariance, top) in zip(weights, found, strict=True)
        if weight > NEGLIGIBLE
    ]
    return sorted(kept, key=lambda maximum: -maximum.weight)


def _covariance(density: Density, place: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The inverse of the full curvature by differences, in units of the Gauss-Newton one, or of that where it is not
    definite."""
    d, p = density.unknowns, density.size
    first = np.zeros((p, p))
    first[:d, :d] = np.linalg.inv(matrix)
    first[d:, d:] = np.eye(p - d) / max(1.0, 2.0 * density.observed.count / max(1, len(density.noise)))
    root = np.linalg.cholesky(first)
    h = 0.5
    pairs = [(i, j) for i in range(p) for j in range(i + 1)]
    shifts = [np.zeros(p)]
    for i, j in pairs:
        for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            shift = np.zeros(p)
            shift[i] += a * h
            shift[j] += b * h
            shifts.append(shift)
    values = -density(place + np.array(shifts) @ root.T)
    hessian = np.zeros((p, p))
    for k, (i, j) in enumerate(pairs):
        plus, one, other, minus = values[1 + 4 * k : 5 + 4 * k]
        if i == j:
            hessian[i, i] = (plus - 2.0 * values[0] + minus) / (2.0 * h) ** 2
        else:
            hessian[i, j] = hessian[j, i] = (plus - one - other + minus) / (4.0 * h * h)
    if not np.isfinite(hessian).all() or np.linalg.eigvalsh(hessian)[0] < 0.05:
        return first
    return np.asarray(root @ np.linalg.inv(hessian) @ root.T)
