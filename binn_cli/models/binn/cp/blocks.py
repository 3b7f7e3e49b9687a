"""The paper's predictive variance: blocks that are independent of one another (Eqs. 22 and 23).

The text prints Eq. 23 with Var subtracted, which gives negative variances; the variance of a product of independent
factors is ∏(E² + Var) - ∏E², as here. `modes` sums that over modes; `joint` keeps the covariance that a block's
posterior
has between modes: Var = Σ_{m,m'} [∏_d (μ_m μ_m' + C_mm') - ∏_d (μ_m μ_m')]. Both are accumulated as sums of products of
positive semi-definite matrices, never as a difference of large numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.features import Features, features_of, features_tree

ENTRIES = 2**20
"""Numbers of the largest table of one chunk of points (8 MB)."""


@dataclass(frozen=True)
class BlockPosterior:
    """Σ_m ∏_d f_d^(m)(x_d), every dimension's weights with a posterior of their own.

    Attributes:
        features: of every dimension.
        means: for each dimension (K, M).
        covariances: for each dimension (K, M, K, M).
        joint: whether the covariance between modes counts.
        noise: σ² in standardised units.
    """

    features: tuple[Features, ...]
    means: tuple[Float[np.ndarray, "K M"], ...]
    covariances: tuple[Float[np.ndarray, "K M K M"], ...]
    joint: bool
    noise: float

    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and second mode of each pair and its weight."""
        modes = self.means[0].shape[1]
        if not self.joint:
            same = np.arange(modes)
            return same, same, np.ones(modes)
        first, second = np.triu_indices(modes)
        return first, second, np.where(first == second, 1.0, 2.0)

    def moments(
        self, x: Float[np.ndarray, "n D"], *, variance: bool = True
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Mean and variance of the function at points; without `variance` that is zero."""
        first, second, weights = self._pairs()
        mean, spread = np.empty(len(x)), np.zeros(len(x))
        widest = max(f.size for f in self.features)
        step = max(1, ENTRIES // (widest + 4 * len(first)))
        tables = [c[:, first, :, second] for c in self.covariances]  # (P, K, K)
        for begin in range(0, len(x), step):
            rows = slice(begin, begin + step)
            product: np.ndarray = np.ones((1, self.means[0].shape[1]))
            square: np.ndarray = np.ones((1, 1))
            excess: np.ndarray = np.zeros((1, 1))
            for d, (features, w, table) in enumerate(zip(self.features, self.means, tables, strict=True)):
                phi = features(x[rows, d])
                f = phi @ w
                product = product * f
                if variance:
                    own = f[:, first] * f[:, second]
                    extra = np.stack([np.einsum("nk,nk->n", phi @ c, phi) for c in table], axis=1)
                    excess, square = excess * (own + extra) + square * extra, square * own
            mean[rows] = product.sum(axis=1)
            if variance:
                spread[rows] = np.maximum(excess @ weights, 0.0)
        return mean, spread

    def covariance(
        self, x: Float[np.ndarray, "n D"], other: Float[np.ndarray, "m D"] | None = None
    ) -> Float[np.ndarray, "n m"]:
        """Posterior covariance of the function between points, or between them and others."""
        if other is not None:
            return self.covariance(np.concatenate([x, other]))[: len(x), len(x) :]
        first, second, weights = self._pairs()
        total = np.zeros((len(x), len(x)))
        designs = [f(x[:, d]) for d, f in enumerate(self.features)]
        functions = [phi @ w for phi, w in zip(designs, self.means, strict=True)]
        for m, q, weight in zip(first, second, weights, strict=True):
            square: np.ndarray = np.ones((1, 1))
            excess: np.ndarray = np.zeros((1, 1))
            for phi, f, c in zip(designs, functions, self.covariances, strict=True):
                own, extra = np.outer(f[:, m], f[:, q]), phi @ c[:, m, :, q] @ phi.T
                excess, square = excess * (own + extra) + square * extra, square * own
            total += 0.5 * weight * (excess + excess.T)
        return total

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        dimensions = {
            f"{d:03d}": {"features": features_tree(f), "mean": m, "covariance": c}
            for d, (f, m, c) in enumerate(zip(self.features, self.means, self.covariances, strict=True))
        }
        return {"dimensions": dimensions, "joint": int(self.joint), "noise": self.noise}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> BlockPosterior:
        """The posterior that `tree` described."""
        own = [tree["dimensions"][name] for name in sorted(tree["dimensions"])]
        features = tuple(features_of(entry["features"]) for entry in own)
        means, covariances = (tuple(np.asarray(entry[key]) for entry in own) for key in ("mean", "covariance"))
        return cls(features, means, covariances, bool(tree["joint"]), float(tree["noise"]))
