"""Which coordinates are reduced to their distinct values, and that it makes no difference to the fit."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn import owners
from binn_cli.models.binn.model import Binn


def _found(values: list[int], n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [np.unique(np.concatenate([np.arange(v), rng.integers(0, v, n - v)]), return_inverse=True) for v in values]


def test_many_values_are_added_up_only_where_coordinates_share_them() -> None:
    n = 20_000
    cases = np.repeat(np.arange(200), n // 200)
    found = [*_found([64, 65, n], n), (np.arange(200.0), cases), (np.arange(200.0), cases)]
    which, joints = owners.owners_of(found, n, growing=False)
    assert [owner is None for owner in which] == [False, True, True, False, False]
    assert [joint.coordinates for joint in joints] == [(0,), (3, 4)]
    which, _ = owners.owners_of(found, n + 5, growing=True)  # what is appended must not change the shapes
    assert [owner is None for owner in which] == [False, False, True, False, False]
    assert all(owner[-5:].tolist() == [n + 5] * 5 for owner in which if owner is not None)


def test_few_points_are_always_reduced() -> None:
    which, _ = owners.owners_of(_found([100, 400], 400), 400, growing=False)
    assert all(owner is not None for owner in which)


def test_the_fit_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    points = np.stack([rng.integers(0, 80, 5000) / 80, rng.random(5000)], axis=1)
    data = ProductData((Axis("point", points, ("x", "y")),), np.cos(points[:, :1]) * np.exp(points[:, 1:]), ("u",))
    options = {"modes": 1, "centers": 6, "length": 0.3, "stretch": 0, "decomposition": "cp", "relevance": "none"}
    model = Binn(BinnConfig(sweeps=100, tolerance=0.0, noise="fixed", noise_variance=1e-2, **options))
    new = [Axis("point", rng.random((20, 2)), ("x", "y"))]
    apart = model.fit(data).predict(new)
    monkeypatch.setattr(owners, "MOST_INDICATED", 80)
    reduced = model.fit(data).predict(new)
    assert not (apart.mean == reduced.mean).all()
    np.testing.assert_allclose(apart.mean, reduced.mean, rtol=1e-7)
    np.testing.assert_allclose(apart.epistemic_var, reduced.epistemic_var, rtol=1e-6)
