"""Lengths of all field axes by the joint evidence of the compressed data, after each axis has chosen for itself.

An axis alone gives every singular vector an amplitude of its own, and the rough ones of small singular values pull its
length down. Together the axes are a Gaussian process whose covariance is a Kronecker product, with eigenvalues that are
products of the axes' own, so its evidence is a sum over the entries of the data in the product of their eigenvectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from binn_cli.models.binn.bases.stretched import stretch
from binn_cli.models.binn.hyperparameters.evidence import LONGEST, SHORTEST, thin
from binn_cli.models.binn.multilinear import left_singular, mode_dot, multi_mode_dot, outer, unfold

LEADING = 4
"""Singular vectors of the last axis that take part, each as a field of its own."""

ENTRIES = 400_000
"""Numbers of these fields up to which the evidence is looked at; more would take longer than the fit."""

EVALUATIONS = 90
"""Evaluations of the evidence."""

NOISE, AMPLITUDE = np.geomspace(1e-20, 1e-2, 7), np.geomspace(1.0, 1e6, 4)
"""Variances of noise and signal, relative to the data's, from the best of which the search begins."""


def joint_lengths(
    spans: Sequence[Float[np.ndarray, "n R"]],
    tensor: Float[np.ndarray, "L *R n"],
    coordinates: Sequence[Float[np.ndarray, " n"]],
    lengths: Sequence[float],
    rates: Sequence[float],
) -> list[float]:
    """The lengths of highest joint evidence.

    Args:
        spans: orthonormal columns of every field axis.
        tensor: the data in these columns, outputs first, the last axis last.
        coordinates: points of every field axis in units of the domain.
        lengths: where the search begins, the choice of every axis alone.
        rates: of the logarithmic coordinates, which stay.
    """
    fields = _leading(tensor)
    if math.prod(len(x) for x in coordinates) * fields.shape[-1] > ENTRIES:
        return list(lengths)
    # Of a long axis some points take part, as in its own choice: its kernel is decomposed in every evaluation.
    some = [thin(len(x)) for x in coordinates]
    coordinates = [x[rows] for x, rows in zip(coordinates, some, strict=True)]
    spans = [span[rows] for span, rows in zip(spans, some, strict=True)]
    sizes = [len(x) for x in coordinates]
    stretched = [stretch(x, rate) for x, rate in zip(coordinates, rates, strict=True)]
    squares = [(s[:, None] - s) ** 2 for s in stretched]
    energy = np.sum(multi_mode_dot(fields, [*spans, None]) ** 2, axis=tuple(range(fields.ndim - 1)))
    count = int(np.prod(sizes))

    def objective(theta: Float[np.ndarray, " P"]) -> float:
        """The negative log evidence of log lengths, amplitude and noise."""
        own, amplitude, noise = np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
        if np.any(own < SHORTEST) or np.any(own > LONGEST):
            return np.inf
        decomposed = [np.linalg.eigh(np.exp(-d / (4.0 * length**2))) for d, length in zip(squares, own, strict=True)]
        matrices = [vectors.T @ span for (_, vectors), span in zip(decomposed, spans, strict=True)]
        inside = multi_mode_dot(fields, [*matrices, None]) ** 2
        # Eigenvalues are known to round-off of the largest; what they say below that must not count as knowledge.
        product = outer([np.maximum(v, 0.0) + len(v) * np.finfo(float).eps * v[-1] for v, _ in decomposed])
        total = 0.0
        for r, size in enumerate(energy):
            variance = (size / count) * (amplitude * product + noise)
            total += 0.5 * float(np.sum(inside[..., r] / variance + np.log(variance)))
        return total

    starts = [np.log([*lengths, amplitude, noise]) for amplitude in AMPLITUDE for noise in NOISE]
    begin = min(starts, key=objective)
    simplex = np.tile(begin, (len(begin) + 1, 1))
    simplex[1:] += np.diag([*([0.1] * len(lengths)), 1.0, 1.0])
    options = {"maxfev": EVALUATIONS, "xatol": 5e-3, "fatol": 0.1, "initial_simplex": simplex}
    found = minimize(objective, begin, method="Nelder-Mead", options=options)
    return [float(x) for x in np.exp(found.x[:-2])]


def _leading(tensor: Float[np.ndarray, "L *R n"]) -> Float[np.ndarray, "*R r"]:
    """The leading singular vectors of the last axis as fields, those of all outputs together, each of unit size."""
    left, values = left_singular(unfold(tensor, tensor.ndim - 1))
    kept = min(LEADING, int(np.sum(values > 1e-4 * max(values[0], np.finfo(float).tiny))) or 1)
    fields = mode_dot(tensor, left[:, :kept].T, tensor.ndim - 1)
    together = np.concatenate(list(fields), axis=-1)
    norms = np.sqrt(np.sum(together**2, axis=tuple(range(together.ndim - 1))))
    together = together[..., norms > 1e-4 * max(norms.max(), np.finfo(float).tiny)]
    return together[..., : 2 * LEADING]
