"""The Gauss-Newton system of every structure of data against a Jacobian by differences."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import of_basis, smooth_features
from binn_cli.models.binn.cp.fit import prepare
from binn_cli.models.binn.cp.normal_equations import Design, linearise, pack, unpack
from binn_cli.models.units import Units
from tests.models.problems import KINDS, problem


def _values(features, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    split, intercept = unpack(weights, [f.size for f in features])
    functions = [f(x[:, d]) @ w for d, (f, w) in enumerate(zip(features, split, strict=True))]
    return np.prod(functions, axis=0).sum(axis=1) + (intercept or 0.0)


def _jacobian(features, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    step = 1e-6 * np.eye(len(weights))
    return np.stack(
        [(_values(features, x, weights + s) - _values(features, x, weights - s)) / 2e-6 for s in step], axis=1
    )


@pytest.mark.parametrize("kind", KINDS)
def test_is_that_of_all_points(kind: str) -> None:
    data = problem(kind, noise=0.1)
    units = Units.of(data, None, "standard")
    features = [of_basis(build_basis("gaussian", 3, 1, 0.5, 0.0), 1.0, per_weight=False) for _ in data.inputs]
    design = prepare(data, features, units.inputs, units.outputs, 0.0).design(0)
    rng = np.random.default_rng(0)
    weights = pack([rng.standard_normal((f.size, 2)) for f in features])
    inputs, outputs = data.table()
    x, y = units.inputs(inputs, slice(None)), (outputs[:, 0] - units.outputs.shift[0]) / units.outputs.scale[0]
    jacobian, residual = _jacobian(features, x, weights), y - _values(features, x, weights)
    found = design.linearised(weights)
    gram = found.gram if found.gram is not None else found.rows.T @ found.rows
    np.testing.assert_allclose(gram, jacobian.T @ jacobian, rtol=1e-5, atol=1e-6 * np.abs(gram).max())
    np.testing.assert_allclose(
        found.gradient, jacobian.T @ residual, rtol=1e-5, atol=1e-6 * np.abs(found.gradient).max()
    )
    np.testing.assert_allclose(found.squared, residual @ residual, rtol=1e-8)


def test_intercept_weights_of_rows_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x, y, row_weights = rng.random((50, 2)), rng.standard_normal(50), rng.uniform(0.5, 2.0, 50)
    features = (smooth_features(0.5, 0.8), smooth_features(0.9, 0.5))
    weights = pack([rng.standard_normal((f.size, 2)) for f in features], 0.7)
    jacobian, residual = _jacobian(features, x, weights), y - _values(features, x, weights)
    design = Design.table(AxisDesign.of(features, x), y, row_weights)
    monkeypatch.setattr("binn_cli.models.binn.cp.normal_equations.CHUNK_ENTRIES", 200)
    split, intercept = unpack(weights, design.sizes)
    found = linearise(design, split, intercept, keep_rows=False)
    np.testing.assert_allclose(found.gram, (jacobian.T * row_weights) @ jacobian, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.gradient, (jacobian.T * row_weights) @ residual, rtol=1e-5, atol=1e-5)
    kept = linearise(design, split, intercept, keep_rows=True)
    np.testing.assert_allclose(kept.rows.T @ kept.rows, found.gram, rtol=1e-10, atol=1e-10)


def test_packing_is_undone() -> None:
    rng = np.random.default_rng(2)
    weights = [rng.standard_normal((k, 3)) for k in (4, 2)]
    split, intercept = unpack(pack(weights, 1.5), (4, 2))
    assert intercept == 1.5
    for mine, theirs in zip(split, weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert unpack(pack(weights), (4, 2))[1] is None
