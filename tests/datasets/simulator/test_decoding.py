"""One field, written in every format that a solver may write, comes back the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from binn_cli.datasets.simulator.decoding import Layout, decoded
from binn_cli.errors import DataError
from binn_cli.legacy_vtk import surface_file

X, T = np.array([0.0, 0.25, 1.0]), np.array([0.0, 2.0])
U, V = np.add.outer(X, 10 * T), np.multiply.outer(X, T)
LAYOUT = Layout(("u", "v"), parameters=("k",))


def as_csv(path: Path, order: np.ndarray | None = None) -> None:
    x, t = np.meshgrid(X, T, indexing="ij")
    rows = np.column_stack([np.full(6, 1.5), x.ravel(), t.ravel(), U.ravel(), V.ravel()])
    np.savetxt(
        path, rows if order is None else rows[order], delimiter=",", header="k,x,t,u,v", comments="", fmt="%.17g"
    )


def as_netcdf(path: Path) -> None:
    xarray.Dataset({"u": (("x", "t"), U), "v": (("x", "t"), V)}, coords={"x": X, "t": T}).to_netcdf(
        path, engine="h5netcdf"
    )


def as_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, values in (("u", U), ("v", V), ("x", X), ("t", T)):
            file[name] = values


GRIDS: dict[str, Callable[[Path], None]] = {
    "a.csv": as_csv,
    "shuffled.csv": lambda path: as_csv(path, np.array([5, 2, 0, 1, 4, 3])),
    "a.nc": as_netcdf,
    "a.h5": as_hdf5,
    "a.npz": lambda path: np.savez(path, u=U, v=V, x=X, t=T, k=1.5),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid(name: str, tmp_path: Path) -> None:
    GRIDS[name](tmp_path / name)
    for layout in (LAYOUT, Layout(("u", "v"), ("x", "t"), ("k",))):
        field = decoded(tmp_path / name, layout)
        assert [axis.coordinates for axis in field.axes] == [("x",), ("t",)]
        np.testing.assert_array_equal(field.axes[0].points[:, 0], X)
        np.testing.assert_array_equal(field.axes[1].points[:, 0], T)
        np.testing.assert_array_equal(field.values, np.stack([U, V], axis=-1))


def test_points_of_a_mesh_in_the_file_or_in_a_file_of_their_own(tmp_path: Path) -> None:
    points = np.random.default_rng(0).random((7, 2))
    u = points @ [1.0, 2.0]
    np.savetxt(
        tmp_path / "a.csv", np.column_stack([points, u]), delimiter=",", header="x,y,u", comments="", fmt="%.17g"
    )
    np.save(tmp_path / "a.npy", u)
    mesh = {"x": points[:, 0], "y": points[:, 1]}
    for field in (decoded(tmp_path / "a.csv", Layout(("u",))), decoded(tmp_path / "a.npy", Layout(("u",), mesh=mesh))):
        (axis,) = field.axes
        assert axis.coordinates == ("x", "y")
        np.testing.assert_array_equal(axis.points, points)
        np.testing.assert_array_equal(field.values[:, 0], u)
    with pytest.raises(DataError, match="7 values, but dataset.mesh has 3 points"):
        decoded(tmp_path / "a.npy", Layout(("u",), mesh={"x": X}))


def test_a_mesh_at_several_times_is_a_product(tmp_path: Path) -> None:
    points = np.random.default_rng(1).random((9, 2))
    rows = [[*point, t, point.sum() + t] for t in (0.0, 1.0, 2.0) for point in points]
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header="x,y,t,u", comments="", fmt="%.17g")
    field = decoded(tmp_path / "a.csv", Layout(("u",)))
    assert sorted(axis.size for axis in field.axes) == [3, 9]
    x = {name: axis for axis in field.axes for name in axis.coordinates}
    assert set(x) == {"x", "y", "t"} and x["x"] is x["y"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "u,v\n3.5,4\n"), ("a.txt", "# u v\nu v\n3.5 4\n"), ("a.csv", "k,u,v,iterations\n1.5,3.5,4,17\n")],
)
def test_single_numbers(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    field = decoded(tmp_path / name, LAYOUT)
    assert field.axes == () and field.values.tolist() == [3.5, 4.0]


def test_arrays_without_names(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", np.array([3.5, 4.0]))
    assert decoded(tmp_path / "numbers.npy", LAYOUT).values.tolist() == [3.5, 4.0]
    np.save(tmp_path / "series.npy", U[:, 0])
    series = decoded(tmp_path / "series.npy", Layout(("u",)))
    assert series.axes[0].coordinates == ("index",) and series.values[:, 0].tolist() == U[:, 0].tolist()
    np.savez(tmp_path / "two.npz", **{"0": U, "1": V})
    two = decoded(tmp_path / "two.npz", LAYOUT)
    assert [axis.name for axis in two.axes] == ["index_1", "index_2"]
    np.testing.assert_array_equal(two.values[..., 1], V)


def test_vtk_at_points_and_at_cells(tmp_path: Path) -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5]], dtype=float)
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    (tmp_path / "a.vtk").write_bytes(
        surface_file("t", points, triangles, {"u": points.sum(axis=1), "other": points[:, 0]})
    )
    field = decoded(tmp_path / "a.vtk", Layout(("u",)))
    assert field.axes[0].coordinates == ("x", "y", "z")
    np.testing.assert_allclose(field.values[:, 0], field.axes[0].points.sum(axis=1), rtol=1e-6)
    with pytest.raises(DataError, match="there is no 'w'"):
        decoded(tmp_path / "a.vtk", Layout(("w",)))


def test_other_columns_are_no_coordinates_where_names_tell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,u,v,iterations\n0,1,3,10\n1,2,9,11\n3,2,7,12\n")
    assert [axis.coordinates for axis in decoded(tmp_path / "a.csv", Layout(("u",))).axes] == [("x",)]
    (tmp_path / "a.csv").write_text("x,u,angle\n0,1,3\n0,2,9\n3,2,7\n")  # x alone does not tell the rows apart
    assert [axis.coordinates for axis in decoded(tmp_path / "a.csv", Layout(("u",))).axes] == [("x", "angle")]


def test_axes_of_one_length_must_be_named(tmp_path: Path) -> None:
    square = np.add.outer(T, 10 * T)
    np.savez(tmp_path / "a.npz", u=square, t=T, x=5 * T)
    with pytest.raises(
        DataError, match=r"t, x may be the axes of the outputs in several orders; say which with dataset.axes"
    ):
        decoded(tmp_path / "a.npz", Layout(("u",)))
    field = decoded(tmp_path / "a.npz", Layout(("u",), ("x", "t")))
    assert field.axes[0].points[:, 0].tolist() == (5 * T).tolist()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "x,u,v\n0,1,2\n1,nan,3\n", r"a.csv: 'u' is nan \(1 of 4 values, first at x = 1\)"),
        ("a.csv", "u,v\n1,nan\n", "'v' is nan"),
        ("a.csv", "x,u\n0,1\n1,2\n", "there is no 'v'"),
        ("a.csv", "x,u,v\n", "no row|no value"),
        ("a.csv", "", "empty"),
        ("a.nc", "not a netcdf file", "is not a NetCDF file"),
        ("a.vtu", "x", "is not a VTK file"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        decoded(tmp_path / name, LAYOUT)


def test_how_a_field_differs_from_others(tmp_path: Path) -> None:
    def line(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    layout = Layout(("u",))
    first = decoded(line("a.csv", "x,u\n0,1\n1,2\n3,2\n"), layout)
    assert decoded(line("b.csv", "x,u\n0,5\n1.0000000000001,6\n3,2\n"), layout).differs_from(first.axes) == ""
    assert "has values at 2 points, but the cases before it have values at 3 points" in decoded(
        line("c.csv", "x,u\n0,1\n1,2\n"), layout
    ).differs_from(first.axes)
    assert "has x = 1.1 where" in decoded(line("d.csv", "x,u\n0,1\n1.1,2\n3,2\n"), layout).differs_from(first.axes)
    assert "along z" in decoded(line("e.csv", "z,u\n0,1\n1,2\n3,2\n"), layout).differs_from(first.axes)
    assert "1 point" in decoded(line("f.csv", "x,u\n0,1\n"), layout).differs_from(first.axes)
