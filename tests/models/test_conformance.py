"""What every model must do: one suite over all of them. A new model is a line in `MODELS` of conformance.py."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from binn_cli.build import CLASSES
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError
from binn_cli.models.surrogate import FittedSurrogate, Prediction, Surrogate
from binn_cli.results.tree import read_tree, write_tree
from tests.models.conformance import CHECKS, MODELS, Entry, built, fitted, grid, line, permuted, rescaled, stretched

NOT_LEARNING = ("galerkin",)
"""Models that have an equation instead of data; see tests/models/galerkin."""

DATA = {"line": line, "grid": grid}
LONG = (
    "bnn_nuts",
    "bnn_hmc",
    "bnn_vi",
    "bnn_ensemble",
    "bnn_mh",
    "bnn_sgld",
    "bnn_swag",
    "kan",
    "inn",
    "diffusion",
    "gp_vecchia",
    "gp_local",
    "gp_sparse",
)
"""Models that take long to compile; those that stay share their network, their training and their learning data."""
EACH = pytest.mark.parametrize(
    "index",
    [
        pytest.param(i, id=entry.model, marks=[pytest.mark.thorough] * (entry.model in LONG))
        for i, entry in enumerate(MODELS)
    ],
)
SHAPES = pytest.mark.parametrize("shape", list(DATA))


def entry_for(index: int, check: str) -> Entry:
    entry = MODELS[index]
    if check in entry.exceptions:
        pytest.skip(entry.exceptions[check])
    return entry


def relative_error(found: FittedSurrogate, data: ProductData) -> np.ndarray:
    """Root mean square error of each output over its standard deviation, on the training points."""
    mean = found.predict(data.axes).mean
    axes = tuple(range(mean.ndim - 1))
    return np.sqrt(np.mean((mean - data.values) ** 2, axis=axes)) / np.std(data.values, axis=axes)


def assert_same(one: Prediction, other: Prediction, data: ProductData, tolerance: float) -> None:
    spread = np.std(data.values, axis=tuple(range(data.values.ndim - 1)))
    for name in ("mean", "epistemic_var", "noise_var"):
        size = spread if name == "mean" else spread**2
        assert np.max(np.abs(getattr(one, name) - getattr(other, name)) / size) <= tolerance, name


def test_every_model_has_an_entry() -> None:
    assert [entry.model for entry in MODELS] == [name for name in CLASSES["model"] if name not in NOT_LEARNING]


def test_every_exception_has_a_reason() -> None:
    for entry in MODELS:
        assert set(entry.exceptions) <= set(CHECKS)
        assert all(len(reason.split()) > 3 for reason in entry.exceptions.values())


@EACH
def test_says_its_name(index: int) -> None:
    assert built(MODELS[index]).name == MODELS[index].model


@EACH
@SHAPES
def test_predicts_in_original_units_with_honest_variances(index: int, shape: str) -> None:
    data, found = DATA[shape](), fitted(index, shape)
    prediction = found.predict(data.axes)
    for part in (prediction.mean, prediction.epistemic_var, prediction.noise_var):
        assert part.shape == data.values.shape and part.dtype == np.float64 and np.isfinite(part).all()
    assert (prediction.epistemic_var >= 0).all() and (prediction.noise_var >= 0).all()
    assert (prediction.total_std**2 >= prediction.noise_var * (1 - 1e-12)).all()
    assert (prediction.total_std > 0).all()
    assert found.report.compile_seconds >= 0 and found.report.fit_seconds > 0
    assert all(np.asarray(values).dtype.kind in "biuf" for values in found.report.diagnostics.values())


@EACH
@SHAPES
def test_learns_at_smoke_effort(index: int, shape: str) -> None:
    entry = entry_for(index, "learns")
    assert (relative_error(fitted(index, shape), DATA[shape]()) < entry.error).all()


@EACH
def test_scattered_points_are_predicted_like_the_grid(index: int) -> None:
    data, found = grid(), fitted(index, "grid")
    points, _ = data.table(np.arange(0, data.n_points, 7))
    scattered = found.predict([Axis("point", points, data.inputs)])
    whole = found.predict(data.axes)
    kept = Prediction(*(part.reshape(-1, 2)[::7] for part in (whole.mean, whole.epistemic_var, whole.noise_var)))
    assert_same(scattered, kept, data, 1e-5)


@EACH
def test_same_seed_same_result(index: int) -> None:
    entry_for(index, "same_seed")
    one, other = (fitted(index, "line", again).predict(line().axes) for again in (0, 1))
    assert_same(one, other, line(), 0.0)


@EACH
def test_the_order_of_the_rows_does_not_matter(index: int) -> None:
    entry = entry_for(index, "permuted")
    found = built(entry).fit(permuted(line()))
    assert_same(found.predict(line().axes), fitted(index, "line").predict(line().axes), line(), entry.tolerance)


@EACH
def test_units_do_not_matter(index: int) -> None:
    entry, data = entry_for(index, "rescaled"), rescaled(line())
    found = built(entry).fit(data).predict([stretched(axis) for axis in line().axes])
    back = Prediction((found.mean + 3) / 0.01, found.epistemic_var / 1e-4, found.noise_var / 1e-4)
    assert_same(back, fitted(index, "line").predict(line().axes), line(), entry.tolerance)


@EACH
@SHAPES
def test_saves_and_loads(index: int, shape: str, tmp_path) -> None:
    model: Surrogate = built(MODELS[index])
    found, axes = fitted(index, shape), DATA[shape]().axes
    with h5py.File(tmp_path / "surrogate.h5", "w") as file:
        write_tree(file, "surrogate", found.state())
        kept = read_tree(file["surrogate"])
    for loaded in (model.from_state(found.state()), model.from_state(kept)):
        assert_same(loaded.predict(axes), found.predict(axes), DATA[shape](), 1e-12)


@EACH
def test_refuses_values_that_are_not_finite(index: int) -> None:
    values = line().values.copy()
    values[3] = np.nan
    with pytest.raises(DataError, match="must be finite"):
        built(MODELS[index]).fit(ProductData(line().axes, values, line().outputs))


@EACH
def test_a_warm_start_is_no_worse(index: int, tmp_path) -> None:
    entry = entry_for(index, "warm")
    model, cold = built(entry), fitted(index, "line")
    for before in (cold, model.from_state(cold.state())):
        warm = model.fit(line(), warm_start=before)
        assert (relative_error(warm, line()) <= entry.warm_factor * relative_error(cold, line())).all()
