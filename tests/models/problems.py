"""Small data sets of every structure that the engine knows, built once for all its tests."""

from __future__ import annotations

import numpy as np

from binn_cli.datasets.product import Axis, ProductData

KINDS = ("line", "grid", "mixed", "scattered")


def smooth(inputs: np.ndarray) -> np.ndarray:
    """A function of any number of inputs of order one, of rank two."""
    scaled = inputs / np.array([1.0, 1.0, 0.04, 4.0, 200.0])[: inputs.shape[1]]
    return np.sin(2.5 * scaled + 0.3).prod(axis=1) + 0.4 * np.cos(1.5 * scaled).prod(axis=1)


def problem(kind: str, *, noise: float = 0.0, seed: int = 0) -> ProductData:
    """Data of one output `u` on a line of points, a grid, a grid with an axis of cases, or scattered points."""
    rng = np.random.default_rng(seed)
    if kind == "line":
        axes: tuple[Axis, ...] = (Axis("point", rng.uniform(0, 1, (50, 1)), ("x",)),)
    elif kind == "grid":
        axes = tuple(
            Axis.of(name, np.linspace(0, top, n)) for name, n, top in (("x", 9, 1), ("y", 8, 1), ("t", 7, 0.04))
        )
    elif kind == "mixed":
        cases = np.stack([rng.choice(np.linspace(1, 4, 5), 12), rng.uniform(100, 200, 12)], axis=1)
        axes = (
            Axis.of("x", np.linspace(0, 1, 9)),
            Axis.of("y", np.linspace(0, 1, 8)),
            Axis.of("t", np.linspace(0, 0.04, 6)),
        )
        axes = (*axes, Axis("case", cases, ("k", "P")))
    else:
        axes = (Axis("point", rng.uniform(0, 1, (400, 2)), ("x", "y")),)
    shape = tuple(axis.size for axis in axes)
    blank = ProductData(axes, np.zeros((*shape, 1)), ("u",))
    values = smooth(blank.table()[0]) + noise * rng.standard_normal(blank.n_points)
    return ProductData(axes, values.reshape(*shape, 1), ("u",))


def new_points(data: ProductData, n: int = 40, seed: int = 1) -> Axis:
    """Random points of the data's bounding box, as one axis."""
    low = np.concatenate([axis.points.min(axis=0) for axis in data.axes])
    high = np.concatenate([axis.points.max(axis=0) for axis in data.axes])
    return Axis("new", np.random.default_rng(seed).uniform(low, high, (n, len(low))), data.inputs)
