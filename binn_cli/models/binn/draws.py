"""Functions drawn from the posterior of a table's B-INN, which can be evaluated anywhere.

A product's weights are drawn; a process is drawn pathwise (Wilson et al., "Pathwise conditioning of Gaussian
processes", 2021): a function of the prior in random cosines, and the kernel's correction that takes it through the
data.
The spectral measure of the kernel's factor (1 - s) + s ρ is a point mass of 1 - s at zero beside that of ρ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.kernel import covariance, nugget_variance
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.warping import warp
from binn_cli.models.binn.mixture import Member, Mixture, mix

COSINES = 1024
"""Random cosines of a draw from a process's prior."""
ROWS = 4096
"""Points at which draws are evaluated at once."""


@dataclass(frozen=True)
class MixtureDraws:
    """S functions of one output, in standardised units.

    Attributes:
        mixture: of which they are drawn.
        members: (S,) the member of each.
        seed: of what is random.
    """

    mixture: Mixture
    members: np.ndarray
    seed: int

    @classmethod
    def of(cls, mixture: Mixture, count: int, seed: int) -> MixtureDraws:
        """Members are drawn by their weights."""
        weights = np.array([weight for _, weight in mixture.members])
        random = np.random.default_rng([seed, 71])
        return cls(mixture, random.choice(len(weights), count, p=weights / weights.sum()), seed)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """How far each function is from the mean: (S, n) at points (n, D) of the unit cube."""
        return np.concatenate([self._at(x[i : i + ROWS]) for i in range(0, len(x), ROWS)], axis=1)

    def _at(self, x: np.ndarray) -> np.ndarray:
        mean = mix(self.mixture.members, x, variance=False)[0]
        found = np.empty((len(self.members), len(x)))
        for m, (member, _) in enumerate(self.mixture.members):
            own = self.members == m
            if own.any():
                found[own] = drawn(member, x, int(own.sum()), self.seed + m)
        return np.sqrt(self.mixture.widening) * (found - mean)


def drawn(member: Member, x: np.ndarray, count: int, seed: int) -> np.ndarray:
    """So many functions (S, n) of a member; the same for the same seed."""
    random = np.random.default_rng([seed, 72])
    if isinstance(member, CpPosterior):
        mean, slopes = member.rows(x)
        return mean + random.standard_normal((count, slopes.shape[1])) @ member.laplace.root_of(slopes).T
    if isinstance(member, BlockPosterior):
        return _of_blocks(member, x, count, random)
    return _of_process(member, x, count, random)


def _of_blocks(member: BlockPosterior, x: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    product = np.ones((count, len(x), member.means[0].shape[1]))
    for d, (features, mean, covariance_) in enumerate(
        zip(member.features, member.means, member.covariances, strict=True)
    ):
        k, modes = mean.shape
        own = covariance_
        if not member.joint:
            own = own * np.eye(modes)[None, :, None, :]
        values, vectors = np.linalg.eigh(own.reshape(k * modes, k * modes))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        weights = mean.ravel() + random.standard_normal((count, k * modes)) @ root.T
        product *= np.einsum("nk,skm->snm", features(x[:, d]), weights.reshape(count, k, modes))
    return product.sum(axis=2)


def _of_process(member: Process, x: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    there = warp(x, member.rates)
    which = random.integers(len(member.draws), size=count)
    found = np.empty((count, len(x)))
    for t, theta in enumerate(member.draws):
        cosines = _Cosines.drawn(theta, member, random)
        weights = random.standard_normal((COSINES, count))
        noise = random.standard_normal((len(member.points), count))
        own = which == t
        if not own.any():
            continue
        inverse, solved = member.factors[t]
        sigma = np.sqrt(nugget_variance(theta, len(member.points)))
        at_data = cosines(member.points) @ weights[:, own] + sigma * noise[:, own]
        cross = covariance(theta, there, member.points, member.smoothness)
        values = cosines(there) @ weights[:, own] + cross @ (solved[:, None] - inverse.T @ (inverse @ at_data))
        found[own] = values.T
    return member.shift + member.scale * found


@dataclass(frozen=True)
class _Cosines:
    """Features whose random sums are draws from a process's prior."""

    frequencies: np.ndarray
    phases: np.ndarray
    size: float

    @classmethod
    def drawn(cls, theta: np.ndarray, member: Process, random: np.random.Generator) -> _Cosines:
        """Features of the process's spectral density, an input left out as often as its share says."""
        dimensions = member.points.shape[1]
        shape = (COSINES, dimensions)
        normal, kept = random.standard_normal(shape), random.random(shape)
        freedom = {"matern52": 5.0, "matern32": 3.0}.get(member.smoothness)
        squares = random.chisquare(freedom, shape) / freedom if freedom else np.ones(shape)
        share = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
        frequencies = normal / np.sqrt(squares) * np.exp(-theta[:dimensions]) * (kept < share)
        size = float(np.sqrt(2.0 * np.exp(theta[2 * dimensions]) / COSINES))
        return cls(frequencies, random.uniform(0.0, 2.0 * np.pi, COSINES), size)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.size * np.cos(x @ self.frequencies.T + self.phases)
