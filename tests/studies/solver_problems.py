"""Solvers with known answers, as functions that `dataset.callable` names: which active learning is tried on."""

from __future__ import annotations

import numpy as np


def branin(x1: float, x2: float) -> float:
    """Branin's function, two parameters."""
    well = (x2 - 5.1 / (4 * np.pi**2) * x1**2 + 5 / np.pi * x1 - 6) ** 2
    return float(well + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x1) + 10)


def borehole(rw: float, r: float, Tu: float, Hu: float, Tl: float, Hl: float, L: float, Kw: float) -> float:
    """Flow through a borehole (Harper and Gupta 1983), eight parameters."""
    log = np.log(r / rw)
    return float(2 * np.pi * Tu * (Hu - Hl) / (log * (1 + 2 * L * Tu / (log * rw**2 * Kw) + Tu / Tl)))


def heat(k: float, P: float, centre: float, width: float) -> dict[str, np.ndarray]:
    """u_t - k u_xx = P exp(-((x - centre) / width)²) on (0, 1), 0 at the ends and at t = 0, as a series of sines."""
    x, t, n = np.linspace(0.0, 1.0, 21), np.linspace(0.02, 0.1, 5), np.arange(1, 41)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    source = P * np.exp(-(((nodes - centre) / width) ** 2))
    load = 2.0 * (weights * source) @ np.sin(np.pi * np.outer(nodes, n))
    rate = k * (n * np.pi) ** 2
    u = np.einsum("n,tn,xn->xt", load / rate, -np.expm1(-np.outer(t, rate)), np.sin(np.pi * np.outer(x, n)))
    grid = np.meshgrid(x, t, indexing="ij")
    return {"x": grid[0].ravel(), "t": grid[1].ravel(), "u": u.ravel()}


RANGES = {
    "branin": "{x1: [-5, 10], x2: [0, 15]}",
    "borehole": "{rw: [0.05, 0.15], r: [100, 50000], Tu: [63070, 115600], Hu: [990, 1110], Tl: [63.1, 116], "
    "Hl: [700, 820], L: [1120, 1680], Kw: [9855, 12045]}",
    "heat": "{k: [1, 4], P: [100, 200], centre: [0.3, 0.7], width: [0.1, 0.3]}",
}
OUTPUTS = {"branin": "f", "borehole": "f", "heat": "u"}
