"""Chebyshev polynomials on [0, 1]: their values, the points at which they are interpolated, and coefficients from
values there (Trefethen, "Approximation theory and approximation practice", chapters 2 to 4)."""

from __future__ import annotations

import numpy as np
import scipy.fft
from jaxtyping import Float


def chebyshev_values(x: Float[np.ndarray, " n"], count: int) -> Float[np.ndarray, "K n"]:
    """T_0 to T_(count-1) at points of [0, 1]: from T_0 to T_m those up to T_2m in one step."""
    values = np.empty((count, len(x)))
    values[0] = 1.0
    if count > 1:
        np.multiply(x, 2.0, out=values[1])
        values[1] -= 1.0
    known = 1
    while known + 1 < count:
        new = min(known, count - 1 - known)
        block = values[known + 1 : known + 1 + new]
        np.multiply(values[known], values[1 : new + 1], out=block)  # T_(m+j) = 2 T_m T_j - T_(m-j)
        block *= 2.0
        block -= values[known - new : known][::-1]
        known += new
    return values


def chebyshev_points(degree: int) -> Float[np.ndarray, " n"]:
    """The degree + 1 points of [0, 1] at which T_degree is largest."""
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.arange(degree + 1) / degree))


def coefficients(values: Float[np.ndarray, "*n"], axis: int) -> Float[np.ndarray, "*n"]:
    """Coefficients of the polynomial through values at `chebyshev_points` along an axis."""
    found = np.moveaxis(scipy.fft.dct(values, type=1, axis=axis), axis, 0) / (values.shape[axis] - 1)
    found[0] *= 0.5
    found[-1] *= 0.5
    return np.moveaxis(found, 0, axis)
