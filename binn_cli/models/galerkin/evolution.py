"""The scalar equation y' + s y = g by discontinuous Galerkin in time, for all s of a range at once.

In the eigenvectors of everything but time, a parabolic equation is one such equation for every eigenvalue s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.polynomial import legendre
from scipy import linalg
from scipy.interpolate import BSpline, make_interp_spline

from binn_cli.datasets.problem import Factor
from binn_cli.models.galerkin.spaces import Broken
from binn_cli.models.galerkin.train import needed, svd

SAMPLES = 385
"""Values of s at which the equation is solved; the others are interpolated in log s by splines."""

SPLINE_DEGREE = 7
ROUND_OFF = 1e-14


def solutions(
    space: Broken, rates: Float[np.ndarray, " m"], source: Factor | None, start: float
) -> Float[np.ndarray, "m n"]:
    """Coefficients of y for every rate s.

    Args:
        space: polynomials between times.
        rates: s.
        source: g; None for zero.
        start: y at the first time.
    """
    count, widths = len(space.breakpoints) - 1, np.diff(space.breakpoints)
    left, change, back, poles = reference(space.degree)
    loads = np.zeros((count, space.degree + 1)) if source is None else loads_in_time(space, source)
    found = np.empty((len(rates), count, space.degree + 1))
    before = np.full(len(rates), start)
    for number, width in enumerate(widths):
        right = loads[number] + before[:, None] * (left / np.sqrt(width))
        scaled = (right @ back.T) / (poles / width + rates[:, None])
        found[:, number] = (scaled @ change.T).real
        before = found[:, number] @ (np.sqrt(2 * np.arange(space.degree + 1) + 1.0) / np.sqrt(width))
    return found.reshape(len(rates), -1)


def reference(
    degree: int,
) -> tuple[Float[np.ndarray, " k"], np.ndarray, np.ndarray, np.ndarray]:
    """On [0, 1]: values at the start, and the eigendecomposition of the derivative with its jump."""
    nodes, weights = legendre.leggauss(degree + 1)
    norms = np.sqrt(2 * np.arange(degree + 1) + 1.0)
    values = legendre.legvander(nodes, degree) * norms
    slopes = np.stack([legendre.Legendre.basis(k).deriv()(nodes) for k in range(degree + 1)], axis=1) * norms * 2
    left = norms * (-1.0) ** np.arange(degree + 1)
    derivative = values.T @ (weights[:, None] / 2 * slopes) + np.outer(left, left)
    poles, change = linalg.eig(derivative)
    return left, change, np.linalg.inv(change), poles


def loads_in_time(space: Broken, source: Factor) -> Float[np.ndarray, "e k"]:
    """∫ g v dt for every interval and polynomial."""
    nodes, weights = legendre.leggauss(space.degree + 8)
    widths = np.diff(space.breakpoints)
    times = space.breakpoints[:-1, None] + widths[:, None] * (nodes + 1) / 2
    values = legendre.legvander(nodes, space.degree) * np.sqrt(2 * np.arange(space.degree + 1) + 1.0)
    found = np.asarray(source(times.ravel())).reshape(times.shape) * (weights / 2)
    return found @ values * np.sqrt(widths)[:, None]


@dataclass(frozen=True)
class Family:
    """Solutions for every s of a range, as sums over few functions of time.

    Attributes:
        functions: (n, r) orthonormal coefficients of r functions of time.
        shift: what is added to s before its logarithm is taken.
        amplitudes: for every source, splines in log (s + shift) with r values, to be divided by s + shift.
    """

    functions: Float[np.ndarray, "n r"]
    shift: float
    amplitudes: tuple[BSpline, ...]

    @classmethod
    def of(
        cls, space: Broken, lowest: float, highest: float, sources: Sequence[Factor | None], tolerance: float
    ) -> Family:
        """Solve for s from `lowest` to `highest`; a source that is None stands for the start at one.

        Args:
            space: polynomials between times.
            lowest: smallest s; may be negative, for what grows.
            highest: largest s.
            sources: right-hand sides.
            tolerance: largest difference over the norm of all solutions.
        """
        duration = float(space.breakpoints[-1] - space.breakpoints[0])
        shift = 1.0 / duration + 2.0 * max(0.0, -lowest)
        logs = np.linspace(np.log(lowest + shift) - 1e-3, np.log(highest + shift) + 1e-3, SAMPLES)
        shifted = np.exp(logs)
        solved = [
            solutions(space, shifted - shift, source, float(source is None)) * shifted[:, None] for source in sources
        ]
        left, sizes, right = svd(np.concatenate(solved))
        kept = needed(sizes, max(tolerance, ROUND_OFF) * float(np.linalg.norm(sizes)))
        scaled = (left[:, :kept] * sizes[:kept]).reshape(len(sources), SAMPLES, kept)
        return cls(right[:kept].T, shift, tuple(make_interp_spline(logs, part, SPLINE_DEGREE) for part in scaled))

    def at(self, source: int, rates: Float[np.ndarray, "*m"]) -> Float[np.ndarray, "*m r"]:
        """Amplitudes of the functions of time for every rate s."""
        shifted = rates + self.shift
        return np.asarray(self.amplitudes[source](np.log(shifted))) / shifted[..., None]
