"""Archives: folder and zip alike, and nothing leads out of either."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from binn_cli.datasets.blendednet.archive import is_synthetic, opened
from binn_cli.errors import BinnError, ConfigError, DataError


def members(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def rezipped(source: Path, target: Path, prefix: str = "", **extra: bytes) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in members(source):
            archive.write(source / name, prefix + name)
        for name, content in extra.items():
            archive.writestr(name, content)
    return target


def test_folder_and_zip_hold_the_same(archives):
    folder, packed = opened(archives["folder"]), opened(archives["zip"])
    for name in members(archives["folder"]):
        assert folder.read(name) == packed.read(name) == (archives["folder"] / name).read_bytes()
    for inside in ("", "test", "test/vtk", "train/vtk", "nothing"):
        assert folder.names(inside) == packed.names(inside)
    assert len(folder.names("test/vtk")) == 20 and is_synthetic(folder) and is_synthetic(packed)


def test_the_files_of_the_published_layout_are_there(archives):
    found = set(members(archives["folder"]))
    assert {"README.txt", "LICENSE.txt", "model.vsp3"} <= found
    assert {f"{half}/{name}" for half in ("train", "test") for name in ("case_data.dat", "geom_params.ini")} <= found
    assert {"test/vtk/case_130.vtk", "test/vtk/case_139.vtk", "train/vtk/case_0000.vtk"} <= found


def test_data_of_folder_and_zip_are_equal(archives, build):
    first, second = build(archives["folder"]), build(archives["zip"])
    for mine, other in (
        (first.training(), second.training()),
        (first.evaluation()["test"], second.evaluation()["test"]),
    ):
        np.testing.assert_array_equal(mine.values, other.values)
        for a, b in zip(mine.axes, other.axes, strict=True):
            np.testing.assert_array_equal(a.points, b.points)


def test_a_zip_with_a_folder_around_everything(archives, tmp_path):
    packed = opened(rezipped(archives["folder"], tmp_path / "deep.zip", "BlendedNet v1/data/"))
    assert packed.names("test/vtk") == opened(archives["folder"]).names("test/vtk")
    assert is_synthetic(packed)


@pytest.mark.parametrize(
    "name", ["/etc/binn", "../outside.vtk", "test/vtk/../../../case_130.vtk", "..\\up", "C:\\case.vtk", "\\\\host\\x"]
)
def test_a_zip_that_leads_out_is_refused(archives, tmp_path, name):
    path = rezipped(archives["folder"], tmp_path / "bad.zip", **{name: b"x"})
    with pytest.raises(DataError, match="leads out of the archive") as caught:
        opened(path)
    assert str(path) in str(caught.value) and repr(name) in str(caught.value)


def test_a_symbolic_link_in_a_zip_is_refused(archives, tmp_path):
    path = rezipped(archives["folder"], tmp_path / "link.zip")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("test/vtk/case_999.vtk")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"case_999\.vtk' leads out"):
        opened(path)


def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(folder, tmp_path):
    (tmp_path / "secret.vtk").write_text("secret")
    (folder / "test/vtk/case_998.vtk").symlink_to(tmp_path / "secret.vtk")
    (folder / "test/vtk/case_997.vtk").symlink_to(folder / "test/vtk/case_130.vtk")
    archive = opened(folder)
    for ask in (archive.read, archive.stamp):
        with pytest.raises(DataError, match="leads out of the archive"):
            ask("test/vtk/case_998.vtk")
    assert archive.read("test/vtk/case_997.vtk") == archive.read("test/vtk/case_130.vtk")
    for name in ("../secret.vtk", str(tmp_path / "secret.vtk")):
        with pytest.raises(DataError, match="leads out of the archive"):
            archive.read(name)


def test_an_archive_behind_a_link_is_read(folder, tmp_path):
    (tmp_path / "alias").symlink_to(folder)
    assert opened(tmp_path / "alias").read("README.txt").startswith(b"SYNTHETIC")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_member_that_is_not_there(archives, kind):
    archive = opened(archives[kind])
    for ask in (archive.read, archive.stamp):
        with pytest.raises(DataError, match=r"test/vtk/case_555\.vtk"):
            ask("test/vtk/case_555.vtk")


def test_roots_that_are_no_archive(tmp_path, archives):
    (tmp_path / "text").write_text("no zip")
    (tmp_path / "empty").mkdir()
    rezipped(tmp_path / "empty", tmp_path / "empty.zip", other=b"x")
    for name, problem in (
        ("nowhere", "does not exist"),
        ("text", "neither a folder nor a whole zip"),
        ("empty", "holds neither"),
        ("empty.zip", "holds neither"),
    ):
        with pytest.raises(ConfigError, match=problem) as caught:
            opened(tmp_path / name)
        assert caught.value.key == "dataset.root"
    with pytest.raises(ConfigError, match="name the folder above"):
        opened(archives["folder"] / "test")


def test_a_cut_zip_and_a_damaged_member(archives, tmp_path):
    whole = archives["zip"].read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BinnError, match="neither a folder nor a whole zip"):
        opened(tmp_path / "cut.zip")
    with zipfile.ZipFile(archives["zip"]) as archive:
        offset = archive.getinfo("test/vtk/case_130.vtk").header_offset
    spoilt = bytearray(whole)
    spoilt[offset + 500 : offset + 520] = bytes(20)
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    with pytest.raises(DataError, match=r"case_130\.vtk cannot be read from the zip"):
        opened(tmp_path / "spoilt.zip").read("test/vtk/case_130.vtk")


@pytest.mark.parametrize(("place", "value", "problem"), [(8, 0x1, "is encrypted"), (10, 99, "compression")])
def test_members_that_python_cannot_read(archives, tmp_path, place, value, problem):
    content = bytearray(archives["zip"].read_bytes())
    # The central directory, whose entries begin with PK 01 02: flags at byte 8, method at byte 10, the name at 46.
    entry = next(
        i
        for i in range(len(content))
        if content[i : i + 4] == b"PK\x01\x02" and content[i + 46 : i + 55] == b"test/geom"
    )
    content[entry + place] = value
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(DataError, match=rf"geom_params\.ini .*{problem}"):
        opened(tmp_path / "odd.zip").read("test/geom_params.ini")


def test_stamps_change_with_the_content(folder, tmp_path):
    for root in (folder, rezipped(folder, tmp_path / "a.zip")):
        assert opened(root).stamp("README.txt") == opened(root).stamp("README.txt")
    before = [opened(root).stamp("README.txt") for root in (folder, tmp_path / "a.zip")]
    (folder / "README.txt").write_text("other")
    rezipped(folder, tmp_path / "a.zip")
    after = [opened(root).stamp("README.txt") for root in (folder, tmp_path / "a.zip")]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_an_archive_without_our_readme_is_not_called_synthetic(folder, build):
    (folder / "README.txt").write_text("BlendedNet: a blended wing body dataset")
    assert build(folder).note == ""
    (folder / "README.txt").unlink()
    assert build(folder).note == ""
    shutil.rmtree(folder / "train")
    assert build(folder).training().axes[-1].size == 9
