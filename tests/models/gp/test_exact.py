"""The exact Gaussian process against scikit-learn's, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from binn_cli.config.schema import GpConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import ConfigError, DataError, TooLarge
from binn_cli.models.gp import memory
from binn_cli.models.gp.conditioning import factorised
from binn_cli.models.gp.exact import Gp
from tests.models.problems import new_points, problem

LENGTHS, SIGNAL, NOISE = [0.35, 0.8], 1.7, 0.02
FIXED: dict[str, Any] = {"hyperparameters": "fixed", "length_unit": "input", "output_scaling": "none"}


def reference(kernel: str) -> Any:
    """scikit-learn's kernel of the same name, in the units of the inputs."""
    return ConstantKernel(SIGNAL) * (RBF(LENGTHS) if kernel == "rbf" else Matern(LENGTHS, nu=2.5)) + WhiteKernel(NOISE)


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_equals_scikit_learn_at_equal_hyperparameters(kernel: str) -> None:
    data, new = problem("scattered", noise=0.1), new_points(problem("scattered"))
    config = GpConfig(kernel=kernel, length=LENGTHS, signal_variance=SIGNAL, noise_variance=NOISE, **FIXED)
    fitted = Gp(config).fit(data)
    prediction = fitted.predict([new])
    other = GaussianProcessRegressor(reference(kernel), optimizer=None, alpha=0.0).fit(*data.table())
    mean, std = other.predict(new.points, return_std=True)
    np.testing.assert_allclose(prediction.mean[:, 0], np.ravel(mean), rtol=0, atol=1e-6)
    # Its standard deviation holds the noise of the white kernel.
    np.testing.assert_allclose(prediction.total_std[:, 0], np.ravel(std), rtol=0, atol=1e-6)
    np.testing.assert_allclose(prediction.noise_var, NOISE, rtol=1e-12)
    np.testing.assert_allclose(
        fitted.report.diagnostics["log_evidence"], other.log_marginal_likelihood_value_, rtol=1e-9
    )


def test_the_evidence_is_as_high_as_scikit_learns_and_higher_than_that_of_the_start() -> None:
    data = problem("line", noise=0.1)
    model = Gp(GpConfig(output_scaling="none"))
    found = model.fit(data)
    other = GaussianProcessRegressor(
        ConstantKernel(1.0) * RBF(0.3) + WhiteKernel(0.01), alpha=0.0, n_restarts_optimizer=2, random_state=0
    )
    best = other.fit(*data.table()).log_marginal_likelihood_value_
    assert float(found.report.diagnostics["log_evidence"][0]) >= best - 1e-4
    start = Gp(GpConfig(output_scaling="none", hyperparameters="fixed")).fit(data)
    assert float(start.report.diagnostics["log_evidence"][0]) < best - 1.0
    again = model.fit(data, warm_start=found)
    np.testing.assert_allclose(
        again.report.diagnostics["log_evidence"], found.report.diagnostics["log_evidence"], rtol=1e-6
    )
    assert again.report.diagnostics["evidence_starts"].shape == (1, 1)


def test_room_for_more_cases_changes_nothing() -> None:
    data, new = problem("line", noise=0.1), new_points(problem("line"))
    one, other = (Gp(GpConfig(iterations=10)).fit(data, capacity=capacity).predict([new]) for capacity in (None, 61))
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.epistemic_var, other.epistemic_var, rtol=0, atol=1e-9)


def two_outputs() -> ProductData:
    """A smooth output, and one of pure noise, of other size."""
    data = problem("line", noise=0.01)
    noise = 50.0 + 10.0 * np.random.default_rng(5).standard_normal(data.values.shape)
    return ProductData(data.axes, np.concatenate([data.values, noise], axis=1), ("u", "v"))


def test_outputs_have_hyperparameters_of_their_own_or_share_them() -> None:
    data = two_outputs()
    own = Gp(GpConfig()).fit(data)
    alone = Gp(GpConfig()).fit(ProductData(data.axes, data.values[:, :1], ("u",)))
    np.testing.assert_allclose(
        own.predict(data.axes).mean[:, 0], alone.predict(data.axes).mean[:, 0], rtol=0, atol=1e-9
    )
    noise = own.report.diagnostics["noise_std"]
    assert noise[0] < 0.03 and 7 < noise[1] < 13
    shared = Gp(GpConfig(outputs="shared")).fit(data)
    assert shared.report.diagnostics["length_scales"].shape == (1, 1)
    assert shared.report.diagnostics["log_evidence"].sum() < own.report.diagnostics["log_evidence"].sum()


