"""Outputs that are fitted together are fitted as each would be alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn import inference, owners, statistics
from binn_cli.models.binn.basis import build_basis
from binn_cli.models.binn.preparation import Preparation, Prepared
from binn_cli.models.binn.start import from_prior
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from tests.models.problems import smooth

POINTS, CASES, OUTPUTS, MODES = 60, 8, 4, 2
NAMES = ("x", "y", "k", "P")


def several(kind: str) -> ProductData:
    """Four outputs, one harder to fit than the other, at points of two coordinates under conditions of two others."""
    rng = np.random.default_rng(2)
    points, conditions = rng.uniform(0, 1, (POINTS, 2)), rng.uniform(0, 1, (CASES, 2))
    if kind == "shared points":
        axes: tuple[Axis, ...] = (Axis("point", points, NAMES[:2]), Axis("case", conditions, NAMES[2:]))
    elif kind == "own points":
        rows = rng.uniform(0, 1, (POINTS * CASES, 2))
        axes = (Axis("point", np.hstack([rows, np.repeat(conditions, POINTS, axis=0)]), NAMES),)
    elif kind == "scattered":
        axes = (Axis("point", rng.uniform(0, 1, (POINTS * CASES, 4)), NAMES),)
    else:
        axes = tuple(Axis.of(name, np.linspace(0, 1, 5)) for name in NAMES)
    shape = tuple(axis.size for axis in axes)
    blank = ProductData(axes, np.zeros((*shape, OUTPUTS)), tuple("uvwz"))
    inputs = blank.table()[0]
    scales = np.array([1.0, 1.0, 0.04, 4.0])
    outputs = [smooth(inputs * scales * (1.0 + o)) + 1e-2 * 3.0**o * rng.standard_normal(len(inputs)) for o in range(OUTPUTS)]
    return replace(blank, values=np.stack(outputs, axis=1).reshape(*shape, OUTPUTS))


def prepared(kind: str) -> Prepared:
    data = several(kind)
    bases = tuple(build_basis("gaussian", 6, 1, 0.2) for _ in NAMES)
    return Preparation(bases, InputMap.of(data, None), OutputMap.of(data, "standard"), 1e-10)(data, Stopwatch())


@pytest.mark.parametrize("method", ["als", "vb"])
@pytest.mark.parametrize("kind", ["own points", "scattered", "shared points", "grid"])
def test_outputs_together_are_as_each_alone(kind: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "LARGEST_SVD", 50)  # few points, handled as many are
    monkeypatch.setattr(owners, "POINTS_A_JOINT_VALUE", 8)
    monkeypatch.setattr(inference, "side_by_side", lambda known, modes, settings: known.core.shape[0])
    made = prepared(kind)
    shape = (OUTPUTS, MODES)
    prior = Prior(tuple(np.zeros((*shape, v.shape[1])) for v in made.directions), (np.ones(shape),) * len(NAMES))
    start, noise = from_prior(0, prior, made.directions), np.full(OUTPUTS, 1e-3)
    settings = inference.Settings.of(BinnConfig(modes=MODES, sweeps=40, tolerance=1e-3, inference=method, relevance="none"))

    def fitted(chosen: slice) -> inference.Posterior:
        known = made.statistics._replace(core=made.statistics.core[chosen], energy=made.statistics.energy[chosen])
        return inference.infer(known, *jax.tree.map(lambda array: array[chosen], (prior, start, noise)), settings=settings)

    together = fitted(slice(None))
    assert len(set(np.asarray(together.sweeps).tolist())) > 1, "no output has to wait for another"
    for o in range(OUTPUTS):
        alone = fitted(slice(o, o + 1))
        for mine, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            size = float(np.max(np.abs(np.nan_to_num(theirs)), initial=0.0))
            np.testing.assert_allclose(mine[o], theirs[0], rtol=0, atol=1e-9 * size)
