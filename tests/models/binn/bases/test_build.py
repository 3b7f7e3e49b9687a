"""The one-dimensional bases: what they span, where they sit, and the coordinate in which they are equispaced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.errors import ConfigError
from binn_cli.models.binn.bases.base import per_dimension
from binn_cli.models.binn.bases.build import basis_of, basis_tree, build_basis
from binn_cli.models.binn.bases.stretched import stretch

X = np.linspace(0, 1, 57)


def test_gaussian_is_equation_11() -> None:
    basis = build_basis("gaussian", 5, 2, 0.3)
    centers = np.arange(-2, 7) / 4
    np.testing.assert_allclose(basis.centers, centers)
    np.testing.assert_allclose(basis(X), np.exp(-((X[:, None] - centers) ** 2) / (2 * 0.3**2)), rtol=1e-14)


@pytest.mark.parametrize(("kind", "extra"), [("hat", 0), ("bspline", 1)])
@pytest.mark.parametrize("padding", [0, 3])
def test_compact_bases_partition_unity(kind: str, extra: int, padding: int) -> None:
    basis = build_basis(kind, 9, padding, 1.0)
    assert basis.centers.shape == (9 + 2 * (extra + padding),)
    np.testing.assert_allclose(np.asarray(basis(X)).sum(axis=1), 1.0, atol=1e-14)


@pytest.mark.parametrize(("kind", "degree"), [("hat", 1), ("bspline", 3)])
def test_compact_bases_reproduce_polynomials(kind: str, degree: int) -> None:
    values = np.asarray(build_basis(kind, 6, 0, 1.0)(X))
    for power in range(degree + 1):
        fit = values @ np.linalg.lstsq(values, X**power, rcond=None)[0]
        np.testing.assert_allclose(fit, X**power, atol=1e-12)
    beyond = values @ np.linalg.lstsq(values, X ** (degree + 1), rcond=None)[0]
    assert np.abs(beyond - X ** (degree + 1)).max() > 1e-5


@given(rate=st.sampled_from([0.0, 3.0, 30.0, 100.0, -3.0, -100.0]))
@settings(max_examples=12, deadline=None)
def test_stretching_keeps_the_ends_and_the_order(rate: float) -> None:
    stretched = np.asarray(stretch(X, rate))
    assert np.all(np.diff(stretched) > 0)
    np.testing.assert_allclose(stretched[[0, -1]], [0.0, 1.0], atol=1e-15)
    finest = np.argmax(np.diff(stretched))
    assert rate == 0 or finest == (0 if rate > 0 else len(X) - 2)
    assert np.isfinite(np.asarray(stretch(np.array([-5.0, 6.0]), rate))).all()


def test_a_list_must_fit_the_inputs() -> None:
    assert per_dimension("model.centers", 4, ("x", "y")) == [4, 4]
    with pytest.raises(ConfigError, match=r"model\.centers: has 3 entries, but the data have 2 inputs \(x, y\)"):
        per_dimension("model.centers", [1, 2, 3], ("x", "y"))


@pytest.mark.parametrize("kind", ["gaussian", "hat", "bspline", "chidenn"])
@pytest.mark.parametrize("rate", [0.0, 30.0])
def test_a_basis_comes_back_from_plain_numbers(kind: str, rate: float) -> None:
    basis = build_basis(kind, 7, 1, 0.2, rate)
    np.testing.assert_array_equal(basis_of(basis_tree(basis))(X), basis(X))


@pytest.mark.parametrize("kind", ["gaussian", "hat", "bspline", "chidenn"])
def test_a_compiled_function_sees_the_same_values(kind: str) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    basis = build_basis(kind, 7, 1, 0.2, 10.0)
    np.testing.assert_allclose(jax.jit(basis.__call__)(X), basis(X), rtol=1e-12, atol=1e-14)
