"""Small folders of simulations, in every kind of file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import h5py
import meshio
import numpy as np
import xarray as xr

RNG = np.random.default_rng(2)
PARAMETERS = np.column_stack([RNG.uniform(1, 4, 9).round(3), RNG.uniform(1, 2, 9).round(3)])
"""k and P of nine simulations."""
POINTS = RNG.uniform(size=(12, 2)).round(4)
TRIANGLES = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
X, Y = np.linspace(0, 1, 4), np.linspace(0, 1, 3)
TIMES = (0.0, 0.5, 2.0)


def field(x: np.ndarray, y: np.ndarray, k: float, p: float, t: float = 0.0) -> np.ndarray:
    """The value that a file holds at a place."""
    return p * np.sin(x + 1) * np.exp(-k * y) * np.exp(-t)


def _mesh(points: np.ndarray, u: np.ndarray) -> meshio.Mesh:
    flat = np.column_stack([points, np.zeros(len(points))])
    data = {"u": u, "U": np.column_stack([u, 2 * u, 3 * u])}
    cells = {"c": [u[TRIANGLES].mean(axis=1)]}
    return meshio.Mesh(flat, [("triangle", TRIANGLES)], point_data=data, cell_data=cells)


def mesh_file(path: Path, k: float, p: float, points: np.ndarray = POINTS) -> None:
    """A mesh with a field, a vector and a field in cells; the format is that of the ending."""
    _mesh(points, field(*points.T, k, p)).write(path)


def vtk_surface(path: Path, k: float, p: float) -> None:
    """A legacy file with a surface, which meshio does not read."""
    values = field(*POINTS.T, k, p)
    text = ["# vtk DataFile Version 3.0", "a surface", "ASCII", "DATASET POLYDATA", f"POINTS {len(POINTS)} double"]
    text += [f"{x!r} {y!r} 0" for x, y in POINTS.tolist()]
    text += [
        f"POLYGONS {len(TRIANGLES)} {4 * len(TRIANGLES)}",
        *("3 " + " ".join(map(str, t)) for t in TRIANGLES.tolist()),
    ]
    text += [f"POINT_DATA {len(POINTS)}", "SCALARS u double 1", "LOOKUP_TABLE default", *map(repr, values.tolist())]
    path.write_text("\n".join(text) + "\n")


def xdmf_series(path: Path, k: float, p: float) -> None:
    """Three times on one mesh, the numbers in an HDF5 file beside it."""
    before = Path.cwd()
    os.chdir(path.parent)  # meshio writes the file of the numbers where it stands
    try:
        with meshio.xdmf.TimeSeriesWriter(path.name) as writer:
            first = _mesh(POINTS, field(*POINTS.T, k, p))
            writer.write_points_cells(first.points, first.cells)
            for t in TIMES:
                writer.write_data(t, point_data={"u": field(*POINTS.T, k, p, t)})
    finally:
        os.chdir(before)


def netcdf_grid(path: Path, k: float, p: float) -> None:
    """A grid, with another field beside."""
    u = field(X[:, None], Y[None, :], k, p)
    variables = {"u": (("x", "y"), u, {"units": "K"}), "other": (("x", "y"), np.zeros_like(u))}
    xr.Dataset(variables, coords={"x": X, "y": Y}).to_netcdf(path)


def csv_points(path: Path, k: float, p: float) -> None:
    """Rows of points in a text."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "u", "T"])
        writer.writerows([x, y, field(x, y, k, p), 1.0] for x, y in POINTS.tolist())


def npz_series(path: Path, k: float, p: float) -> None:
    """A field over times and points of a line."""
    np.savez(path, x=X, t=np.array(TIMES), u=np.array([field(X, X, k, p, t) for t in TIMES]))


def hdf5_points(path: Path, k: float, p: float) -> None:
    """An array of points and one of vectors."""
    with h5py.File(path, "w") as file:
        file["points"] = POINTS
        file["U"] = np.column_stack([field(*POINTS.T, k, p), POINTS[:, 0]])


def folder(
    directory: Path,
    write: Callable[[Path, float, float], None] = mesh_file,
    ending: str = ".vtu",
    *,
    name: Callable[[int, float, float], str] = lambda i, k, p: f"run_{i}",
    table: bool = True,
    listed: Sequence[str] | None = None,
) -> Path:
    """A folder of nine simulations, with a table of parameters that names their files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = [f"{name(i, k, p)}{ending}" for i, (k, p) in enumerate(PARAMETERS.tolist())]
    for file, (k, p) in zip(files, PARAMETERS.tolist(), strict=True):
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        write(directory / file, k, p)
    if table:
        with (directory / "parameters.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["run", "file", "k", "P"])
            writer.writerows(
                [i + 1, file, k, p]
                for i, (file, (k, p)) in enumerate(zip(listed or files, PARAMETERS.tolist(), strict=True))
            )
    return directory


@lru_cache
def a_folder() -> str:
    """The path of a folder of CSV files that lasts as long as the process."""
    return str(folder(Path(mkdtemp()) / "runs", csv_points, ".csv"))
