"""Helmholtz' equation with sources that do not vanish on the boundary, by Legendre polynomials.

A series of sines needs M² terms for an error of M^-2 there, since the coefficients of such a source end nowhere. The
polynomials only meet the corners, where the solution behaves as r² log r: an error of about M^-7. Shen, "Efficient
spectral-Galerkin method I", SIAM Journal on Scientific Computing 15 (1994).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.polynomial import legendre
from scipy.linalg import eigh

from binn_cli.datasets.sine_series import Function

Factors = tuple[Float[np.ndarray, "m r"], Float[np.ndarray, "m r"]]


def legendre_factors(sources: Sequence[Sequence[Function]], wave_number: float, modes: int) -> Factors:
    """Coefficients of u of -Δu - κ²u = Σ_s f_s(x) g_s(y) on the unit square, zero on the boundary.

    u = Σ_r (Σ_m a_mr φ_m(x)) (Σ_m b_mr φ_m(y)) with φ_m = L_m - L_{m+2}, scaled so that ∫ φ_m' φ_n' = δ_mn.
    """
    nodes, weights = legendre.leggauss(2 * modes)
    x, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    table = functions(x, modes)
    mass = (table * weights[:, None]).T @ table
    sizes, vectors = eigh(mass)  # of φ, whose stiffness is the identity
    loads = sum(np.outer((weights * f(x)) @ table, (weights * g(x)) @ table) for f, g in sources)
    shrunk = sizes[:, None] + sizes - wave_number**2 * np.outer(sizes, sizes)
    found = vectors @ ((vectors.T @ loads @ vectors) / shrunk) @ vectors.T
    left, values, right = np.linalg.svd(found)
    kept = int(np.sum(values > np.finfo(float).eps * values[0]))
    return left[:, :kept] * values[:kept], right[:kept].T


def functions(x: Float[np.ndarray, " n"], modes: int) -> Float[np.ndarray, "n modes"]:
    """φ_m at points of [0, 1], zero at both ends."""
    values = legendre.legvander(2.0 * x - 1.0, modes + 1)
    # d/dx of L_m - L_{m+2} is -2 (2m+3) L_{m+1}, whose square has the integral 4 (2m+3).
    return (values[:, :-2] - values[:, 2:]) / np.sqrt(4.0 * (2.0 * np.arange(modes) + 3.0))
