"""How the cost of a fit grows: with the number of points, modes, functions and dimensions, and with the resolution of a
grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn
from tests.benchmarks.timing import Row, compared, seconds
from tests.datasets.heat_series import PAPER_CENTERS, exact

SWEEPS = 5
STATED = {
    "padding": 0, "stretch": 0, "prior": "weight", "relevance": "none", "noise": "fixed", "noise_variance": 1e-2,
    "tolerance": 0.0,
    "sweeps": SWEEPS, "output_scaling": "standard", "inference": "als", "variance": "modes",
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Scattered points N, modes M, functions a dimension J, dimensions D."""

    N: int = 50_000
    M: int = 4
    J: int = 12
    D: int = 4


def _fit_of(size: Size) -> Callable[[], object]:
    x = np.random.default_rng(0).uniform(0, 1, (size.N, size.D))
    data = ProductData(
        (Axis("point", x, tuple(f"x{d}" for d in range(size.D))),), np.sin(2.5 * x + 0.3).prod(axis=1)[:, None], ("u",)
    )
    model = Binn(BinnConfig(modes=size.M, centers=size.J, length=1.2, **STATED))
    return lambda: model.fit(data)


def _slope(name: str, larger: Size, factor: int) -> Row:
    row = compared(f"{name}: {factor} times as large / once", _fit_of(Size()), _fit_of(larger), "", repeats=3)
    exponents = np.log(row.ratios) / np.log(factor)
    note = (
        f"{SWEEPS} sweeps over scattered points, from {Size()}; the time grows as {name}^{np.median(exponents):.2f} "
        f"({exponents.min():.2f} to {exponents.max():.2f})"
    )
    return replace(row, note=note)


def slope_in_points() -> Row:
    """Time against N."""
    return _slope("N", Size(N=8 * Size.N), 8)


def slope_in_modes() -> Row:
    """Time against M."""
    return _slope("M", Size(M=4 * Size.M), 4)


def slope_in_functions() -> Row:
    """Time against J."""
    return _slope("J", Size(J=4 * Size.J), 4)


def slope_in_dimensions() -> Row:
    """Time against D."""
    return _slope("D", Size(D=2 * Size.D), 2)


GRIDS = (26, 51, 101, 201, 401)
CASES = 12


def heat_on(side: int) -> ProductData:
    """The exact series of the heat problem on side x side points, 13 times and `CASES` cases."""
    x, t = np.linspace(0, 1, side), np.linspace(0, 0.04, 13)
    k = np.linspace(1, 4, 4)
    strength = np.linspace(100, 200, CASES // len(k))
    fields = np.stack([exact(x, x, t, float(one), PAPER_CENTERS, 0.05, modes=60) for one in k], axis=-1)
    values = (fields[..., :, None] * strength).reshape(*fields.shape[:3], -1)
    cases = np.column_stack([np.repeat(k, len(strength)), np.tile(strength, len(k))])
    axes = (Axis.of("x", x), Axis.of("y", x), Axis.of("t", t), Axis("case", cases, ("k", "P")))
    return ProductData(axes, values[..., None], ("u",))


def sweeps_on_grids() -> list[Row]:
    """For every grid a whole fit against one pass over its values; the note has the time of a sweep after
    compression."""
    sizes = {"centers": [24, 24, 10, 6, 4], "length": 2.5, "padding": 2, "stretch": 0, "ranks": [8, 8, 7, 4, 2]}
    model = Binn(BinnConfig(decomposition="tucker", tolerance=0.0, sweeps=20, **sizes))
    rows: list[Row] = []
    first = 0.0
    for side in GRIDS:
        data = heat_on(side)
        row = compared(
            f"heat on {side} x {side} / one pass", partial(model.fit, data), partial(np.sum, data.values), "", repeats=3
        )
        sweep = _seconds_a_sweep(data, model)
        first = first or sweep
        growth = f"a sweep {sweep * 1e3:.3g} ms, {sweep / first:.2f} times that of the first grid"
        rows.append(replace(row, note=f"{data.n_points:,} values; {growth}; theirs: numpy.sum"))
    return rows


def _seconds_a_sweep(data: ProductData, model: Binn) -> float:
    """Seconds of one sweep: what 100 more of them add to a fit that knows the compressed data already."""
    before, fastest = model.fit(data), []
    for sweeps in (model.config.sweeps, model.config.sweeps + 100):
        longer = Binn(replace(model.config, sweeps=sweeps))
        longer.fit(data, before)
        fastest.append(min(seconds(partial(longer.fit, data, before)) for _ in range(5)))
    return (fastest[1] - fastest[0]) / 100
