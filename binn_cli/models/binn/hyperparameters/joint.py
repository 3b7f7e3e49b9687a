"""Lengths of all field axes, and what functions are at their ends, by the joint evidence of the compressed data, after
each axis has chosen for itself.

An axis alone gives every singular vector an amplitude of its own, and the rough ones of small singular values pull its
length down. Together the axes are a Gaussian process whose covariance is a Kronecker product, with eigenvalues that are
products of the axes' own, so its evidence is a sum over the entries of the data in the product of their eigenvectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from binn_cli.models.binn.bases.mirrored import EVEN, FREE, ODD, mirrored_kernel
from binn_cli.models.binn.bases.stretched import stretch
from binn_cli.models.binn.hyperparameters.evidence import LONGEST, SHORTEST, thin
from binn_cli.models.binn.multilinear import left_singular, mode_dot, multi_mode_dot, outer, unfold

LEADING = 4
"""Singular vectors of the last axis that take part, each as a field of its own. Each counts by the root of its share of
the standard deviation, as functions of cases do: all alike, the smallest and roughest decide lengths of which the error
of the others depends."""

ENTRIES = 400_000
"""Numbers of these fields up to which the evidence is looked at; more would take longer than the fit."""

EVALUATIONS = 250
"""Evaluations of the evidence: some 150 lead to its top, and round-off decides where a search before that ends."""

NOISE, AMPLITUDE = np.geomspace(1e-20, 1e-2, 7), np.geomspace(1.0, 1e6, 4)
"""Variances of noise and signal, relative to the data's, from the best of which the search begins."""

FARTHEST = np.log(3.0)
"""Factor, as a logarithm, by which a length may leave the choice of its axis alone: farther away, one axis whose points
would have nothing to do with one another can explain all."""

WORTH_A_MIRROR = 10.0
"""Nats that functions have to gain by being odd or even at an end: walls and planes of symmetry gain thousands."""

LEAST_POINTS = 8
"""Points of an axis below which they cannot tell a mirror from a curve that looks like one: of seven, intervals came to
hold 60 %."""


class JointChoice(NamedTuple):
    """What all field axes chose together.

    Attributes:
        lengths: of every axis.
        ends: what functions are at both ends of every axis.
    """

    lengths: tuple[float, ...]
    ends: tuple[tuple[int, int], ...]

    def with_ends(self, a: int, ends: tuple[int, int]) -> JointChoice:
        """The same with other ends of axis a."""
        return self._replace(ends=(*self.ends[:a], ends, *self.ends[a + 1 :]))


