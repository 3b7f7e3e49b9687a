"""Small synthetic archives, written once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from binn_cli.config.schema import BlendedNetConfig
from binn_cli.datasets.blendednet.dataset import BlendedNet
from binn_cli.datasets.blendednet.synthetic.archive import Plan, write_archive

TINY = Plan(points=200, cases=10, test_geometries=2, train_geometries=2, train_cases=3, train_points=100)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same archive as a folder and as a zip."""
    root = tmp_path_factory.mktemp("blendednet")
    paths = {"folder": root / "archive", "zip": root / "archive.zip"}
    for path in paths.values():
        write_archive(path, TINY)
    return paths


@pytest.fixture
def folder(archives: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(archives["folder"], tmp_path / "archive"))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., BlendedNet]:
    def built(root: Path, seed: int = 0, **settings) -> BlendedNet:
        return BlendedNet(BlendedNetConfig(**({"root": str(root), "cache": str(tmp_path / "cache")} | settings)), seed)

    return built
