"""The prior of a two-dimensional B-INN as the program builds it: bases and prior variances are read off a fitted
surrogate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.cp.fit import stated_features
from binn_cli.models.binn.surrogate import Binn


@dataclass(frozen=True)
class Prior:
    """Independent weights N(0, level_d) on the bases of both dimensions, for each of M modes.

    Attributes:
        modes: M.
        bases: of x and y.
        levels: variance of every weight of x and of y; their product falls as 1/M, which is Theorem 3.2's division by
            √M.
    """

    modes: int
    bases: tuple[Basis, Basis]
    levels: tuple[float, float]

    def kernels(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """k_1 and k_2 between points a (n, 2) and b (m, 2), such that the covariance of y is M k_1 k_2 = the product
        kernel."""
        found = [
            level * np.asarray(basis(a[:, d])) @ np.asarray(basis(b[:, d])).T
            for d, (basis, level) in enumerate(zip(self.bases, self.levels, strict=True))
        ]
        return found[0], found[1]

    def product_kernel(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Theorem 3.2: the kernel of the limit, and by independence of the modes the covariance for every M."""
        first, second = self.kernels(a, b)
        return self.modes * first * second

    def functions(self, rng: np.random.Generator, dimension: int, points: np.ndarray, draws: int) -> np.ndarray:
        """One dimension's functions at n points for `draws` draws of its weights: (draws, M, n)."""
        values = np.asarray(self.bases[dimension](points[:, dimension]))
        weights = rng.standard_normal((draws * self.modes, values.shape[1])) * np.sqrt(self.levels[dimension])
        return (weights @ values.T).reshape(draws, self.modes, -1)


def prior_of(modes: int, **changes: object) -> Prior:
    """The prior of the model with M modes; four data points, for there is no fit without data, leave it as it is."""
    settings: dict[str, Any] = {
        "modes": modes, "centers": 5, "length": 1.2, "padding": 3, "stretch": 0, "prior": "function",
        "relevance": "none",
        "noise": "fixed", "output_scaling": "none", "sweeps": 1, "inference": "als",
    }  # fmt: skip
    axes = (Axis.of("x", np.array([0.0, 1.0])), Axis.of("y", np.array([0.0, 1.0])))
    config = BinnConfig(**{**settings, **changes})
    fitted = Binn(config).fit(ProductData(axes, np.ones((2, 2, 1)), ("u",)))
    assert fitted.stated is not None
    first, second = fitted.stated[0]
    return Prior(modes, (first, second), weight_levels(config, (first, second), modes))


def weight_levels(config: BinnConfig, bases: tuple[Basis, Basis], modes: int) -> tuple[float, float]:
    """Prior variance of every weight on the bases of x and of y."""
    features, levels = stated_features(config, bases, modes)
    # The features are the basis's directions, all scaled alike.
    sizes = [float(np.linalg.norm(f.transform[:, 0])) ** 2 for f in features]
    return levels[0] * sizes[0], levels[1] * sizes[1]