def choose_jointly(
    spans: Sequence[Float[np.ndarray, "n R"]],
    tensor: Float[np.ndarray, "L *R n"],
    coordinates: Sequence[Float[np.ndarray, " n"]],
    lengths: Sequence[float],
    rates: Sequence[float],
) -> JointChoice:
    """The lengths of highest joint evidence, and whether functions are odd or even at the ends of their axes.

    Args:
        spans: orthonormal columns of every field axis.
        tensor: the data in these columns, outputs first, the last axis last.
        coordinates: points of every field axis in units of the domain.
        lengths: where the search begins, the choice of every axis alone.
        rates: of the logarithmic coordinates, which stay.
    """
    fields = _leading(tensor)
    alone = JointChoice(tuple(lengths), ((FREE, FREE),) * len(lengths))
    if not 0 < math.prod(len(x) for x in coordinates) * fields.shape[-1] <= ENTRIES:
        return alone
    # Of a long axis some points take part, as in its own choice: its kernel is decomposed in every evaluation.
    some = [thin(len(x)) for x in coordinates]
    coordinates = [x[rows] for x, rows in zip(coordinates, some, strict=True)]
    spans = [span[rows] for span, rows in zip(spans, some, strict=True)]
    stretched = [stretch(x, rate) for x, rate in zip(coordinates, rates, strict=True)]
    energy = np.sum(multi_mode_dot(fields, [*spans, None]) ** 2, axis=tuple(range(fields.ndim - 1)))
    count, shares = math.prod(len(x) for x in coordinates), np.sqrt(energy / energy.max())

    def cost(choice: JointChoice, amplitude: float, noise: float) -> float:
        """The negative log evidence."""
        kernels = (mirrored_kernel(*axis) for axis in zip(stretched, *choice, strict=True))
        decomposed = [np.linalg.eigh(kernel) for kernel in kernels]
        matrices = [vectors.T @ span for (_, vectors), span in zip(decomposed, spans, strict=True)]
        inside = multi_mode_dot(fields, [*matrices, None]) ** 2
        # Eigenvalues are known to round-off of the largest; what they say below that must not count as knowledge.
        product = outer([np.maximum(v, 0.0) + len(v) * np.finfo(float).eps * v[-1] for v, _ in decomposed])
        total = 0.0
        for r, (size, share) in enumerate(zip(energy, shares, strict=True)):
            variance = (size / count) * (amplitude * product + noise)
            total += 0.5 * np.sqrt(share) * float(np.sum(inside[..., r] / variance + np.log(variance)))
        return total

    variances = [(amplitude, noise) for amplitude in AMPLITUDE for noise in NOISE]
    begin = min(variances, key=lambda own: cost(alone, *own))
    asked = [a for a, x in enumerate(coordinates) if rates[a] == 0.0 and len(x) >= LEAST_POINTS]
    choice = _mirrored(lambda trial: cost(trial, *begin), alone, asked)

    def objective(theta: Float[np.ndarray, " P"]) -> float:
        """The same of log lengths, amplitude and noise."""
        *own, amplitude, noise = (float(value) for value in np.exp(theta))
        astray = np.any(np.abs(theta[:-2] - first[:-2]) > FARTHEST)
        if astray or min(own) < SHORTEST or max(own) > LONGEST:
            return np.inf
        return cost(choice._replace(lengths=tuple(own)), amplitude, noise)

    first = np.log([*choice.lengths, *begin])
    simplex = np.tile(first, (len(first) + 1, 1))
    simplex[1:] += np.diag([*([0.1] * len(lengths)), 1.0, 1.0])
    options = {"maxfev": EVALUATIONS, "xatol": 5e-3, "fatol": 0.1, "initial_simplex": simplex}
    found = minimize(objective, first, method="Nelder-Mead", options=options)
    return choice._replace(lengths=tuple(float(x) for x in np.exp(found.x[:-2])))


def _mirrored(cost: Callable[[JointChoice], float], choice: JointChoice, asked: Sequence[int]) -> JointChoice:
    """The choice with mirrors at those ends of some axes that gain by them, one by one; a stretched axis is not asked,
    since it has its transient at an end."""
    least = cost(choice)
    for a in asked:
        for side in (0, 1):
            for kind in (ODD, EVEN):
                before = choice.ends[a]
                trial = choice.with_ends(a, (kind, before[1]) if side == 0 else (before[0], kind))
                now = cost(trial)
                if now < least - WORTH_A_MIRROR:
                    choice, least = trial, now
    return choice


def _leading(tensor: Float[np.ndarray, "L *R n"]) -> Float[np.ndarray, "*R r"]:
    """The leading singular vectors of the last axis as fields, those of all outputs together, each of unit size."""
    left, values = left_singular(unfold(tensor, tensor.ndim - 1))
    kept = min(LEADING, int(np.sum(values > 1e-4 * max(values[0], np.finfo(float).tiny))) or 1)
    fields = mode_dot(tensor, left[:, :kept].T, tensor.ndim - 1)
    together = np.concatenate(list(fields), axis=-1)
    norms = np.sqrt(np.sum(together**2, axis=tuple(range(together.ndim - 1))))
    together = together[..., norms > 1e-4 * max(norms.max(), np.finfo(float).tiny)]
    return together[..., : 2 * LEADING]
