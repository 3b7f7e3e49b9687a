"""The posterior density of unknown inputs: observations are normal around the surrogate, with its own error and noise.

Unknowns θ stand as normal scores v, θ = F⁻¹(Φ(v)) with the prior's F, so that their prior is standard normal; the
logarithms of learned noise levels stand behind them. With standard deviations s(θ) of the surrogate's error at the
observed points and their correlation R (that of the middle of the prior),

    y ~ N(u(θ), diag(s) R diag(s) + σ² I).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from binn_cli.models.deviations import correlations_of
from binn_cli.tasks.questions.distributions import Joint
from binn_cli.tasks.questions.inverse.observations import Observations
from binn_cli.tasks.questions.source import Group, Source

RANK, FEW = 24, 400
"""Directions in which errors hang together that count, and points from which their correlation is known."""
NOISE_SHARE, NOISE_SPREAD = 0.02, 2.5
"""A learned noise level is expected at this share of the observations' spread, log-normally with this deviation."""
LEAST = 1e-7
"""Smallest standard deviation that counts, as a share of the observations' spread: round-off of the surrogate."""
STEP = 1e-3
"""Step of central differences in normal scores."""


@dataclass(frozen=True)
class Density:
    """The log posterior density of one target.

    Attributes:
        source: the surrogate.
        observed: the observations.
        prior: of the unknowns.
        noise: (L,) standard deviation of the noise, NaN where it is learned.
        spread: (L,) size of the observations.
        roots: of every output (n, r) with R = root rootᵀ + diag(rest).
        rests: of every output (n,).
    """

    source: Source
    observed: Observations
    prior: Joint
    noise: np.ndarray
    spread: np.ndarray
    roots: tuple[np.ndarray, ...]
    rests: tuple[np.ndarray, ...]

    @classmethod
    def of(
        cls, source: Source, observed: Observations, prior: Joint, noise: float | Mapping[str, float] | None, seed: int
    ) -> Density:
        """The density, with the correlation of errors at the middle of the prior."""
        names = [source.scope.outputs[i] for i in observed.outputs]
        levels = np.array([_level(noise, name) for name in names])
        middle = prior.at(np.full((1, len(prior.names)), 0.5))
        groups = [Group(prior.names, middle), Group(observed.known, observed.points)]
        mean = source.mean(groups)[0][:, list(observed.outputs)]
        finite = np.isfinite(observed.values)
        with np.errstate(invalid="ignore"):
            away = np.where(finite, observed.values, mean) - mean
        spread = np.array([_size(observed.values[finite[:, i], i], away[:, i]) for i in range(len(names))])
        roots, rests = _correlation(source, groups, observed, seed)
        return cls(source, observed, prior, levels, spread, roots, rests)

    @property
    def unknowns(self) -> int:
        """d"""
        return len(self.prior.names)

    @property
    def learned(self) -> np.ndarray:
        """Which outputs' noise is learned."""
        return np.flatnonzero(np.isnan(self.noise))

    @property
    def size(self) -> int:
        """Unknowns and learned noise levels together."""
        return self.unknowns + len(self.learned)

    def inputs(self, scores: np.ndarray) -> np.ndarray:
        """The unknowns (…, d) of normal scores."""
        return self.prior.at(ndtr(scores[..., : self.unknowns]))

    def scores(self, probability: np.ndarray) -> np.ndarray:
        """Normal scores of probabilities."""
        return np.asarray(ndtri(np.clip(probability, 1e-12, 1 - 1e-12)))

    def log_noise_prior(self) -> np.ndarray:
        """Means of the logarithms of the learned noise levels."""
        return np.asarray(np.log(NOISE_SHARE * self.spread[self.learned]))

    def predicted(self, scores: np.ndarray, *, spread: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (m, n, L) at the observed points."""
        groups = [
            Group(self.prior.names, self.inputs(scores)),
            Group(self.observed.known, self.observed.points),
        ]
        found = self.source.moments(groups) if spread else (self.source.mean(groups),) * 2
        keep = list(self.observed.outputs)
        return found[0][..., keep], found[1][..., keep]

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Log density (m,) of points (m, p), up to a constant."""
        return self.given(scores, *self.predicted(scores))

    def given(self, scores: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
        """The same from predictions that are known already."""
        total = self.log_prior(scores)
        for i, level in enumerate(self._levels(scores).T):
            seen = np.isfinite(self.observed.values[:, i])
            if seen.any():
                off = (self.observed.values[:, i] - mean[..., i])[:, seen]
                solved, log_size = self._solved(i, seen, std[..., i][:, seen], level, off[..., None])
                total = total - 0.5 * np.sum(off * solved[..., 0], axis=1) - 0.5 * log_size
        return np.where(np.isfinite(total), total, -np.inf)

    def log_prior(self, scores: np.ndarray) -> np.ndarray:
        """Log prior density (m,), up to a constant."""
        away = (scores[:, self.unknowns :] - self.log_noise_prior()) / NOISE_SPREAD
        return np.asarray(-0.5 * (np.sum(scores[:, : self.unknowns] ** 2, axis=1) + np.sum(away**2, axis=1)))

    def slope(self, scores: np.ndarray, std: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient (m, d) and Gauss-Newton matrix (m, d, d) of the negative log density in the unknowns."""
        d, m = self.unknowns, len(scores)
        steps = np.repeat(scores[:, None], 2 * d, axis=1)
        for j in range(d):
            steps[:, 2 * j, j] += STEP
            steps[:, 2 * j + 1, j] -= STEP
        near, _ = self.predicted(steps.reshape(m * 2 * d, -1), spread=False)
        near = near.reshape(m, d, 2, *near.shape[1:])
        jacobian = (near[:, :, 0] - near[:, :, 1]) / (2.0 * STEP)  # (m, d, n, L)
        gradient, matrix = scores[:, :d].copy(), np.repeat(np.eye(d)[None], m, axis=0)
        for i, level in enumerate(self._levels(scores).T):
            seen = np.isfinite(self.observed.values[:, i])
            if not seen.any():
                continue
            own = np.moveaxis(jacobian[..., i][..., seen], 1, 2)  # (m, n, d)
            solved, _ = self._solved(i, seen, std[..., i][:, seen], level, own)
            off = (self.observed.values[:, i] - mean[..., i])[:, seen]
            gradient -= np.einsum("mnd,mn->md", solved, off)
            matrix += np.einsum("mnd,mne->mde", solved, own)
        return gradient, matrix

    def misfit(self, score: np.ndarray) -> float:
        """Sum of squared residuals over their variances at one point."""
        mean, std = self.predicted(score[None])
        total = 0.0
        for i, level in enumerate(self._levels(score[None]).T):
            seen = np.isfinite(self.observed.values[:, i])
            off = (self.observed.values[:, i] - mean[..., i])[:, seen]
            total += float(np.sum(off * self._solved(i, seen, std[..., i][:, seen], level, off[..., None])[0][..., 0]))
        return total

    def _levels(self, scores: np.ndarray) -> np.ndarray:
        """Standard deviation (m, L) of the noise."""
        levels = np.repeat(self.noise[None], len(scores), axis=0)
        levels[:, self.learned] = np.exp(scores[:, self.unknowns :])
        return levels

    def _solved(
        self, i: int, seen: np.ndarray, std: np.ndarray, level: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Σ⁻¹ right (m, n, c) and log |Σ| (m,), by the low rank of R (Woodbury)."""
        floor = (LEAST * self.spread[i]) ** 2
        own = std**2 * self.rests[i][seen] + level[:, None] ** 2 + floor  # (m, n)
        root = std[..., None] * self.roots[i][seen]  # (m, n, r)
        scaled = root / own[..., None]
        inner = np.eye(root.shape[2]) + np.einsum("mnr,mns->mrs", scaled, root)
        first = right / own[..., None]
        correction = np.linalg.solve(inner, np.einsum("mnr,mnc->mrc", scaled, right))
        log_size = np.sum(np.log(own), axis=1) + np.linalg.slogdet(inner)[1]
        return first - np.einsum("mnr,mrc->mnc", scaled, correction), log_size


def _level(noise: float | Mapping[str, float] | None, name: str) -> float:
    given = noise.get(name) if isinstance(noise, Mapping) else noise
    return np.nan if given is None else float(given)


def _size(values: np.ndarray, away: np.ndarray) -> float:
    spread = max(float(np.std(values)) if len(values) > 1 else 0.0, float(np.sqrt(np.mean(away**2))))
    return spread if spread > 0 else max(float(np.max(np.abs(values), initial=0.0)), 1.0)


def _correlation(
    source: Source, groups: list[Group], observed: Observations, seed: int
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    table = source.table(groups)
    n = len(table)
    shown = np.arange(n) if n <= FEW else np.sort(np.random.default_rng([seed, 74]).choice(n, FEW, replace=False))
    every = correlations_of(source.surrogate, source.scope, table[shown], seed)
    roots, rests = [], []
    for i in observed.outputs:
        values, vectors = np.linalg.eigh(every[i])
        top = np.argsort(-values)[:RANK]
        root = vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0))
        whole = np.zeros((n, root.shape[1]))
        whole[shown] = root
        roots.append(whole)
        rests.append(np.maximum(1.0 - np.sum(whole**2, axis=1), 0.0))
    return tuple(roots), tuple(rests)
