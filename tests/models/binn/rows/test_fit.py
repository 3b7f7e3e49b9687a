"""Fits from chunks of rows: as in memory, and the same whatever the chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import TableRows
from binn_cli.errors import ConfigError, DataError
from binn_cli.models.binn.rows.fit import fit_rows
from binn_cli.models.binn.surrogate import Binn
from tests.models.problems import new_points, problem

CONFIG = BinnConfig(modes=2, centers=5, length=1.2, padding=1, stretch=0, noise_variance=1e-2, compression=0.0)
LINE, SCATTERED = problem("line", noise=0.05), problem("scattered", noise=0.05)


def _weights(config: BinnConfig, data: ProductData, chunk: int) -> np.ndarray:
    return fit_rows(config, TableRows(data), None, chunk).posteriors[0].members[0][0].weights


@pytest.mark.parametrize("data", [LINE, SCATTERED], ids=["line", "scattered"])
@given(chunk=st.integers(1, 10**6))
@settings(max_examples=5, deadline=None)
def test_chunks_do_not_matter(data: ProductData, chunk: int) -> None:
    chunk = max(chunk, data.n_points // 40)  # smaller ones only take longer
    whole = _weights(CONFIG, data, data.n_points)
    np.testing.assert_allclose(_weights(CONFIG, data, chunk), whole, rtol=0, atol=1e-9 * np.abs(whole).max())


@pytest.mark.parametrize("kind", ["line", "scattered"])
@pytest.mark.parametrize("scaling", ["standard", "scale", "none"])
def test_as_in_memory(kind: str, scaling: str) -> None:
    data = problem(kind, noise=0.05)
    data = replace(
        data,
        values=np.concatenate([data.values, 3.0 - 2.0 * data.values**2], axis=-1),
        outputs=("u", "v"),
        output_units=(),
    )
    config = replace(CONFIG, output_scaling=scaling)
    axis = new_points(data)
    mine, theirs = (Binn(config).fit(d).predict([axis]) for d in (TableRows(data), data))
    # Both stop when the log evidence has settled to a tenth, from different starts: far below the standard deviation.
    error = np.abs(mine.mean - theirs.mean) / np.sqrt(theirs.epistemic_var)
    assert error.max() < 0.1
    np.testing.assert_allclose(mine.epistemic_var, theirs.epistemic_var, rtol=0.02)
    np.testing.assert_allclose(mine.noise_var, theirs.noise_var, rtol=0.02)


def test_few_rows_are_learned_as_a_table_in_memory_is() -> None:
    x = np.random.default_rng(3).random((12, 2))
    data = ProductData((Axis("point", x, ("a", "b")),), (np.sin(3 * x[:, :1]) + x[:, 1:]), ("u",))
    axis = Axis("point", np.random.default_rng(4).random((50, 2)), ("a", "b"))
    streamed, whole = (Binn(BinnConfig()).fit(d).predict([axis]) for d in (TableRows(data), data))
    np.testing.assert_array_equal(streamed.mean, whole.mean)
    np.testing.assert_array_equal(streamed.epistemic_var, whole.epistemic_var)
    model, more = Binn(BinnConfig(decomposition="limit")), data.axes[0].taken(np.arange(9))
    some = replace(data, axes=(more,), values=data.values[:9])
    grown = [model.update(model.fit(some), own).predict([axis]).mean for own in (TableRows(data), data)]
    np.testing.assert_array_equal(*grown)


@pytest.mark.parametrize("unit", [2.0**-565, 2.0**500])
def test_streams_of_outputs_whose_squares_are_no_numbers(unit: float) -> None:
    small = replace(LINE, values=LINE.values * unit)
    axis = new_points(LINE)
    near, far = (fit_rows(CONFIG, TableRows(data), None, 7).predict([axis]) for data in (LINE, small))
    np.testing.assert_allclose(far.mean, near.mean * unit, rtol=1e-9)
    np.testing.assert_allclose(far.total_std, near.total_std * unit, rtol=1e-9)


def test_a_stated_line_is_read_once() -> None:
    passes = []

    class Counted(TableRows):
        def chunks(self, size, begin=0, end=None):
            passes.append(size)
            return super().chunks(size, begin, end)

    config = replace(CONFIG, output_scaling="none")
    domain = np.array([[0.0, 1.0]])
    fit_rows(config, Counted(LINE), domain, 7)
    assert passes[0] == 1 and set(passes[1:]) == {7}  # the first row alone, for the shapes, and then all


def test_what_was_taken_of_rows_that_are_streamed_is_said() -> None:
    fitted = fit_rows(BinnConfig(), TableRows(SCATTERED))
    modes = int(fitted.report.diagnostics["modes"][0])
    assert fitted.report.notes == (f"took {modes} modes, the likeliest on a sample of {SCATTERED.n_points:,} rows",)
    assert fit_rows(CONFIG, TableRows(SCATTERED)).report.notes == ()


def test_a_grid_is_read_as_the_table_it_is() -> None:
    grid = problem("grid")
    x, y = next(TableRows(grid).chunks(10**6))
    inputs, outputs = grid.table()
    np.testing.assert_array_equal(x, inputs)
    np.testing.assert_array_equal(y, outputs)


def test_what_cannot_be_streamed_is_refused() -> None:
    for change, word in (
        ({"inference": "vb", "variance": "laplace"}, "gauss_newton"),
        ({"decomposition": "limit", "modes": "auto"}, "cp"),
        ({"tune": True}, "false"),
    ):
        with pytest.raises(ConfigError, match=word):
            Binn(replace(CONFIG, **change)).fit(TableRows(LINE))


def test_a_number_that_is_not_finite_is_named_with_its_row() -> None:
    class Broken(TableRows):
        def chunks(self, size, begin=0, end=None):
            for x, y in super().chunks(size, begin, end):
                yield x, np.where(x == self.data.axes[0].points[33], np.nan, y)

    with pytest.raises(DataError, match="'u' is nan in row 33"):
        fit_rows(CONFIG, Broken(LINE), None, 10)


def test_one_row() -> None:
    data = ProductData((Axis("point", np.array([[0.5, 0.2]]), ("x", "y")),), np.array([[2.0]]), ("u",))
    fitted = fit_rows(replace(CONFIG, noise="fixed"), TableRows(data), np.array([[0.0, 1.0]] * 2), None)
    assert np.isfinite(fitted.predict(data.axes).mean).all()
