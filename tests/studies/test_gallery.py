"""The gallery: its page names the run of every picture, and one picture is made anew."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.studies import gallery
from tests.studies.gallery import DOCS, PICTURES, reduced, written


def test_the_kept_page_names_the_run_of_every_picture() -> None:
    text = " ".join((DOCS / "gallery.md").read_text(encoding="utf-8").split())
    assert 3 <= len(PICTURES) <= 6
    for picture in PICTURES:
        part = text.partition(f"(pictures/gallery_{picture.name}.png)")[2].partition("## ")[0]
        assert f"`binn {picture.words}`" in part
        assert re.search(r"config ids? `[0-9a-f]{16}`.*; commit [0-9a-f]{7}; \d{4}-\d\d-\d\d\.", part), picture.name


def test_pictures_are_made_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 3000, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    reduced(tmp_path / "large.png", tmp_path / "pictures" / "small.png")
    with Image.open(tmp_path / "pictures" / "small.png") as small:
        assert small.size == (gallery.WIDTH, 22) and small.getcolors() is not None


@pytest.mark.thorough
@pytest.mark.slow
def test_a_picture_is_made_by_its_command(tmp_path: Path) -> None:
    page = written(tmp_path / "docs", tmp_path / "runs", PICTURES[:1], ("dataset.n_train=20", "model.sweeps=2"))
    assert PICTURES[0].words in page.read_text()
    assert (tmp_path / "docs" / "pictures" / "gallery_curve.png").stat().st_size > 5000
