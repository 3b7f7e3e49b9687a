"""Solvers that are functions of Python, as `dataset.callable` names them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

X = np.linspace(0.0, 1.0, 6)


def decay(k: float, P: float) -> dict[str, np.ndarray]:
    """A field on a line, with its coordinate."""
    print("a line for stdout")
    return {"x": X, "u": P * np.exp(-k * X), "v": k * X}


def number(k: float, P: float) -> float:
    """A single number."""
    return k * P


def noted(k: float, P: float) -> float:
    """A single number; every call leaves a line in a file, so that calls can be counted."""
    with open(os.environ["NOTES"], "a", encoding="utf-8") as file:
        file.write(f"{k!r} {P!r}\n")
    return k * P


def awkward(k: float, P: float) -> object:
    """Fails in every way, depending on k from 0 to 9."""
    kind = int(k)
    if kind == 1:
        raise ValueError("no convergence\nat all")
    if kind == 2:
        return float("nan")
    if kind == 3:
        return [1.0, 2.0]
    if kind == 4:
        time.sleep(60)
    if kind == 5:
        os._exit(3)
    if kind == 6:
        return "text"
    if kind == 7:
        raise SystemExit(2)
    return k + P


def relative(k: float, P: float) -> float:
    """Reads a file beside it and writes one where it stands."""
    Path("scratch.txt").write_text(f"{k}\n")
    return k * float(Path("factor.txt").read_text())


def materials(k: float, material: str, n: int) -> float:
    """Numbers, whole numbers and choices."""
    assert isinstance(n, int) and isinstance(material, str)
    return k * n * (2.0 if material == "steel" else 1.0)
