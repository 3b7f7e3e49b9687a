"""Data and settings that break careless code: everything must stay finite and say what it knows."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError
from binn_cli.models.binn.limit.kernel import ENDLESS
from binn_cli.models.binn.surrogate import Binn
from tests.marks import thorough_for
from tests.models.problems import KINDS, new_points, problem
from tests.studies.computer_experiments import rows_of


def _fit_error(data: ProductData, config: BinnConfig) -> float:
    prediction = Binn(config).fit(data).predict(data.axes)
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.total_std).all()
    assert (prediction.epistemic_var >= 0).all()
    assert (prediction.noise_var > 0).all()
    return float(np.sqrt(np.mean((prediction.mean - data.values) ** 2)))


REPEATED = {("mixed", 1), ("scattered", 1), ("line", 1), ("grid", 1), ("mixed", 12)}


@pytest.mark.parametrize(("kind", "modes"), thorough_for(REPEATED, product(KINDS, (1, 12))))
def test_one_mode_and_many(kind: str, modes: int) -> None:
    error = _fit_error(problem(kind), BinnConfig(modes=modes, sweeps=10))
    assert error < (0.35 if modes == 1 else 0.02)


@pytest.mark.parametrize("kind", thorough_for({"mixed", "scattered", "line"}, KINDS))
def test_constant_output(kind: str) -> None:
    data = problem(kind)
    for constant in (0.0, 7.0, -1e-12):
        flat = replace(data, values=np.full(data.values.shape, constant))
        for scaling in ("scale", "standard", "none"):
            assert _fit_error(flat, BinnConfig(sweeps=5, output_scaling=scaling)) <= 1e-3 * abs(constant) + 1e-12


@pytest.mark.thorough
def test_one_training_case_and_duplicated_cases() -> None:
    data = problem("mixed")
    single = replace(data, axes=(*data.axes[:-1], data.axes[-1].taken([3])), values=data.values[..., [3], :])
    assert _fit_error(single, BinnConfig(sweeps=10)) < 1e-2
    twice = data.appended(data)
    assert _fit_error(twice, BinnConfig(sweeps=10)) < 1e-2


def test_of_many_inputs_most_do_not_matter() -> None:
    """Two of sixteen, from 24 rows, at most as far off as scikit-learn's Gaussian process with as wide a range."""
    random = np.random.default_rng(0)
    x, new = random.random((24, 16)), random.random((200, 16))
    y, truth = (points[:, 0] + points[:, 1] ** 2 for points in (x, new))
    fitted = Binn(BinnConfig()).fit(rows_of(x, y), domain=np.array([(0.0, 1.0)] * 16))
    found = fitted.predict(rows_of(new, truth).axes)
    error = found.mean[:, 0] - truth
    kernel = ConstantKernel() * RBF(np.ones(16), (1e-2, ENDLESS)) + WhiteKernel(1e-6, (1e-12, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # lengths at their bound are what is looked for
        theirs = GaussianProcessRegressor(kernel, normalize_y=True).fit(x, y)
    assert np.sqrt(np.mean(error**2)) < np.sqrt(np.mean((theirs.predict(new) - truth) ** 2))
    assert np.mean(np.abs(error) < 1.96 * found.total_std[:, 0]) > 0.85


def test_inputs_on_wildly_different_scales() -> None:
    data = problem("grid")
    axes = tuple(
        replace(axis, points=axis.points * scale) for axis, scale in zip(data.axes, (1e9, 1e-9, 1.0), strict=True)
    )
    assert _fit_error(replace(data, axes=axes), BinnConfig(sweeps=10)) < 1e-3


FAR_OFF = {("mixed", 2e3), ("scattered", 2e3), ("mixed", 2e-3), ("line", 2e-3), ("scattered", 2e-3)}


@pytest.mark.parametrize(("kind", "length"), thorough_for(FAR_OFF, product(KINDS, (2e-3, 2e3))))
def test_a_length_a_thousand_times_off(kind: str, length: float) -> None:
    assert np.isfinite(_fit_error(problem(kind), BinnConfig(centers=8, length=length, modes=3, sweeps=10)))


@pytest.mark.parametrize(
    "basis", thorough_for({"hat", "bspline", "chidenn"}, ("gaussian", "hat", "bspline", "chidenn"))
)
def test_more_bases_than_points(basis: str) -> None:
    data = problem("grid")
    assert _fit_error(data, BinnConfig(basis=basis, centers=40, length=4.0, sweeps=20)) < 1e-3
    far = Binn(BinnConfig(basis=basis, centers=40, length=4.0, sweeps=20)).fit(data).predict([new_points(data)])
    assert np.isfinite(far.total_std).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_data_are_refused_with_their_place(bad: float) -> None:
    data = problem("grid")
    values = data.values.copy()
    values[2, 3, 4, 0] = bad
    with pytest.raises(DataError, match=r"output 'u' is (nan|inf) at row x 2, y 3, t 4"):
        replace(data, values=values)
    with pytest.raises(DataError, match="row 1, column 'y'"):
        Axis("point", np.array([[0.0, 1.0], [0.0, bad]]), ("x", "y"))


def test_the_wrong_number_of_coordinates_is_refused() -> None:
    fitted = Binn(BinnConfig(sweeps=2)).fit(problem("line"))
    with pytest.raises(DataError, match="2 coordinates, but the surrogate has learned 1"):
        fitted.predict([Axis("point", np.zeros((3, 2)), ("x", "y"))])


@pytest.mark.parametrize("unit", [2.0**-565, 2.0**500])
def test_outputs_whose_squares_are_no_numbers(unit: float) -> None:
    x = np.random.default_rng(0).random((12, 1))
    data = ProductData((Axis("point", x, ("a",)),), np.sin(3 * x), ("u",))
    near, far = (
        Binn(BinnConfig()).fit(replace(data, values=data.values * own)).predict(data.axes) for own in (1, unit)
    )
    np.testing.assert_allclose(far.mean, near.mean * unit, rtol=1e-5)
    np.testing.assert_allclose(far.total_std, near.total_std * unit, rtol=0.05)
    assert (far.epistemic_std > 0).all()