def test_refuses_what_does_not_fit_in_memory(monkeypatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2 * 8 * memory.MATRICES * 40**2)
    with pytest.raises(
        TooLarge, match=r"50 points need 6 matrices of 50 × 50 .* at most 40 points fit .* gp_sparse, gp_local, gp_grid"
    ):
        Gp(GpConfig()).fit(problem("line"))
    monkeypatch.setattr(memory, "available_bytes", lambda: 2 * 8 * memory.MATRICES * 50**2)
    assert Gp(GpConfig(iterations=0)).fit(problem("line")).predict(problem("line").axes).mean.shape == (50, 1)


def test_only_the_points_whose_evidence_is_looked_at_need_the_memory_of_its_gradient(monkeypatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2 * 8 * 2 * 50**2)
    part = Gp(GpConfig(iterations=1, evidence_points=28))
    assert part.fit(problem("line")).predict(problem("line").axes).mean.shape == (50, 1)
    with pytest.raises(TooLarge, match=r"61 points need 2 matrices of 61 × 61 .* at most 50 points fit"):
        part.fit(problem("line"), capacity=61)


def test_the_memory_that_is_available_is_that_of_this_machine() -> None:
    assert 10**7 < memory.available_bytes() < 10**14


def test_the_peak_of_a_fit_is_no_more_than_what_is_asked_for() -> None:
    """Compiled for 2,000 points: XLA's own account of its buffers, beside the arguments."""
    import jax

    from binn_cli.models.gp.learning import objective

    n = 2000
    arguments = [jax.ShapeDtypeStruct(shape, "float64") for shape in ((4,), (n, 2), (n, 1), (n,))]
    lowered = jax.jit(lambda *parts: objective._function(*parts, kind="rbf")).lower(*arguments)
    analysis = lowered.compile().memory_analysis()
    assert n**2 * 8 < analysis.temp_size_in_bytes < memory.MATRICES * n**2 * 8


def test_the_peak_of_factorising_is_two_matrices() -> None:
    """The covariance and the factor that is kept, which `require_dense` asks for."""
    import jax

    n = 2000
    arguments = [jax.ShapeDtypeStruct(shape, "float64") for shape in ((4,), (n, 2), (n, 1), (n,))]
    analysis = jax.jit(lambda *parts: factorised(*parts, kind="rbf")).lower(*arguments).compile().memory_analysis()
    assert 1.9 * n**2 * 8 < analysis.temp_size_in_bytes + analysis.output_size_in_bytes < 2.1 * n**2 * 8


def test_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"model.length: has 3 entries, but the data have 1 inputs"):
        Gp(GpConfig(length=[1.0, 1.0, 1.0])).fit(problem("line"))
    data = ProductData((Axis("point", np.linspace(0, 1, 60)[:, None], ("x",)),), np.ones((60, 1)), ("y",))
    with pytest.raises(DataError, match=r"not positive definite.*raise model.noise_variance"):
        Gp(GpConfig(hyperparameters="fixed", noise_variance=1e-30, length=3.0)).fit(data)


def test_simulations_without_noise_are_not_missed_by_far_less_than_is_said() -> None:
    """A plane, of which the smallest noise that the search allows is much too large."""
    x, new = np.random.default_rng(0).random((2, 80, 2))
    data = ProductData((Axis("point", x, ("a", "b")),), x[:, :1] + 2.0 * x[:, 1:], ("u",))
    found = Gp(GpConfig(starts=2, iterations=60)).fit(data).predict([Axis("point", new, ("a", "b"))])
    error = np.sqrt(np.mean((found.mean - new[:, :1] - 2.0 * new[:, 1:]) ** 2))
    assert 0.5 < np.sqrt(np.mean(found.total_std**2)) / error < 5.0


def test_a_plane_is_learned_on_from_and_its_search_goes_on_from_what_it_found() -> None:
    x, new = np.random.default_rng(0).random((2, 120, 2))
    axis, model, fitted = Axis("point", new, ("a", "b")), Gp(GpConfig(starts=2, iterations=60)), None

    def plane(points: np.ndarray) -> ProductData:
        return ProductData((Axis("point", points, ("a", "b")),), points[:, :1] + 2.0 * points[:, 1:], ("u",))

    for count in (60, 80):
        fitted = model.fit(plane(x[:count]), fitted, domain=np.array([[0.0, 1.0], [0.0, 1.0]]))
    restored = model.from_state(fitted.state())
    np.testing.assert_array_equal(restored.predict([axis]).total_std, fitted.predict([axis]).total_std)
    for surrogate in (fitted, model.update(fitted, plane(x[80:]))):
        found = surrogate.predict([axis])
        error = np.sqrt(np.mean((found.mean - new[:, :1] - 2.0 * new[:, 1:]) ** 2))
        assert error < 1e-4 and 0.3 < np.sqrt(np.mean(found.total_std**2)) / error < 5.0
