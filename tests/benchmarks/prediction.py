"""Predictions a second of the surrogates of the heat problem and of a table: scattered points and grids, the mean alone
and with its variance, and the exported C next to them on one core."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.exporting.flattening import flattened
from binn_cli.exporting.fmu import FLAGS, source
from binn_cli.exporting.weights_file import write_weights
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate
from tests.benchmarks.growth import heat_on
from tests.benchmarks.timing import Row, compared


@cache
def heat_surrogate() -> FittedSurrogate:
    """The default model after the exact series on 51 x 51 points."""
    return Binn(BinnConfig()).fit(heat_on(51))


@cache
def table_surrogate() -> tuple[FittedSurrogate, ProductData]:
    """The default model after 80 rows of 8 inputs."""
    x = np.random.default_rng(80).random((80, 8))
    y = np.sin(3.0 * x[:, 0]) + x[:, 1] ** 2 + x[:, 2] * x[:, 3] + np.exp(-x[:, 6]) * x[:, 7] + 0.3 * x[:, 4]
    data = ProductData((Axis("point", x, tuple(f"x{d}" for d in range(8))),), y[:, None], ("y",))
    return Binn(BinnConfig()).fit(data), data


def _points(data: ProductData, n: int) -> list[Axis]:
    low, high = (np.concatenate([getattr(a.points, end)(axis=0) for a in data.axes]) for end in ("min", "max"))
    return [Axis("point", np.random.default_rng(0).uniform(low, high, (n, len(low))), data.inputs)]


def table_variances() -> Row:
    """Mean and variance of a table's surrogate."""
    fitted, data = table_surrogate()
    points, n = _points(data, 50_000), 50_000
    row = compared(
        "points of a table, mean and variance / the mean alone",
        lambda: fitted.predict(points),
        lambda: fitted.predict(points, variance=False),  # type: ignore[call-arg]
        "",
        repeats=3,
    )
    rates = n / np.median(row.ours), n / np.median(row.theirs)
    return replace(row, note=f"80 rows of 8 inputs; {rates[0]:,.0f} and {rates[1]:,.0f} points a second on one core")


def exported_c() -> list[Row]:
    """The exported C version next to the library, both on one core: the mean alone, and with standard deviations."""
    found: list[Row] = []
    for name, fitted, data in (("heat", heat_surrogate(), heat_on(51)), ("a table", *table_surrogate())):
        points = _points(data, 2**14)
        with TemporaryDirectory() as folder:
            predict = _compiled(Path(folder), fitted, data)
            for variance in (False, True):
                what = "mean and variance" if variance else "mean alone"
                row = compared(
                    f"{name}, {what}: exported C / binn",
                    lambda v=variance, p=points, c=predict: c(p[0].points, v),
                    lambda v=variance, p=points, f=fitted: f.predict(p, variance=v),
                    "16,384 scattered points on one core; theirs: the library",
                    repeats=5,
                )
                found.append(row)
    return found


def _compiled(folder: Path, fitted: FittedSurrogate, data: ProductData) -> Callable[[np.ndarray, bool], None]:
    for name in ("surrogate.h", "surrogate.c"):
        (folder / name).write_text(source(name))
    write_weights(folder / "weights.bin", flattened(fitted, "binn", Scope.of(data)))
    flags = [flag for flag in FLAGS if "visibility" not in flag]
    subprocess.run(["cc", *flags, "surrogate.c", "-o", "surrogate.so", "-lm"], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "surrogate.so"))
    library.binn_load.restype = ctypes.c_void_p
    surrogate = ctypes.c_void_p(library.binn_load(str(folder / "weights.bin").encode(), None, ctypes.c_size_t(0)))

    def predict(x: np.ndarray, variance: bool) -> None:
        out = [np.empty(len(x)) for _ in range(3)]
        given = [ctypes.c_void_p(array.ctypes.data) if variance or i == 0 else None for i, array in enumerate(out)]
        x = np.ascontiguousarray(x)
        assert library.binn_predict(surrogate, ctypes.c_void_p(x.ctypes.data), ctypes.c_size_t(len(x)), *given) == 0

    return predict


def _scattered(n: int, variance: bool) -> Row:
    fitted, data = heat_surrogate(), heat_on(51)
    points = _points(data, n)
    what = "mean and variance" if variance else "mean alone"
    row = compared(
        f"scattered points, {what} / one pass",
        lambda: fitted.predict(points, variance=variance),  # type: ignore[call-arg]
        lambda: np.sum(points[0].points),
        "",
        repeats=3,
    )
    ranks = fitted.report.diagnostics["tucker_ranks"].tolist()
    note = (
        f"{n / np.median(row.ours):,.0f} points a second, ranks {ranks}; theirs: numpy.sum of the {n:,} points' "
        f"coordinates"
    )
    return replace(row, note=note)


def scattered_means() -> Row:
    """The mean alone at scattered points."""
    return _scattered(1_000_000, variance=False)


def scattered_variances() -> Row:
    """Mean and variance at scattered points."""
    return _scattered(500_000, variance=True)


def product_grid() -> Row:
    """Mean and variance on a product of axes."""
    fitted, data = heat_surrogate(), heat_on(51)
    row = compared(
        "a grid, mean and variance / one pass",
        lambda: fitted.predict(data.axes),
        lambda: np.sum(data.values),
        "",
        repeats=3,
    )
    note = (
        f"{data.n_points / np.median(row.ours):,.0f} points a second on the training grid; theirs: numpy.sum of "
        f"as many values"
    )
    return replace(row, note=note)
