"""How functions that a surrogate deems possible differ from its mean: draws that can be evaluated at any points.

The draws are those of the posterior where the model has one of functions: networks with sampled weights, and B-INN on
tables. Of the others only the standard deviation is known at every point; there draws are this times a smooth random
field of unit variance, whose correlation length (a share of the ranges) is an assumption.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from binn_cli.datasets.product import Axis
from binn_cli.models.scope import Scope

Deviations = Callable[[np.ndarray], np.ndarray]
"""From points (n, D) in original units to differences (S, n, L) from the mean, in original units."""

LENGTH = 0.3
"""Correlation length of errors of which only the size is known, as a share of the ranges, times √D."""
COSINES = 512
ROWS = 2**15
FEW = 256
"""Draws by which correlations are known where no formula gives them."""


def deviations_of(surrogate: Any, scope: Scope, draws: int, seed: int) -> Deviations:
    """So many draws, the same for the same seed, at whatever points and in whatever order they are asked for."""
    inner = _of_posterior(surrogate, draws, seed)
    return inner if inner is not None else _Assumed(surrogate, scope, draws, seed)


def correlations_of(surrogate: Any, scope: Scope, points: np.ndarray, seed: int) -> list[np.ndarray]:
    """The correlation (n, n) of the errors of every output between points."""
    inner = _of_posterior(surrogate, FEW, seed)
    if inner is None:
        unit = _unit(points, scope) / (LENGTH * np.sqrt(points.shape[1]))
        squares = np.sum(unit**2, axis=1)
        distances = np.maximum(squares[:, None] + squares - 2.0 * unit @ unit.T, 0.0)
        return [np.exp(-0.5 * distances)] * len(scope.outputs)
    found = inner(points)
    size = np.sqrt(np.mean(found**2, axis=0))
    unit = found / np.where(size > 0, size, 1.0)
    matrices = np.einsum("snl,sml->lnm", unit, unit, optimize=True) / len(unit)
    for matrix in matrices:
        np.fill_diagonal(matrix, 1.0)
    return list(matrices)


def _of_posterior(surrogate: Any, draws: int, seed: int) -> Deviations | None:
    """Draws of functions where the surrogate has a posterior of them."""
    if hasattr(surrogate, "encoding") and hasattr(surrogate, "inner"):
        inner, encoding = _of_posterior(surrogate.inner, draws, seed), surrogate.encoding
        return None if inner is None else lambda points: inner(encoding.table(points))
    if hasattr(surrogate, "vectors") and hasattr(surrogate, "density"):
        return _of_networks(surrogate, draws) if surrogate.vectors[..., 0].size > 1 else None
    if hasattr(surrogate, "posteriors"):
        from binn_cli.models.binn.draws import MixtureDraws
        from binn_cli.models.binn.mixture import Mixture

        if all(isinstance(posterior, Mixture) for posterior in surrogate.posteriors):
            each = [MixtureDraws.of(p, draws, seed + 1000 * i) for i, p in enumerate(surrogate.posteriors)]
            size = surrogate.units.outputs.scale * surrogate.calibration
            return lambda points: (
                np.stack([own(surrogate.units.inputs(points, slice(None))) for own in each], axis=-1) * size
            )
    return None


def _of_networks(surrogate: Any, draws: int) -> Deviations:
    import jax

    from binn_cli.models.bnn.learning_data import standardised

    every = surrogate.vectors.reshape(-1, surrogate.vectors.shape[2])
    kept = every[np.linspace(0, len(every) - 1, min(draws, len(every))).astype(int)]
    function = jax.jit(lambda x: jax.lax.map(lambda vector: surrogate.density.function(vector, x), kept))

    def deviations(points: np.ndarray) -> np.ndarray:
        x = standardised(surrogate.units.inputs(points, slice(None))).astype(surrogate.density.precision)
        found = np.asarray(function(x), dtype=float) * surrogate.units.outputs.scale
        return np.asarray(found - found.mean(axis=0))

    return deviations


class _Assumed:
    """The standard deviation times smooth random fields."""

    def __init__(self, surrogate: Any, scope: Scope, draws: int, seed: int) -> None:
        random = np.random.default_rng([seed, 73])
        dimensions, self.outputs = len(scope.inputs), len(scope.outputs)
        self.surrogate, self.scope, self.draws = surrogate, scope, draws
        self.frequencies = random.standard_normal((COSINES, dimensions)) / (LENGTH * np.sqrt(dimensions))
        self.phases = random.uniform(0.0, 2.0 * np.pi, COSINES)
        self.weights = random.standard_normal((COSINES, draws * self.outputs)) * np.sqrt(2.0 / COSINES)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.concatenate([self._at(points[i : i + ROWS]) for i in range(0, len(points), ROWS)], axis=1)

    def _at(self, points: np.ndarray) -> np.ndarray:
        found = self.surrogate.predict([Axis("point", points, self.scope.inputs)])
        std = np.sqrt(np.maximum(found.epistemic_var, 0.0)) * found.unit
        fields = np.cos(_unit(points, self.scope) @ self.frequencies.T + self.phases) @ self.weights
        return np.moveaxis(fields.reshape(len(points), self.draws, self.outputs), 1, 0) * std


def _unit(points: np.ndarray, scope: Scope) -> np.ndarray:
    span = scope.high - scope.low
    return (points - scope.low) / np.where(span > 0, span, 1.0)
