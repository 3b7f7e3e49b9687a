"""What is selected, and one sentence for every selection that cannot be had."""

from __future__ import annotations

import shutil

import pytest

from binn_cli.config.schema import BlendedNetConfig
from binn_cli.datasets.blendednet.synthetic.wing import wing_surface
from binn_cli.errors import BinnError, ConfigError, DataError
from binn_cli.legacy_vtk import surface_file

NAMES_13 = [f"case_{number}" for number in range(130, 140)]


def names(dataset) -> tuple[list[str], dict[str, list[str]]]:
    pool = dataset._pool
    return [case.row.name for case in pool.training], {
        split: [case.row.name for case in cases] for split, cases in pool.splits.items()
    }


def test_the_papers_subset_is_the_default(archives, build):
    assert names(build(archives["folder"])) == (NAMES_13[1:], {"test": ["case_130"]})


def test_selections(archives, build):
    root = archives["folder"]
    both = names(build(root, interpolation_cases=["case_139"], test_cases=["case_130", "case_133"]))
    assert both == (
        [n for n in NAMES_13[1:9] if n != "case_133"],
        {"test": ["case_130", "case_133"], "interpolation": ["case_139"]},
    )
    trained, splits = names(build(root, folder="train", geometries="all", test_cases="all"))
    assert trained == [f"case_{i:04d}" for i in range(6)] and len(splits["test"]) == 20
    assert names(build(root, folder="train", geometries=["geom_001"]))[0] == ["case_0003", "case_0004", "case_0005"]
    assert names(build(root, folder="train", geometries=1))[0] == ["case_0000", "case_0001", "case_0002"]
    assert names(build(root, cases=["case_135", "case_131", "case_135"]))[0] == ["case_135", "case_131"]
    assert names(build(root, geometries="all", test_geometries=["geom_13"], test_cases="all"))[0] == [
        f"case_{i:03d}" for i in range(10)
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"folder": "train", "geometries": "all", "cases": ["case_130"]},
            r"dataset\.cases: case_130 is a name of the folder test/, not of train/, where case_0130 is another "
            r"aircraft; .*paper's",
        ),
        (
            {"folder": "train", "geometries": ["geom_13"]},
            r"dataset\.geometries: geom_13 is a name of the folder test/, not of train/, where geom_013 is another "
            r"aircraft",
        ),
        (
            {"cases": ["case_0001"]},
            r"dataset\.cases: case_0001 is a name of the folder train/, not of test/, where case_001 is another "
            r"aircraft",
        ),
        ({"test_cases": ["case_930"]}, r"dataset\.test_cases: case_930 is not in test/; did you mean"),
        ({"geometries": ["geom_14"]}, r"dataset\.geometries: geom_14 is not in test/; did you mean"),
        ({"cases": ["case_001"]}, r"dataset\.cases: case_001 is of geom_00, which dataset\.geometries does not choose"),
        ({"cases": ["case_130"]}, r"dataset\.train_cases: no case is left for training beside 1 held-out ones"),
        ({"train_cases": 10}, r"dataset\.train_cases: only 9 cases are left"),
        ({"inputs": ["x", "y"]}, r"dataset\.inputs: needs at least one flight condition or geometry parameter"),
        ({"inputs": ["alpha_deg"]}, r"dataset\.inputs: needs at least one coordinate"),
        (
            {"inputs": ["alpha_deg", "x"]},
            r"dataset\.inputs: must name coordinates and normals first, .* as in \[x, alpha_deg\]",
        ),
    ],
)
def test_selections_that_cannot_be_had(archives, build, settings, sentence):
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        build(archives["zip"], **settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"geometries": []},
            r"dataset\.geometries: must be a whole number of at least 1, all, or a list .*, not an empty list",
        ),
        ({"geometries": 0}, r"dataset\.geometries: must be .*, not 0"),
        ({"geometries": "geom_13"}, r"dataset\.geometries: must be .* such as \[geom_13\], not 'geom_13'"),
        ({"cases": 3}, r"dataset\.cases: must be all, or a list"),
        ({"test_cases": [130]}, r"dataset\.test_cases: must be all, or a list .*, not \[130\]"),
        ({"outputs": []}, r"dataset\.outputs: needs at least one of cp"),
        ({"outputs": ["cp", "cp"]}, r"dataset\.outputs: must name nothing twice"),
        ({"inputs": ["x", "alfa_deg"]}, r'dataset\.inputs: "alfa_deg" is not one of .*did you mean "alpha_deg"'),
        ({"folder": "tests"}, r'dataset\.folder: "tests" is not one of train, test'),
        ({"stride": 0}, r"dataset\.stride: must be at least 1"),
    ],
)
def test_settings_out_of_range(settings, sentence):
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        BlendedNetConfig(**settings)


