"""Members of a zip: their bytes, or which of them cannot be read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from binn_cli.datasets.zip_member import read_member
from binn_cli.errors import DataError


def _written(path: Path) -> bytearray:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("runs/one.csv", "x,u\n" * 50)
    return bytearray(path.read_bytes())


def test_a_member_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.zip"
    _written(path)
    with zipfile.ZipFile(path) as file:
        assert read_member(file, "runs/one.csv", path) == b"x,u\n" * 50


@pytest.mark.parametrize(
    ("place", "value", "advice"),
    [(6, 1, "unpack it, and name the folder"), (8, 99, "unpack it, and name"), (42, 0xFF, "copy the zip again")],
)
def test_what_cannot_be_read_is_named(place: int, value: int, advice: str, tmp_path: Path) -> None:
    """Encrypted, compressed in an unknown way, damaged: in the member's header and in the list at the end."""
    path = tmp_path / "runs.zip"
    content = _written(path)
    content[place] = value
    listed = content.find(b"PK\x01\x02")
    if place < 30:
        content[listed + place + 2] = value
    path.write_bytes(content)
    with (
        zipfile.ZipFile(path) as file,
        pytest.raises(DataError, match=rf"runs\.zip: runs/one\.csv cannot be read from the zip \(.+\); {advice}"),
    ):
        read_member(file, file.infolist()[0], path)
