"""Product-structured data: tables, growth along the case axis, errors that say where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError
from tests.shapes import unchecked


@st.composite
def products(draw):
    """Product data of one to three axes of one to three coordinates, with distinct values."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    axes, used = [], 0
    for a in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 3))
        names = tuple(f"c{used + i}" for i in range(width))
        axes.append(Axis(f"a{a}", rng.normal(size=(draw(st.integers(1, 4)), width)), names))
        used += width
    outputs = tuple(f"u{i}" for i in range(draw(st.integers(1, 2))))
    return ProductData(tuple(axes), rng.normal(size=(*(axis.size for axis in axes), len(outputs))), outputs)


@given(products())
@settings(max_examples=60, deadline=None)
def test_table_holds_every_combination(data):
    inputs, outputs = data.table()
    assert inputs.shape == (data.n_points, len(data.inputs)) and outputs.shape == (data.n_points, len(data.outputs))
    for row, index in enumerate(np.ndindex(*(axis.size for axis in data.axes))):
        expected = np.concatenate([axis.points[i] for axis, i in zip(data.axes, index, strict=True)])
        np.testing.assert_array_equal(inputs[row], expected)
        np.testing.assert_array_equal(outputs[row], data.values[index])


@given(products(), st.data())
@settings(max_examples=60, deadline=None)
def test_table_of_rows_is_the_rows_of_the_table(data, draw):
    rows = np.array(draw.draw(st.lists(st.integers(0, data.n_points - 1), max_size=8)), dtype=int)
    for part, whole in zip(data.table(rows), data.table(), strict=True):
        np.testing.assert_array_equal(part, whole[rows])


@given(products(), st.data())
@settings(max_examples=60, deadline=None)
def test_appended_undoes_a_cut(data, draw):
    last = data.axes[-1]
    if last.size < 2:
        return
    cut = draw.draw(st.integers(1, last.size - 1))
    rows = np.arange(last.size)
    axis = len(data.axes) - 1
    head, tail = (
        ProductData((*data.axes[:-1], last.taken(part)), np.take(data.values, part, axis=axis), data.outputs)
        for part in (rows[:cut], rows[cut:])
    )
    whole = head.appended(tail)
    np.testing.assert_array_equal(whole.values, data.values)
    np.testing.assert_array_equal(whole.axes[-1].points, last.points)
    assert head.axes[-1].size == cut, "the data that was extended is unchanged"


@given(products(), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
@settings(max_examples=60, deadline=None)
def test_a_value_that_is_not_finite_is_named_with_its_place(data, bad, draw):
    index = tuple(draw.draw(st.integers(0, size - 1)) for size in data.values.shape)
    values = data.values.copy()
    values[index] = bad
    with pytest.raises(DataError) as caught:
        ProductData(data.axes, values, data.outputs)
    message = str(caught.value)
    assert repr(data.outputs[index[-1]]) in message
    assert ", ".join(f"{axis.name} {i}" for axis, i in zip(data.axes, index, strict=False)) in message


@given(st.integers(1, 5), st.integers(1, 3), st.sampled_from([np.nan, np.inf]), st.data())
@settings(max_examples=40, deadline=None)
def test_a_coordinate_that_is_not_finite_is_named_with_row_and_column(n, width, bad, draw):
    row, column = draw.draw(st.integers(0, n - 1)), draw.draw(st.integers(0, width - 1))
    points = np.zeros((n, width))
    points[row, column] = bad
    with pytest.raises(DataError, match=rf"row {row}, column 'c{column}'"):
        Axis("a", points, tuple(f"c{i}" for i in range(width)))


def grid(n=3, cases=2, names=("x", "case")):
    return ProductData(
        (Axis.of(names[0], np.arange(float(n))), Axis.of(names[1], np.arange(float(cases)))),
        np.zeros((n, cases, 1)),
        ("u",),
    )


@pytest.mark.parametrize("slab", [grid(n=4), grid(names=("y", "case")), grid(names=("x", "other"))])
def test_a_slab_with_other_axes_is_refused(slab):
    with pytest.raises(DataError, match="same axes"):
        grid().appended(slab)


def test_a_slab_with_other_outputs_is_refused():
    other = ProductData(grid().axes, np.zeros((3, 2, 1)), ("v",))
    with pytest.raises(DataError, match="same outputs"):
        grid().appended(other)


def test_one_axis_table_is_not_copied():
    data = ProductData((Axis("point", np.zeros((5, 2)), ("a", "b")),), np.zeros((5, 1)), ("u",))
    inputs, outputs = data.table()
    assert np.shares_memory(inputs, data.axes[0].points) and np.shares_memory(outputs, data.values)


def test_values_are_read_only():
    data = grid()
    with pytest.raises(ValueError, match="read-only"):
        data.values[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data.axes[0].points[0] = 1


def test_a_mask_takes_its_true_rows():
    axis = Axis.of("x", np.arange(4.0))
    np.testing.assert_array_equal(axis.taken(np.array([False, True, False, True])).points[:, 0], [1, 3])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Axis("a", np.zeros((0, 1)), ("x",)), "at least one row"),
        (lambda: Axis("a", np.zeros((2, 2)), ("x",)), "1 coordinates"),
        (lambda: Axis("a", np.zeros((2, 2)), ("x", "y"), ("m",)), "1 units for 2 names"),
        (lambda: ProductData((Axis.of("x", np.zeros(2)),), np.zeros((3, 1)), ("u",)), "do not fit the axes"),
        (lambda: ProductData((Axis.of("x", np.zeros(2)),), np.zeros((2, 2)), ("u", "u")), "output names repeat: u, u"),
        (lambda: ProductData((Axis.of("x", np.zeros(2)),), np.zeros((2, 0)), ()), "no output"),
        (
            lambda: ProductData((Axis.of("x", np.zeros(2)),), np.zeros((2, 1)), ("u",), ("m", "s")),
            "2 units for 1 names",
        ),
        (lambda: grid(names=("x", "x")), "coordinate names repeat: x, x"),
    ],
)
def test_what_does_not_fit_is_refused(make, says):
    with pytest.raises(DataError, match=says):
        make()