def test_a_case_without_its_file(folder, build):
    (folder / "test/vtk/case_134.vtk").unlink()
    with pytest.raises(
        DataError, match=r"test/vtk/case_134\.vtk: is missing, although test/case_data\.dat has a row for case_134"
    ):
        build(folder)
    assert "case_134" not in names(build(folder, cases=NAMES_13[1:4]))[0], "what is not wanted may be missing"


def test_a_file_without_its_row(folder, build):
    shutil.copy(folder / "test/vtk/case_134.vtk", folder / "test/vtk/case_140.vtk")
    with pytest.raises(
        DataError, match=r"case_140\.vtk: has no row in test/case_data\.dat, so its flight condition is unknown"
    ):
        build(folder)
    with pytest.raises(DataError, match=r"case_140\.vtk: has no row"):
        build(folder, cases=["case_131", "case_140"])
    assert names(build(folder, cases=["case_131"]))[0] == ["case_131"]


def test_a_case_without_its_geometry(folder, build):
    path = folder / "test/geom_params.ini"
    path.write_text(path.read_text().replace("[geom_13]", "[geom_99]"))
    with pytest.raises(DataError, match=r"test/geom_params\.ini has no section \[geom_13\], which case_130 needs"):
        build(folder)


def test_a_folder_that_is_not_there(folder, build):
    shutil.rmtree(folder / "train")
    with pytest.raises(ConfigError, match=r"dataset\.folder: .* holds no train/case_data\.dat"):
        build(folder, folder="train", geometries="all")


def test_an_input_that_the_table_lacks(folder, build):
    path = folder / "test/case_data.dat"
    path.write_text(path.read_text().replace("beta_deg", "gamma_deg"))
    with pytest.raises(DataError, match="the table has no column beta_deg"):
        build(folder, inputs=["x", "alpha_deg", "beta_deg"])


def spoilt_by(folder, what: str) -> None:
    """Spoil test/vtk/case_134.vtk."""
    path = folder / "test/vtk/case_134.vtk"
    content = path.read_bytes()
    if what == "cut":
        path.write_bytes(content[: 2 * len(content) // 3])
    elif what == "grid":
        path.write_bytes(content.replace(b"POLYDATA", b"UNSTRUCTURED_GRID", 1))
    elif what == "array":
        path.write_bytes(content.replace(b"SCALARS cf_y", b"SCALARS cf_v"))
    else:
        place = content.index(b"LOOKUP_TABLE default\n") + len(b"LOOKUP_TABLE default\n")
        path.write_bytes(content[:place] + b"\x7f\xc0\x00\x00" + content[place + 4 :])


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("cut", "is cut short or damaged"),
        ("grid", "holds UNSTRUCTURED_GRID where a surface"),
        ("array", r"holds no array cf_y \(its arrays: cp, cf_x, cf_z, cf_v\)"),
        ("nan", r"cp is not a finite number at 1 of \d+ points"),
    ],
)
def test_files_that_cannot_be_used_are_named(folder, build, what, sentence):
    spoilt_by(folder, what)
    with pytest.raises(BinnError, match=rf"archive: test/vtk/case_134\.vtk: {sentence}"):
        build(folder).training()


def test_what_is_not_asked_for_may_be_missing(folder, build):
    spoilt_by(folder, "array")
    assert build(folder, outputs=["cp", "cf_z"]).training().outputs == ("cp", "cf_z")
    with pytest.raises(DataError, match="holds no array cf_y"):
        build(folder, outputs=["cf_y"]).training()


def test_a_case_of_another_aircraft_in_a_mesh_of_its_own(folder, build):
    wing = wing_surface(
        {"B1": 150, "B2": 150, "B3": 400, "C1": 1000, "C2": 800, "C3": 200, "C4": 90, "S1": 50, "S2": 45, "S3": 30}, 150
    )
    fields = dict.fromkeys(("cp", "cf_x", "cf_y", "cf_z"), wing.points[:, 0])
    (folder / "test/vtk/case_130.vtk").write_bytes(surface_file("t", wing.points, wing.triangles, fields))
    assert [axis.name for axis in build(folder).training().axes] == ["point"], (
        "no product where the test case's mesh differs"
    )
