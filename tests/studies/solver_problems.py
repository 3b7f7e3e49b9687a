"""Solvers with known answers, as functions that `dataset.callable` names: which active learning is tried on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.studies.computer_experiments import EXPERIMENTS


def branin(x1: float, x2: float) -> float:
    """Branin's function, two parameters."""
    return _value("branin", x1, x2)


def borehole(rw: float, r: float, Tu: float, Hu: float, Tl: float, Hl: float, L: float, Kw: float) -> float:
    """Flow through a borehole (Harper and Gupta 1983), eight parameters."""
    return _value("borehole", rw, r, Tu, Hu, Tl, Hl, L, Kw)


def _value(name: str, *inputs: float) -> float:
    return float(EXPERIMENTS[name].function(np.array([inputs]))[0])


def _ranges(name: str, inputs: Sequence[str]) -> str:
    one = EXPERIMENTS[name]
    ends = (f"{key}: [{low}, {high}]" for key, low, high in zip(inputs, one.low, one.high, strict=True))
    return f"{{{', '.join(ends)}}}"


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
    "branin": _ranges("branin", ("x1", "x2")),
    "borehole": _ranges("borehole", ("rw", "r", "Tu", "Hu", "Tl", "Hl", "L", "Kw")),
    "heat": "{k: [1, 4], P: [100, 200], centre: [0.3, 0.7], width: [0.1, 0.3]}",
}
OUTPUTS = {"branin": "f", "borehole": "f", "heat": "u"}
