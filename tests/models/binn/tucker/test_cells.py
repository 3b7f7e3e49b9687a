"""Functions cell by cell against the functions themselves, and predictions at many points against those at few."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.limit.process import MANY
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.binn.tucker.cells import AxisCells
from binn_cli.models.binn.tucker.fields import AxisFunctions
from binn_cli.models.binn.tucker.posterior import TuckerPosterior
from tests.models.problems import new_points, problem


@pytest.mark.parametrize(
    ("kind", "rate"), [("bspline", 0.0), ("bspline", 5.0), ("hat", -3.0), ("gaussian", 0.0), ("gaussian", 5.0)]
)
def test_cells_are_the_functions(kind: str, rate: float) -> None:
    random, basis = np.random.default_rng(0), build_basis(kind, 9, 2, 0.2, rate)
    size = len(basis.centers)
    seen, span = np.split(np.linalg.qr(random.standard_normal((size, 6)))[0], [4], axis=1)
    functions = AxisFunctions(
        basis, random.standard_normal((3, size)), seen, np.eye(3, 2), random.random((2, 4)), np.ones(2), span
    )
    cells = AxisCells.of(functions)
    assert cells is not None
    x = np.concatenate([random.uniform(-0.1, 1.1, 400), [0.0, 1.0]])
    mean, spread = cells(x[:, None], True)
    wanted, variance = functions.moments(x[:, None], True)
    assert spread is not None and variance is not None
    np.testing.assert_allclose(mean.T, wanted, atol=1e-12)
    np.testing.assert_allclose(spread.T, variance, atol=1e-12)
    assert cells(x[:, None], False)[1] is None


def test_a_basis_with_other_kinks_is_evaluated_as_it_is() -> None:
    basis = build_basis("chidenn", 8, 0, 0.2)
    size = len(basis.centers)
    weights, one = np.arange(size)[None] % 3 - 1.0, np.ones((1, 1))
    functions = AxisFunctions(basis, weights, np.eye(size, 2), one, np.ones((1, 2)), np.ones(1), np.eye(size, 0))
    assert AxisCells.of(functions) is None


def test_many_scattered_points_are_answered_as_few_are() -> None:
    data = problem("mixed", noise=1e-3)
    fitted = Binn(BinnConfig(decomposition="tucker")).fit(data)
    (posterior,) = fitted.posteriors
    assert isinstance(posterior, TuckerPosterior) and all(own is not None for own in posterior._quick)
    axis = new_points(data, MANY + 1)
    many, few = fitted.predict([axis]), fitted.predict([axis.taken(np.arange(900))])
    size = np.abs(few.mean).max()
    np.testing.assert_allclose(many.mean[:900], few.mean, atol=1e-9 * size)
    np.testing.assert_allclose(np.sqrt(many.epistemic_var[:900]), np.sqrt(few.epistemic_var), atol=1e-7 * size)
    np.testing.assert_allclose(fitted.predict([axis], variance=False).mean, many.mean, atol=1e-12 * size)
