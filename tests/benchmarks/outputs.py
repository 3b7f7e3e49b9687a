"""Four outputs against one at as many points as BlendedNet's Table 2 has: 9 cases of 85,000 points, 7 inputs, the
paper's model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn
from tests.benchmarks.timing import Row, compared

CASES, POINTS, OUTPUTS, SWEEPS = 9, 85_000, 4, 30
INPUTS = tuple("xyzhrma")
TABLE_2 = {
    "modes": 2, "centers": [25, 25, 16, 10, 10, 10, 12], "length": [1.13, 1.13, 1.5, 2, 2, 2, 1.5],
    "length_unit": "spacing", "padding": 0,
    "stretch": 0, "prior": "weight", "prior_mean": "start", "relevance": "none", "noise": "fixed",
    "noise_variance": 0.0225,
    "start": "random", "inference": "als", "variance": "modes", "output_scaling": "standard", "compression": 0.0,
}  # fmt: skip


def _data(axes: tuple[Axis, ...], outputs: int) -> ProductData:
    """That many smooth functions of the inputs, with noise."""
    shape = tuple(axis.size for axis in axes)
    blank = ProductData(axes, np.zeros((*shape, outputs)), tuple("uvwz")[:outputs])
    inputs, rng = blank.table()[0], np.random.default_rng(1)
    values = [
        np.sin((2.5 + o) * inputs[:, :3]).prod(axis=1) * np.cos(1.5 * inputs[:, 3:]).prod(axis=1)
        + np.cos(0.5 * o + inputs).prod(axis=1)
        for o in range(outputs)
    ]
    noisy = np.stack(values, axis=1) + 0.05 * rng.standard_normal((len(inputs), outputs))
    return replace(blank, values=noisy.reshape(*shape, outputs))


def _processor_seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _four_against_one(name: str, axes: tuple[Axis, ...], points: int = POINTS) -> Row:
    model, one, all_four = (
        Binn(BinnConfig(sweeps=SWEEPS, tolerance=0.0, **TABLE_2)),
        _data(axes, 1),
        _data(axes, OUTPUTS),
    )
    row = compared(f"{name}: four outputs / one", lambda: model.fit(one), lambda: model.fit(all_four), "", repeats=3)
    spent = [min(_processor_seconds(lambda data=data: model.fit(data)) for _ in range(2)) for data in (one, all_four)]
    note = (
        f"{CASES} x {points:,} points, 7 inputs, Table 2's centres, M = 2, {SWEEPS} sweeps; "
        f"processor time {spent[0]:.3g} s and {spent[1]:.3g} s, ratio {spent[1] / spent[0]:.2f}"
    )
    return replace(row, note=note)


def outputs_on_own_meshes(points: int = POINTS) -> Row:
    """Every case on its own mesh: three inputs with a value a point, four with a value a case."""
    rng = np.random.default_rng(0)
    inputs = np.hstack(
        [rng.uniform(0, 1, (CASES * points, 3)), np.repeat(rng.uniform(0, 1, (CASES, 4)), points, axis=0)]
    )
    return _four_against_one("own meshes", (Axis("point", inputs, INPUTS),), points)


def outputs_at_scattered_points(points: int = POINTS) -> Row:
    """All seven inputs with a value a point."""
    inputs = np.random.default_rng(0).uniform(0, 1, (CASES * points, 7))
    return _four_against_one("scattered", (Axis("point", inputs, INPUTS),), points)


def outputs_on_one_mesh(points: int = POINTS) -> Row:
    """One mesh for all cases: points x flight conditions."""
    rng = np.random.default_rng(0)
    axes = (
        Axis("point", rng.uniform(0, 1, (points, 3)), INPUTS[:3]),
        Axis("case", rng.uniform(0, 1, (CASES, 4)), INPUTS[3:]),
    )
    return _four_against_one("one mesh", axes, points)
