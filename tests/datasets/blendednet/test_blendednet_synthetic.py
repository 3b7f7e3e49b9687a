"""The generator: closed surfaces, textbook aerodynamics, and archives that say what they are."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.datasets.blendednet.embedded import embedded_archive
from binn_cli.datasets.blendednet.synthetic import aerodynamics as aero
from binn_cli.datasets.blendednet.synthetic.archive import EMBEDDED, Plan, write_archive
from binn_cli.datasets.blendednet.synthetic.cases import CONDITIONS_13, GEOM_13, random_condition, random_geometry
from binn_cli.datasets.blendednet.synthetic.wing import LARGEST_OVAL, Planform, Section, wing_surface
from binn_cli.datasets.blendednet.tables import case_table, geometry_table
from binn_cli.datasets.blendednet.vtk import surface_fields
from binn_cli.errors import BinnError


def area_vectors(points, triangles):
    corners = points[triangles]
    return corners.mean(axis=1), 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(60, 5000))
def test_every_wing_is_a_closed_surface_facing_outwards(seed, n_points):
    wing = wing_surface(random_geometry(np.random.default_rng(seed)), n_points)
    edges = np.concatenate([wing.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert len(np.unique(edges, axis=0)) == len(edges), "no edge is passed twice in one direction"
    assert {tuple(edge) for edge in edges.tolist()} == {tuple(edge[::-1]) for edge in edges.tolist()}, (
        "every edge has two sides"
    )
    assert len(wing.points) - len(edges) // 2 + len(wing.triangles) == 2, "Euler's number of a sphere"
    centre, area = area_vectors(wing.points, wing.triangles)
    np.testing.assert_allclose(area.sum(axis=0), 0, atol=1e-12)
    assert np.einsum("ti,ti->", centre, area) > 0
    assert abs(len(wing.points) - n_points) < 0.2 * n_points + 20


def test_the_wing_has_the_published_planform_and_size():
    wing, planform = wing_surface(GEOM_13, 20_000), Planform(GEOM_13)
    low, high = wing.points.min(axis=0), wing.points.max(axis=0)
    # The ranges of the published surfaces.
    assert (
        low[0] >= -1e-9
        and high[0] <= 1.16
        and 0.8 < high[1] <= 1.06
        and low[1] == -high[1]
        and low[2] > -0.09
        and high[2] < 0.09
    )
    stations = np.cumsum([0, 0.151, 0.1904, 0.5305])
    np.testing.assert_allclose(planform.chord(stations), [1, 0.8492, 0.2017, 0.07973])
    edge = np.cumsum([0, *np.array([0.151, 0.1904, 0.5305]) * np.tan(np.radians([48.59, 47.31, 35.08]))])
    np.testing.assert_allclose(planform.leading_edge(-stations), edge)


def test_a_thin_section_lifts_as_thin_airfoil_theory_says():
    theta, alpha = (np.arange(4000) + 0.5) * np.pi / 4000, np.radians(2.0)
    lift = []
    for thickness in (0.02, 0.01):
        upper, lower = (
            1
            - aero.surface_speed(Section(theta, np.full(4000, side), np.full(4000, thickness)), np.full(4000, alpha))
            ** 2
            for side in (1.0, -1.0)
        )
        lift.append(np.sum((lower - upper) * np.sin(theta) / 2) * np.pi / 4000)
    # 2 pi (alpha + 2 h) for a parabola of height h = 0.01, plus terms of the order of the thickness, taken to zero
    # thickness.
    assert 2 * lift[1] - lift[0] == pytest.approx(2 * np.pi * (alpha + 0.02), rel=0.02)


def test_thickness_is_that_of_conformal_mapping():
    """The section with theta-terms sin and half sin 2 is Joukowski's to first order, whose surface speed is known
    exactly."""
    epsilon = 0.02
    phi = np.linspace(0.3, np.pi - 0.3, 50)
    circle = (1 + epsilon) * np.exp(1j * phi) - epsilon
    place = circle + 1 / circle
    speed = np.abs(1 - (1 + epsilon) ** 2 / (circle + epsilon) ** 2) / np.abs(1 - 1 / circle**2)
    nose = -(1 + 2 * epsilon)
    low, high = nose + 1 / nose, 2.0
    theta = np.arccos(1 - 2 * (place.real - low) / (high - low))
    section = Section(theta, np.ones(50), np.full(50, LARGEST_OVAL * epsilon))
    camber = 4 * aero.CAMBER * np.sin(theta) ** 2 / np.hypot(np.sin(theta), 2 * section.thickness_slope)
    np.testing.assert_allclose(aero.surface_speed(section, np.zeros(50)) - camber, speed, atol=5 * epsilon**2)
    assert np.abs(speed - 1).max() > 0.03, "the thickness is felt"


def test_compressibility():
    cp = np.array([-1e-4, 1e-4])
    np.testing.assert_allclose(
        aero.karman_tsien(cp, np.full(2, 0.6)), cp / 0.8, rtol=1e-4
    )  # Prandtl and Glauert: 1/sqrt(1 - M²)
    np.testing.assert_array_equal(aero.karman_tsien(np.array([-1.3, 1.0]), np.zeros(2)), [-1.3, 1.0])
    # Stagnation at Mach 0.5 is exactly ((1 + 0.2 M²)^3.5 − 1) / (0.7 M²).
    exact = ((1 + 0.2 * 0.25) ** 3.5 - 1) / (0.7 * 0.25)
    assert aero.karman_tsien(np.ones(1), np.array([0.5]))[0] == pytest.approx(exact, rel=0.02)


def test_friction_laws():
    low, high = np.array([1e4, 1e5]), np.array([1e7, 1e8])
    np.testing.assert_allclose(aero.plate_friction(low), 0.664 / np.sqrt(low), rtol=1e-2)
    # Prandtl and Schlichting's law of the local friction, which was fitted to other data.
    np.testing.assert_allclose(aero.plate_friction(high), (2 * np.log10(high) - 0.65) ** -2.3, rtol=0.06)


def test_the_standard_atmosphere_and_eckerts_temperature():
    assert aero.air_temperature(0) == 288.15 and aero.air_temperature(40) == 216.65
    assert aero.air_temperature(32.8084) == pytest.approx(223.15, abs=0.01)  # 10 km
    temperature, viscosity = aero.reference_state(aero.FlightCondition(0, 1e6, 0.0, 0))
    assert temperature == viscosity == 1
    hot, thick = aero.reference_state(aero.FlightCondition(0, 1e6, 0.5, 0))
    assert 1.02 < hot < 1.05 and thick == pytest.approx(hot**0.75, rel=5e-3)


def test_forces_of_the_wing():
    """Lift slope and drag against lifting-line theory and a flat plate of the same wetted area."""
    wing = wing_surface(GEOM_13, 20_000)
    at = {alpha: aero.FlightCondition(0, 1e7, 0.1, alpha) for alpha in (-2.0, 0.0, 2.0)}
    found = {alpha: aero.coefficients(wing, aero.flow(wing, condition), alpha) for alpha, condition in at.items()}
    slope = (found[2.0]["CL"] - found[-2.0]["CL"]) / np.radians(4)
    line = 2 * np.pi * wing.aspect_ratio / (wing.aspect_ratio + 2)
    assert 0.5 * line < slope < line, "sweep and tips take some of the lift of a straight wing"
    friction = {**aero.flow(wing, at[0.0]), "cp": np.zeros(len(wing.points))}
    assert aero.coefficients(wing, friction, 0.0)["CD"] == pytest.approx(2 * 0.0031, rel=0.35)
    assert aero.coefficients(
        wing, {**friction, **dict.fromkeys(("cf_x", "cf_y", "cf_z"), np.zeros(len(wing.points)))}, 0.0
    ) == pytest.approx({"CD": 0, "CL": 0, "CMy": 0})


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_fields_are_sensible_for_every_aircraft_and_condition(seed):
    draw = np.random.default_rng(seed)
    wing, condition = wing_surface(random_geometry(draw), 600), random_condition(draw)
    fields = aero.flow(wing, condition)
    assert all(np.isfinite(values).all() for values in fields.values())
    assert fields["cp"].max() <= 1.08 and fields["cp"].min() > -15
    friction = np.stack([fields[name] for name in ("cf_x", "cf_y", "cf_z")], axis=1)
    assert 1e-4 < np.linalg.norm(friction, axis=1).mean() < 0.03
    # Port and starboard mirror each other.
    mirror = np.lexsort(np.round(wing.points * [1, -1, 1], 9).T), np.lexsort(np.round(wing.points, 9).T)
    np.testing.assert_allclose(fields["cp"][mirror[0]], fields["cp"][mirror[1]], atol=1e-6)


def test_every_input_is_felt():
    wing = wing_surface(GEOM_13, 500)
    base = CONDITIONS_13[5]
    for change in ({"mach": 0.1}, {"alpha": 3.0}):
        assert np.abs(aero.flow(wing, replace(base, **change))["cp"] - aero.flow(wing, base)["cp"]).max() > 0.01
    for change in ({"reynolds": 4e6}, {"altitude": 40.0}, {"mach": 0.1}, {"alpha": 3.0}):
        change_of = aero.flow(wing, replace(base, **change))["cf_x"] - aero.flow(wing, base)["cf_x"]
        assert np.abs(change_of).max() > 1e-3 * np.abs(aero.flow(wing, base)["cf_x"]).max() * (
            0.1 if "altitude" in change else 1
        )


plans = st.builds(
    Plan,
    points=st.integers(60, 300),
    cases=st.integers(1, 10),
    test_geometries=st.integers(1, 3),
    train_geometries=st.integers(0, 3),
    train_cases=st.integers(1, 4),
    train_points=st.integers(60, 150),
    shared_mesh=st.booleans(),
    binary=st.booleans(),
    normals=st.booleans(),
    seed=st.integers(0, 9),
)


@settings(max_examples=15, deadline=None)
@given(plans)
def test_what_is_written_is_read(tmp_path_factory, plan):
    root = tmp_path_factory.mktemp("plan") / "archive"
    write_archive(root, plan)
    for folder, aircraft, cases in (
        ("test", plan.test_geometries, plan.cases),
        ("train", plan.train_geometries, plan.train_cases),
    ):
        if not aircraft:
            assert not (root / folder).exists()
            continue
        rows = case_table((root / folder / "case_data.dat").read_bytes(), "t")
        geometries = geometry_table((root / folder / "geom_params.ini").read_bytes(), "g")
        assert len(rows) == aircraft * cases and len(geometries) == aircraft
        assert {path.stem for path in (root / folder / "vtk").iterdir()} == set(rows)
        for row in rows.values():
            wing_totals(
                root / folder / f"vtk/{row.name}.vtk",
                row,
                geometries[row.geometry],
                plan,
                root / folder / "case_data.dat",
            )
    published = case_table((root / "test/case_data.dat").read_bytes(), "t")
    assert published["case_130"].conditions["alpha_deg"] == -8.569


def wing_totals(path: Path, row, geometry, plan: Plan, table: Path) -> None:
    """The fields of a file are those of the model, and their integrals those of the table."""
    fields = surface_fields(path.read_bytes(), path.name)
    size = plan.points if path.parent.parent.name == "test" else plan.train_points
    number = list(case_table(table.read_bytes(), "t")).index(row.name)
    per = plan.cases if path.parent.parent.name == "test" else plan.train_cases
    wing = wing_surface(geometry, size if plan.shared_mesh else size + number % per * size // 20)
    np.testing.assert_allclose(fields.points, wing.points, atol=1e-7)
    np.testing.assert_array_equal(fields.triangles, wing.triangles)
    state = row.conditions
    model = aero.flow(wing, aero.FlightCondition(state["alt_kft"], state["Re"], state["M_inf"], state["alpha_deg"]))
    for name, values in model.items():
        np.testing.assert_allclose(fields.values[name], values, rtol=2e-7, atol=1e-9)
    assert (fields.normals is not None) == plan.normals
    cells = {line.split()[0]: line.split() for line in table.read_text().splitlines()[1:]}
    header = table.read_text().splitlines()[0].lstrip("# ").split()
    found = {name: values.astype(float) for name, values in fields.values.items()}
    totals = aero.coefficients(replace(wing, points=fields.points.astype(float)), found, state["alpha_deg"])
    for name, value in totals.items():
        assert float(cells[row.name][header.index(name)]) == pytest.approx(value, rel=1e-4, abs=1e-6)


def test_the_same_plan_gives_the_same_bytes(tmp_path):
    plan = Plan(points=80, cases=2, train_geometries=1, train_cases=1, train_points=60)
    for name in ("a.zip", "b.zip"):
        write_archive(tmp_path / name, plan)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    write_archive(tmp_path / "more.zip", replace(plan, train_geometries=2))
    with zipfile.ZipFile(tmp_path / "a.zip") as few, zipfile.ZipFile(tmp_path / "more.zip") as more:
        assert few.read("train/vtk/case_0000.vtk") == more.read("train/vtk/case_0000.vtk"), (
            "more aircraft change no other"
        )
    write_archive(tmp_path / "other.zip", replace(plan, seed=1))
    with zipfile.ZipFile(tmp_path / "a.zip") as one, zipfile.ZipFile(tmp_path / "other.zip") as other:
        assert one.read("train/geom_params.ini") != other.read("train/geom_params.ini")


def test_the_archive_that_comes_with_the_program_is_the_generators(tmp_path):
    assert embedded_archive().stat().st_size < 1_500_000
    write_archive(tmp_path / "now.zip", EMBEDDED)
    with zipfile.ZipFile(embedded_archive()) as kept, zipfile.ZipFile(tmp_path / "now.zip") as now:
        assert kept.namelist() == now.namelist()
        for name in kept.namelist():
            if not name.endswith(".vtk"):
                assert kept.read(name) == now.read(name)
                continue
            mine, other = surface_fields(kept.read(name), name), surface_fields(now.read(name), name)
            for key, values in mine.values.items():
                np.testing.assert_allclose(values, other.values[key], rtol=1e-5, atol=1e-7)


def test_every_part_says_that_it_is_synthetic(tmp_path):
    write_archive(tmp_path / "a", Plan(points=60, cases=1, train_geometries=1, train_cases=1, train_points=60))
    assert (tmp_path / "a/README.txt").read_text().startswith("SYNTHETIC")
    for path in (tmp_path / "a").rglob("*.vtk"):
        assert b"synthetic" in path.read_bytes().split(b"\n")[1]


def test_the_command(tmp_path):
    command = [
        sys.executable,
        "-m",
        "binn_cli.datasets.blendednet.synthetic",
        str(tmp_path / "x.zip"),
        "--points",
        "80",
        "--cases",
        "2",
    ]
    options = ["--train-geometries", "0", "--no-binary", "--normals"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'x.zip'}\n"), done.stderr
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert sum(name.endswith(".vtk") for name in archive.namelist()) == 2
        assert b"\nASCII\n" in archive.read("test/vtk/case_130.vtk") and b"NORMALS" in archive.read(
            "test/vtk/case_130.vtk"
        )
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1 and "exists already" in again.stderr and "Traceback" not in again.stderr


def test_an_archive_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BinnError, match="cannot be written"):
        write_archive(tmp_path / "file" / "a.zip", Plan(points=60, cases=1, train_geometries=0))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file"]
