"""The exact solution of the heat problem as a sine series: the independent reference of the finite elements.

u(x, y, t) = Σ_pq b_pq / (k λ_pq) (1 − exp(−k λ_pq t)) sin(pπx) sin(qπy), λ_pq = π²(p² + q²). A Gaussian source is
separable, so that b_pq is a sum over the sources of products of one-dimensional integrals.
"""

from functools import lru_cache

import numpy as np

MODES = 240
PAPER_CENTERS = [[float(x), float(y)] for x in np.linspace(0.1, 0.9, 4) for y in np.linspace(0.1, 0.9, 4)]


@lru_cache
def quadrature(n):
    """Gauss–Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


@lru_cache
def sine_coefficients(center, radius, modes):
    """2 ∫ exp(−2 (s − c)² / r0²) sin(pπs) ds over [0, 1] for p = 1 … modes, by Gauss–Legendre quadrature."""
    nodes, weights = quadrature(5 * modes)
    profile = np.exp(-2 * (nodes - center) ** 2 / radius**2)
    return 2 * np.sin(np.pi * np.outer(np.arange(1, modes + 1), nodes)) @ (weights * profile)


def exact(x, y, t, k, centers, radius, modes=MODES):
    """u for P = 1 at the product of x, y and t: (nx, ny, nt)."""
    p = np.arange(1, modes + 1)
    source = sum(
        np.outer(sine_coefficients(cx, radius, modes), sine_coefficients(cy, radius, modes)) for cx, cy in centers
    )
    rate = k * np.pi**2 * (p[:, None] ** 2 + p**2)
    along_x, along_y = np.sin(np.pi * np.outer(x, p)), np.sin(np.pi * np.outer(y, p))
    return np.stack([along_x @ (source / rate * -np.expm1(-rate * time)) @ along_y.T for time in t], axis=-1)


def relative_rmse(found, reference):
    return np.sqrt(np.mean((found - reference) ** 2)) / reference.std()
