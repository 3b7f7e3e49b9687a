"""Converted cases: once, whole, resumable, and never stale."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.datasets.blendednet import cache as cache_module
from binn_cli.datasets.blendednet.mesh import same_mesh, vertex_normals
from binn_cli.errors import ConfigError, DataError


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, in order."""
    seen: list[str] = []
    parse = cache_module.surface_fields

    def noted(content: bytes, where: str, **settings: bool):
        seen.append(Path(where).stem)
        return parse(content, where, **settings)

    monkeypatch.setattr(cache_module, "surface_fields", noted)
    return seen


def test_a_second_run_converts_nothing(archives, build, parsed):
    first = build(archives["zip"])
    wanted = first.training()
    assert sorted(parsed) == [f"case_{i}" for i in range(130, 140)]
    again = build(archives["zip"]).training()
    assert len(parsed) == 10
    np.testing.assert_array_equal(again.values, wanted.values)


def test_one_file_a_geometry_with_one_mesh(archives, build, tmp_path):
    build(archives["folder"], geometries="all").training()
    files = sorted((tmp_path / "cache").iterdir())
    assert [file.name[:13] for file in files] == ["test-geom_00-", "test-geom_13-"]
    for file in files:
        with h5py.File(file) as kept:
            assert len(kept["cases"]) == 10 and [key for key in kept if key.startswith("mesh_")] == ["mesh_0"]
            assert kept["cases"][next(iter(kept["cases"]))]["cp"].compression == "lzf"
            assert kept["mesh_0/points"].chunks is not None


def test_a_changed_file_is_converted_again_and_no_other(folder, build, parsed, tmp_path):
    build(folder).training()
    content = (folder / "test/vtk/case_133.vtk").read_bytes()
    del parsed[:]
    (folder / "test/vtk/case_132.vtk").write_bytes(content)
    changed = build(folder)
    values = changed.label(range(9)).values
    assert parsed == ["case_132"]
    np.testing.assert_array_equal(values[:, 1], values[:, 2])


def test_an_interrupted_conversion_goes_on(folder, build, parsed, tmp_path):
    kept = (folder / "test/vtk/case_135.vtk").read_bytes()
    (folder / "test/vtk/case_135.vtk").write_bytes(kept[:1000])
    with pytest.raises(DataError, match="case_135"):
        build(folder, geometries="all").training()
    assert [file.name[:12] for file in (tmp_path / "cache").iterdir()] == ["test-geom_00"], (
        "no half file, and what was finished stays"
    )
    (folder / "test/vtk/case_135.vtk").write_bytes(kept)
    del parsed[:]
    build(folder, geometries="all").training()
    assert sorted(parsed) == [f"case_{i}" for i in range(130, 140)]


@pytest.mark.parametrize("place", [1, 2, 3, 9])
def test_of_files_that_are_parsed_at_once_the_damaged_one_is_named(folder, build, capfd, place):
    spoilt = folder / f"test/vtk/case_13{place}.vtk"
    # Binary numbers that end early are told by no reader, only by VTK's window for everything.
    spoilt.write_bytes(spoilt.read_bytes()[:-700])
    with pytest.raises(DataError, match=rf"case_13{place}\.vtk: is cut short"):
        build(folder).training()
    assert capfd.readouterr() == ("", "")


def test_more_cases_join_the_file(archives, build, parsed):
    few = build(archives["folder"], cases=["case_131", "case_132"]).training()
    assert sorted(parsed) == ["case_130", "case_131", "case_132"]
    more = build(archives["folder"])
    more.training()
    assert len(parsed) == 10
    np.testing.assert_array_equal(np.sort(more.label([0, 1]).values, axis=1), np.sort(few.values, axis=1))


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"something else"])
def test_a_damaged_cache_is_converted_again(archives, build, parsed, tmp_path, damage, caplog):
    wanted = build(archives["folder"]).training()
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    np.testing.assert_array_equal(build(archives["folder"]).training().values, wanted.values)
    assert len(parsed) == 20 and "converting it again" in caplog.text


def test_another_schema_is_converted_again(archives, build, parsed, monkeypatch):
    build(archives["folder"]).training()
    monkeypatch.setattr(cache_module, "SCHEMA", "binn-blendednet/next")
    build(archives["folder"]).training()
    assert len(parsed) == 20


def test_without_a_cache_nothing_is_left(archives, build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dataset = build(archives["folder"], cache="")
    assert dataset.training().n_points > 0 and len(list(tmp_path.iterdir())) == 1
    del dataset
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(archives, build, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"^dataset\.cache: .*cannot be written"):
        build(archives["folder"], cache=str(tmp_path / "file" / "cache")).training()


def test_normals_are_computed_or_kept(archives, build, tmp_path):
    data = build(archives["folder"], inputs=["n_x", "n_z", "z", "alpha_deg"]).training()
    surface = build(archives["folder"]).surface()
    expected = vertex_normals(surface.points, surface.triangles)
    np.testing.assert_allclose(
        data.axes[0].points, np.column_stack([expected[:, [0, 2]], surface.points[:, 2]]), atol=1e-6
    )


def test_meshes_are_one_to_round_off():
    points, triangles = np.random.default_rng(0).uniform(-1, 1, (50, 3)), np.arange(48).reshape(16, 3)
    single = points.astype(np.float32)
    assert same_mesh(points, triangles, single, triangles)
    assert not same_mesh(points, triangles, points + np.array([0, 1e-4, 0]), triangles)
    assert not same_mesh(points, triangles, points[:-1], triangles)
    assert not same_mesh(points, triangles, points, triangles[::-1])
