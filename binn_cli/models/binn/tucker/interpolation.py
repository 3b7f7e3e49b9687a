"""The functions on an axis of several coordinates, interpolated to a grid, where they can be decomposed coordinate by coordinate.

Points of several coordinates have no unfoldings. A Gaussian process with the kernel that the bases stand for (the product over the
coordinates of phi(x) phi(x')^T) carries the axis's columns to a small product grid; the higher-order SVD of that tensor then says how
many functions each coordinate needs, and which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.evidence import AMPLITUDE
from binn_cli.models.binn.statistics import PointAxis

MOST_POINTS = 400
"""Points of the axis that take part; what follows costs their cube, once a fit."""

GRID_POINTS = 4096
"""Points of the product grid, spread evenly over the coordinates."""

NOISE = np.geomspace(1e-16, 10.0, 35)

RIDGE = 1e-10
"""Relative ridge when a singular vector is written in a basis; it bounds the weights where the basis is nearly dependent."""


@dataclass(frozen=True)
class CoordinateShapes:
    """The leading functions of one coordinate.

    Attributes:
        values: (g,) their relative sizes, descending.
        weights: (g, K) their whitened weights.
        error: standard deviation of the interpolated values, by noise and by what the points leave open, relative to all of them.
    """

    values: Float[np.ndarray, " g"]
    weights: Float[np.ndarray, "g K"]
    error: float


def coordinate_shapes(axis: PointAxis, points: Float[np.ndarray, "n D"], columns: Float[np.ndarray, "n C"]) -> list[CoordinateShapes]:
    """The leading functions of every coordinate.

    Args:
        axis: the axis; rows beyond the n points are padding.
        points: its points.
        columns: functions on the axis, scaled by their size.
    """
    n = len(points)
    taken = np.arange(n) if n <= MOST_POINTS else np.unique(np.linspace(0, n - 1, MOST_POINTS).round().astype(int))
    size = np.sqrt(np.mean(columns[taken] ** 2, axis=0).sum())
    if size == 0.0:
        size = 1.0
    columns = columns[taken] / size
    at_points, at_grid = _designs(axis, points, taken)
    scales = [np.mean(np.sum(phi**2, axis=1)) for phi in at_points]
    kernel = np.ones((len(taken), len(taken)))
    cross = np.ones((1, len(taken)))
    for phi, grid, scale in zip(at_points, at_grid, scales, strict=True):
        kernel = kernel * (phi @ phi.T / scale)
        cross = (cross[:, None] * (grid @ phi.T / scale)).reshape(-1, len(taken))
    coefficients, error = _regressed(kernel, cross, columns)
    tensor = (cross @ coefficients).reshape(*(len(grid) for grid in at_grid), -1)
    found = []
    for c, grid in enumerate(at_grid):
        unfolded = np.moveaxis(tensor, c, 0).reshape(len(grid), -1)
        left, values, _ = np.linalg.svd(unfolded, full_matrices=False)
        gram = grid @ grid.T
        ridge = RIDGE * np.trace(gram) / len(grid) + np.finfo(float).tiny
        weights = grid.T @ np.linalg.solve(gram + ridge * np.eye(len(grid)), left)
        found.append(CoordinateShapes(values / max(values[0], np.finfo(float).tiny), weights.T, error))
    return found


def _designs(
    axis: PointAxis, points: Float[np.ndarray, "n D"], taken: Int[np.ndarray, " t"]
) -> tuple[list[Float[np.ndarray, "t K"]], list[Float[np.ndarray, "g K"]]]:
    """Design rows of every coordinate at the points taken, and at evenly strided distinct values."""
    per_coordinate = int(GRID_POINTS ** (1.0 / points.shape[1]) + 1e-9)
    at_points, at_grid = [], []
    for c, (design, owner) in enumerate(zip(axis.designs, axis.owner, strict=True)):
        rows = np.asarray(design)
        of_point = np.arange(len(rows)) if owner is None else np.asarray(owner)
        _, first = np.unique(points[:, c], return_index=True)
        chosen = np.unique(np.linspace(0, len(first) - 1, min(per_coordinate, len(first))).round().astype(int))
        at_points.append(rows[of_point[taken]])
        at_grid.append(rows[of_point[first[chosen]]])
    return at_points, at_grid


def _regressed(
    kernel: Float[np.ndarray, "n n"], cross: Float[np.ndarray, "g n"], columns: Float[np.ndarray, "n C"]
) -> tuple[Float[np.ndarray, "n C"], float]:
    """Coefficients of the posterior means, and the standard deviation on the grid; noise and amplitudes maximise the evidence."""
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ columns
    best, chosen = -np.inf, (NOISE[0], np.ones(columns.shape[1]))
    for noise in NOISE:
        variance = AMPLITUDE[:, None] * values + noise
        fit = -0.5 * ((1.0 / variance) @ rotated**2 + np.sum(np.log(variance), axis=1)[:, None])
        total = float(np.sum(np.max(fit, axis=0)))
        if total > best:
            best, chosen = total, (noise, AMPLITUDE[np.argmax(fit, axis=0)])
    noise, amplitude = chosen
    gain = amplitude / (values[:, None] * amplitude + noise)
    # The kernel is one on average, and the columns' mean squares add up to one.
    explained = np.mean((cross @ vectors) ** 2, axis=0) @ gain
    open_variance = np.sum(amplitude * np.clip(1.0 - explained, 0.0, 1.0))
    return vectors @ (rotated * gain), float(np.sqrt(noise + open_variance))
