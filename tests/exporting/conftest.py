"""Small surrogates of every kind that can be exported, and the C version compiled once."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from binn_cli.config.schema.kinds import kinds_of
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.exporting.fmu import source
from binn_cli.learned import Learned
from binn_cli.models.encoded import encoded
from binn_cli.models.scope import Scope, kept
from tests.prediction.conftest import composed_model

RNG = np.random.default_rng(0)


def _table(names: tuple[str, ...], noise: float = 0.05, rows: int = 60) -> ProductData:
    x = np.random.default_rng(1).uniform([1.0] * len(names), [4.0] * len(names), (rows, len(names)))
    y = np.stack([np.sin(x[:, 0]) * x[:, -1], 100.0 + x.sum(axis=1) ** 2], axis=1)
    y += noise * np.random.default_rng(2).standard_normal(y.shape) * y.std(axis=0)
    return ProductData((Axis("point", x, names, ("m/s", *[""] * (len(names) - 1))),), y, ("a", "b/mm"), ("N", ""))


def _fields(mesh: bool) -> ProductData:
    """A field over x and t, or over a mesh, for cases (k, P)."""
    cases = Axis("case", np.random.default_rng(3).uniform(1.0, 2.0, (9, 2)), ("k", "P"))
    if mesh:
        points = np.random.default_rng(4).uniform(0.0, 1.0, (30, 2))
        axes: tuple[Axis, ...] = (Axis("point", points, ("x", "y")), cases)
        field = points[:, :1] * cases.points[:, 0] + np.sin(points[:, 1:] * cases.points[:, 1])
    else:
        x, t = np.linspace(0, 1, 8), np.linspace(0, 2, 6)
        axes = (Axis.of("x", x), Axis.of("t", t), cases)
        k, p = cases.points.T
        field = np.sin(3 * x)[:, None, None] * np.exp(-k * t[:, None]) + x[:, None, None] ** 2 * p
    return ProductData(axes, field[..., None], ("u",))


def _between_walls() -> ProductData:
    """A field that is zero at both ends of x, whose slope vanishes at the one end of z, for cases k."""
    x, z, k = np.linspace(0, 1, 12), np.linspace(0, 2, 9), np.linspace(1.0, 2.0, 7)
    first = np.sin(np.pi * x)[:, None, None] * np.cos(z)[:, None] * k
    field = first + np.sin(2 * np.pi * x)[:, None, None] * np.cos(2 * z)[:, None] / k
    return ProductData((Axis.of("x", x), Axis.of("z", z), Axis.of("k", k)), field[..., None], ("u",))


def _fitted(data: ProductData, *options: str, kinds: object = None) -> Learned:
    model = encoded(composed_model("binn", *options), kinds_of(kinds))
    fitted = model.fit(data)
    scope = Scope.from_tree(kept(fitted, Scope.of(data))["scope"])
    return Learned(model, fitted, scope)


STATED = (
    "model.decomposition=cp",
    "model.modes=2",
    "model.centers=5",
    "model.length=0.4",
    "model.stretch=0",
    "model.sweeps=3",
)
KINDS = {"p": "log", "q": {"period": 3}, "r": "integer", "s": {"choice": ["steel", "zinc", "tin"]}}


def _kinds() -> Learned:
    data = _table(("p", "q", "r", "s"))
    x = data.axes[0].points.copy()
    x[:, 2:] = np.floor(x[:, 2:]) - 1
    return _fitted(ProductData((Axis("point", x, data.inputs),), data.values, data.outputs), kinds=KINDS)


MADE: dict[str, Callable[[], Learned]] = {
    "table": lambda: _fitted(_table(("p", "q"))),
    "kinds": _kinds,
    "grid": lambda: _fitted(_fields(mesh=False)),
    "walls": lambda: _fitted(_between_walls()),
    "mesh": lambda: _fitted(_fields(mesh=True)),
    **{
        name: lambda name=name: _fitted(_table(("p",)), *STATED, f"model.basis={name}")
        for name in ("hat", "bspline", "chidenn")
    },  # type: ignore[misc]
    "blocks": lambda: _fitted(
        _table(("p", "q")), *STATED, "model.basis=gaussian", "model.inference=vb", "model.variance=joint"
    ),
}
made = cache(lambda name: MADE[name]())


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C version."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("c")
    for name in ("surrogate.h", "surrogate.c"):
        (folder / name).write_text(source(name))
    flags = ["-std=c99", "-O2", "-Wall", "-Wno-format-truncation", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "surrogate.c", "-o", "libsurrogate.so", "-lm"], cwd=folder, check=True)
    found = ctypes.CDLL(str(folder / "libsurrogate.so"))
    found.binn_load.restype = ctypes.c_void_p
    found.binn_load.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    table = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")
    found.binn_predict.argtypes = [ctypes.c_void_p, table, ctypes.c_size_t, table, table, table]
    found.binn_free.argtypes = [ctypes.c_void_p]
    return found


def in_c(library: ctypes.CDLL, weights: Path, points: np.ndarray, outputs: int) -> list[np.ndarray]:
    """Mean and both standard deviations of the C version."""
    handle = library.binn_load(str(weights).encode(), None, 0)
    assert handle
    found = [np.empty((len(points), outputs)) for _ in range(3)]
    assert library.binn_predict(handle, np.ascontiguousarray(points), len(points), *found) == 0
    library.binn_free(handle)
    return found
