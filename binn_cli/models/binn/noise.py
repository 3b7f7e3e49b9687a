"""Noise that varies over the inputs (`model.noise=varying`), learned from by how much rows are missed.

A row that is left out is missed by a normal error of variance v + σ² exp(g(x)), v what the fit says of its function
there. log σ² and the weights of g maximise the density of all misses and the prior of the weights.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from binn_cli.models.noise_field import FURTHEST, SPREAD, NoiseField, centers_of, functions

SEEN_ROWS = 4000
"""Rows whose misses are looked at: twelve weights need no more."""

LOG_RANGE = 12.0
"""How far log σ² may move from that of constant noise."""


def learn_field(
    x: Float[np.ndarray, "n D"], misses: Float[np.ndarray, " n"], spread: Float[np.ndarray, " n"], noise: float
) -> tuple[float, NoiseField]:
    """σ² and the field.

    Args:
        x: inputs in units of the domain.
        misses: observed less predicted values of rows that the prediction has not seen.
        spread: variance of the prediction, noise not included.
        noise: σ² where it is the same everywhere.
    """
    if len(x) > SEEN_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(len(x), SEEN_ROWS, replace=False))
        x, misses, spread = x[rows], misses[rows], spread[rows]
    centers = centers_of(x)
    b = np.column_stack([np.ones(len(x)), functions(x, centers)])
    squares, v = misses**2, np.maximum(spread, 0.0)
    floor = np.finfo(float).tiny

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        own = np.exp(b @ w)
        total = own + v + floor
        pull = 0.5 * own * (1.0 / total - squares / total**2)
        value = 0.5 * float(np.sum(np.log(total) + squares / total)) + 0.5 * float(np.sum((w[1:] / SPREAD) ** 2))
        return value, b.T @ pull + np.concatenate([[0.0], w[1:] / SPREAD**2])

    begin = np.zeros(b.shape[1])
    begin[0] = np.log(max(noise, floor))
    limits = [(begin[0] - LOG_RANGE, begin[0] + LOG_RANGE)] + [(-FURTHEST * SPREAD, FURTHEST * SPREAD)] * len(centers)
    found = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=limits).x
    return float(np.exp(found[0])), NoiseField(centers, found[None, 1:])
