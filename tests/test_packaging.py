"""The wheel: what it ships, and that it works from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from binn_cli import __version__

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    target, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "XDG_CACHE_HOME": str(elsewhere / "cache")}

    def binn(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(target / "bin" / "binn"), *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment | extra, capture_output=True, text=True)

    return binn


def test_wheel_ships_the_configuration(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    expected = {f"binn_cli/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert expected <= set(names)
    assert "binn_cli/data/blendednet/synthetic.zip" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "data/", "outputs/")) for name in names)


def test_the_licence_names_those_whom_the_package_names(wheel: Path) -> None:
    (author,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["authors"]
    licence = (ROOT / "LICENSE").read_text()
    assert f"Copyright 2026 {author['name']}\n" in licence
    assert "[yyyy]" not in licence and "[name of copyright owner]" not in licence
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA"))
    assert f"Author: {author['name']}\n" in metadata and "License-Expression: Apache-2.0\n" in metadata


def test_installed_help_configuration_and_completion(installed) -> None:
    assert installed("--version").stdout == f"binn {__version__}\n"
    assert (
        "dataset     advection, blendednet, equation, heat, heat3d, helmholtz, poisson, poisson_nd, simulator, sine, "
        in installed("run", "--help").stdout
    )
    composed = installed("run", "--cfg", "job", "dataset=sine")
    assert composed.returncode == 0
    assert "name: sine" in composed.stdout
    line = "binn run dataset=sin"
    assert installed("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line))).stdout == "dataset=sine\n"


def test_installed_sweep_reports_its_failures(installed) -> None:
    swept = installed("run", "-m", "task.rounds=0,-1")
    assert swept.returncode == 1
    assert "_sweep: 2 failed" in swept.stderr


def test_pins_cover_the_dependencies() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {name.split(">")[0].split("<")[0].split("=")[0].strip().lower().replace("_", "-") for name in wanted}
    assert names <= pins
