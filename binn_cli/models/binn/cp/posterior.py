"""A sum of products after its data: its mean, its variance, and what it makes of left-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.design import jacobian
from binn_cli.models.binn.cp.features import Features, features_of, features_tree
from binn_cli.models.binn.cp.normal_equations import columns_of, unpack
from binn_cli.models.binn.laplace import Laplace

ENTRIES = 2**20
"""Numbers of the largest table of one chunk of points (8 MB)."""


@dataclass(frozen=True)
class CpPosterior:
    """Σ_m ∏_d f_d^(m)(x_d), with the linearised Laplace posterior of all weights.

    Attributes:
        features: of every dimension.
        weights: (P,) in the order of `cp.gauss_newton.pack`.
        laplace: their covariance.
        noise: σ² in standardised units.
    """

    features: tuple[Features, ...]
    weights: Float[np.ndarray, " P"]
    laplace: Laplace
    noise: float

    @cached_property
    def unpacked(self) -> tuple[list[np.ndarray], float | None]:
        """The weights (K, M) of every dimension, and the intercept."""
        return unpack(self.weights, [f.size for f in self.features])

    def rows(self, x: Float[np.ndarray, "n D"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n P"]]:
        """Mean and Jacobian at points."""
        weights, intercept = self.unpacked
        designs = [f(x[:, d]) for d, f in enumerate(self.features)]
        functions = [phi @ w for phi, w in zip(designs, weights, strict=True)]
        mean, slopes = columns_of(functions).sum(axis=1), jacobian(designs, functions)
        if intercept is None:
            return mean, slopes
        return mean + intercept, np.concatenate([np.ones((len(x), 1)), slopes], axis=1)

    def mean(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
        """Mean at points."""
        weights, intercept = self.unpacked
        functions = [f(x[:, d]) @ w for d, (f, w) in enumerate(zip(self.features, weights, strict=True))]
        return columns_of(functions).sum(axis=1) + (intercept or 0.0)

    def moments(
        self, x: Float[np.ndarray, "n D"], *, variance: bool = True
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Mean and variance of the function at points; without `variance` that is zero."""
        mean, spread = np.empty(len(x)), np.zeros(len(x))
        width = len(self.weights) if variance else max(f.transform.shape[0] for f in self.features)
        step = max(1, ENTRIES // width)
        for begin in range(0, len(x), step):
            rows = slice(begin, begin + step)
            if variance:
                mean[rows], slopes = self.rows(x[rows])
                spread[rows] = self.laplace.variance(slopes)
            else:
                mean[rows] = self.mean(x[rows])
        return mean, spread

    def covariance(
        self, x: Float[np.ndarray, "n D"], other: Float[np.ndarray, "m D"] | None = None
    ) -> Float[np.ndarray, "n m"]:
        """Posterior covariance of the function between points, or between them and others."""
        root = self.laplace.root_of(self.rows(x)[1])
        return root @ (root if other is None else self.laplace.root_of(self.rows(other)[1])).T

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {
            "features": {f"{d:03d}": features_tree(f) for d, f in enumerate(self.features)},
            "weights": self.weights, "noise": self.noise, **self.laplace._asdict(),
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> CpPosterior:
        """The posterior that `tree` described."""
        features = tuple(features_of(tree["features"][name]) for name in sorted(tree["features"]))
        laplace = Laplace(*(np.asarray(tree[name]) for name in Laplace._fields))
        return cls(features, np.asarray(tree["weights"]), laplace, float(tree["noise"]))
