"""Triangulated surfaces: normals at points, values of cells at points, and whether two meshes are one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

ROUND_OFF = 2e-6
"""Two meshes are one where no coordinate differs by more than this share of their size: a few units of single
precision."""


def vertex_normals(points: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> Float[np.ndarray, "n 3"]:
    """Unit normals at the points: those of the adjacent triangles, weighted with their areas; zero at a point of no
    triangle.

    They point outwards, whichever way round the file lists the corners.
    """
    corners = (points.astype(np.float64) - points.mean(axis=0, dtype=np.float64))[triangles]
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(points), 3))
    for axis in range(3):
        normals[:, axis] = sum(np.bincount(triangles[:, k], areas[:, axis], len(points)) for k in range(3))
    # By the divergence theorem the sum is six times the volume, which is negative where normals point inwards.
    if np.einsum("ti,ti->", corners.mean(axis=1), areas) < 0:
        normals = -normals
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(length > 0, length, 1.0)


def at_points(
    values: Float[np.ndarray, " t"], triangles: Int[np.ndarray, "t 3"], n_points: int
) -> Float[np.ndarray, " n"]:
    """Values of triangles as values at points: the mean over the adjacent triangles; NaN at a point of no triangle."""
    corners = triangles.ravel()
    count = np.bincount(corners, minlength=n_points)
    total = np.bincount(corners, np.repeat(values.astype(np.float64), 3), n_points)
    return np.divide(total, count, out=np.full(n_points, np.nan), where=count > 0)


def same_mesh(
    points: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    other_points: Float[np.ndarray, "m 3"],
    other_triangles: Int[np.ndarray, "s 3"],
) -> bool:
    """Whether two meshes have the same triangles and, to round-off, the same points in the same order."""
    if points.shape != other_points.shape or not np.array_equal(triangles, other_triangles):
        return False
    size = float(np.ptp(points, axis=0).max())
    return bool(np.abs(points.astype(np.float64) - other_points).max() <= ROUND_OFF * size)
