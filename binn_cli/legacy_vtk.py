"""Triangulated surfaces as legacy VTK files, which ParaView opens; writing them needs no VTK library."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int


def surface_file(
    title: str,
    points: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    arrays: Mapping[str, Float[np.ndarray, " n"]],
    *,
    normals: Float[np.ndarray, "n 3"] | None = None,
    binary: bool = True,
) -> bytes:
    """A surface as POLYDATA in the legacy format, version 3.0, single precision.

    Args:
        title: one line, cut after 255 characters.
        points: (n, 3) coordinates.
        triangles: (t, 3) rows of `points`.
        arrays: (n,) values at the points, by a name without blanks.
        normals: (n, 3) unit vectors, where they are to be written.
        binary: big-endian numbers; otherwise text with nine significant digits, which no single-precision number needs
            more of.
    """
    file = io.BytesIO()
    kind = "BINARY" if binary else "ASCII"
    # The format gives the title one line of at most 256 bytes.
    line = " ".join(title.split()).encode("ascii", "replace").decode()[:255]
    _line(file, f"# vtk DataFile Version 3.0\n{line}\n{kind}\nDATASET POLYDATA\nPOINTS {len(points)} float")
    _numbers(file, points, ">f4", binary)
    _line(file, f"POLYGONS {len(triangles)} {4 * len(triangles)}")
    _numbers(file, np.column_stack([np.full(len(triangles), 3), triangles]), ">i4", binary)
    if arrays or normals is not None:
        _line(file, f"POINT_DATA {len(points)}")
    for name, values in arrays.items():
        _line(file, f"SCALARS {name} float 1\nLOOKUP_TABLE default")
        _numbers(file, values[:, None], ">f4", binary)
    if normals is not None:
        _line(file, "NORMALS Normals float")
        _numbers(file, normals, ">f4", binary)
    return file.getvalue()


def _line(file: io.BytesIO, text: str) -> None:
    file.write(f"{text}\n".encode("ascii"))


def _numbers(file: io.BytesIO, values: np.ndarray, kind: str, binary: bool) -> None:
    if binary:
        file.write(np.ascontiguousarray(values, dtype=kind).tobytes() + b"\n")
        return
    form = "%d" if kind == ">i4" else "%.9g"
    row = " ".join([form] * values.shape[1])
    file.write(("\n".join([row] * len(values)) % tuple(values.ravel().tolist()) + "\n").encode("ascii"))