def with_gaps() -> ProductData:
    values = np.arange(12.0).reshape(3, 4, 1)
    observed = np.ones((3, 4), dtype=bool)
    observed[1, 2] = observed[0, 0] = False
    return ProductData(
        (Axis.of("x", np.arange(3.0), "m"), Axis.of("case", np.arange(4.0))), values, ("u",), ("K",), observed
    )


def test_what_is_not_observed_is_nan_and_no_row_of_the_table():
    data = with_gaps()
    assert np.isnan(data.values[1, 2, 0]) and np.isnan(data.values).sum() == 2
    assert data.n_points == 12 and data.n_observed == 10
    inputs, values = data.table()
    np.testing.assert_array_equal(values[:, 0], np.delete(np.arange(12.0), [0, 6]))
    table = data.scattered()
    assert table.observed is None and table.axes[0].units == ("m", "") and table.output_units == ("K",)
    np.testing.assert_array_equal(table.axes[0].points, inputs)
    np.testing.assert_array_equal(data.observed_rows, np.delete(np.arange(12), [0, 6]))


def test_a_mask_without_gaps_is_none_and_one_without_values_is_refused():
    data = with_gaps()
    full = ProductData(data.axes, np.zeros((3, 4, 1)), ("u",), observed=np.ones((3, 4), dtype=bool))
    assert full.observed is None and full.n_observed == 12
    with pytest.raises(DataError, match="no value is observed"):
        ProductData(data.axes, np.zeros((3, 4, 1)), ("u",), observed=np.zeros((3, 4), dtype=bool))
    with unchecked(), pytest.raises(DataError, match="mask of observed values has the shape"):
        ProductData(data.axes, np.zeros((3, 4, 1)), ("u",), observed=np.ones(3, dtype=bool))
    with pytest.raises(DataError, match="every value must be finite"):
        ProductData(data.axes, np.full((3, 4, 1), np.nan), ("u",), observed=data.observed)


def test_gaps_stay_where_they_are_when_cases_are_added():
    data = with_gaps()
    slab = ProductData((data.axes[0], Axis.of("case", np.array([7.0]))), np.ones((3, 1, 1)), ("u",))
    for grown, gaps in ((data.appended(slab), [[0, 0], [1, 2]]), (slab.appended(data), [[0, 1], [1, 3]])):
        assert grown.observed is not None
        np.testing.assert_array_equal(np.argwhere(~grown.observed), gaps)
        assert np.isnan(grown.values).sum() == 2
