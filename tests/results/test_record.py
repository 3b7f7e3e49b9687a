"""Samples of predictions, and what a record says about its steps."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.surrogate import Prediction
from binn_cli.results.record import Predictions, RunRecord


def grid(*sizes: int) -> tuple[ProductData, Prediction]:
    axes = tuple(Axis.of(f"x{i}", np.arange(float(size))) for i, size in enumerate(sizes))
    values = np.arange(float(np.prod(sizes))).reshape(*sizes, 1)
    return ProductData(axes, values, ("u",)), Prediction(
        2 * values, np.full(values.shape, 9.0), np.full(values.shape, 16.0)
    )


def test_small_splits_are_kept_whole():
    predictions = Predictions.of(*grid(4, 5), max_points=20)
    assert predictions.stride == 1 and predictions.n_points_total == 20
    np.testing.assert_array_equal(predictions.truth[:, 0], np.arange(20))
    np.testing.assert_array_equal(predictions.inputs[7], [1, 2])
    np.testing.assert_array_equal(predictions.mean, 2 * predictions.truth)
    assert (predictions.std_epistemic == 3).all() and (predictions.std_total == 5).all()
    assert predictions.input_units == ("", "") and predictions.output_units == ("",)


@pytest.mark.parametrize("sizes", [(1001,), (20, 50), (16, 16, 16, 2), (9, 10, 7)])
def test_a_sample_keeps_within_its_size_and_sees_every_point_of_every_axis(sizes: tuple[int, ...]):
    predictions = Predictions.of(*grid(*sizes), max_points=100)
    assert 50 < len(predictions.inputs) <= 100
    np.testing.assert_array_equal(predictions.truth[:, 0], np.arange(0, np.prod(sizes), predictions.stride))
    if len(sizes) > 1:
        assert [len(np.unique(column)) for column in predictions.inputs.T] == list(sizes)


def test_what_a_record_says_about_its_steps(record: RunRecord):
    assert record.splits == ("train", "test", "offgrid")
    assert record.case_coordinates == ("k", "P")
    np.testing.assert_allclose(record.series("test", "rmse")[:, 0], [0.5, 0.25, 0.5 / 3])
    np.testing.assert_allclose(record.series("offgrid", "rmse")[:, 1], [np.nan, 1.0, 2 / 3])


def test_a_run_without_steps_has_empty_series(header):
    empty = RunRecord(header=header)
    assert empty.splits == () and empty.case_coordinates == () and empty.series("test", "rmse").shape == (0, 1)
