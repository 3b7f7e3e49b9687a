"""The heat data set: axes, splits, linearity in P, off-grid nodes, cache."""

import logging

import numpy as np
import pytest

from binn_cli.config.schema import HeatConfig
from binn_cli.datasets import heat as heat_module
from binn_cli.datasets.heat import Heat
from binn_cli.errors import ConfigError

SMALL = {
    "source_centers": [[0.3, 0.4], [0.7, 0.6]],
    "source_radius": 0.2,
    "grid": 9,
    "times": 4,
    "cells": 8,
    "substeps": 4,
    "candidates": [4, 3],
    "train_cases": 6,
    "test_cases": 3,
    "offgrid_points": 7,
    "offgrid_times": 5,
    "offgrid_cases": 4,
}


@pytest.fixture
def small(tmp_path):
    def build(seed=0, cache=None, **settings):
        return Heat(
            HeatConfig(**(SMALL | {"cache": str(tmp_path / "cache") if cache is None else cache} | settings)), seed
        )

    return build


def test_axes_initial_and_boundary_values(small):
    data = small().training()
    assert [axis.name for axis in data.axes] == ["x", "y", "t", "case"]
    assert data.inputs == ("x", "y", "t", "k", "P") and data.outputs == ("u",)
    assert data.values.shape == (9, 9, 4, 6, 1)
    np.testing.assert_allclose(data.axes[2].points[:, 0], np.linspace(0, 0.04, 4), rtol=1e-15)
    assert (data.values[:, :, 0] == 0).all()
    assert (np.abs(data.values[[0, -1]]) < 1e-15).all() and (np.abs(data.values[:, [0, -1]]) < 1e-15).all()
    assert (data.values[1:-1, 1:-1, 1:] > 0).all()


def test_candidates_are_the_product_of_k_and_P_with_k_outer(small):
    points = small().candidates.points
    assert points.shape == (12, 2)
    np.testing.assert_allclose(points[:4], [[1, 100], [1, 150], [1, 200], [2, 100]])


def test_solution_is_linear_in_P(small):
    values = small().label([3, 4, 5]).values[..., 0]
    np.testing.assert_allclose(values[..., 1], 1.5 * values[..., 0], rtol=1e-14)
    np.testing.assert_allclose(values[..., 2], 2.0 * values[..., 0], rtol=1e-14)


def test_only_new_values_of_k_are_solved_and_announced(small):
    heat, heard = small(cache=""), []
    heat.label([0, 1, 2, 3], lambda *said: heard.append(said))
    assert heat.solves == 2
    assert heard == [("solving k = 1", 0, 2), ("solving k = 2", 1, 2), ("solved 2 values of k", 2, 2)]
    heard.clear()
    heat.label([5, 2], lambda *said: heard.append(said))
    assert heat.solves == 2 and heard == []


def test_label_does_not_depend_on_company_or_order(small):
    together = small().label([7, 0, 4])
    alone = small(cache="").label([0])
    np.testing.assert_array_equal(together.values[..., [1], :], alone.values)
    np.testing.assert_array_equal(together.axes[-1].points[[1]], alone.axes[-1].points)


def test_second_construction_solves_nothing(small):
    first = small()
    trained, judged = first.training(), first.evaluation()
    assert first.solves == 4 + 4
    second = small()
    np.testing.assert_array_equal(second.training().values, trained.values)
    for name, data in second.evaluation().items():
        np.testing.assert_array_equal(data.values, judged[name].values)
    assert second.solves == 0


@pytest.mark.parametrize(
    "change",
    [
        {"end_time": 0.05},
        {"times": 5},
        {"grid": 10},
        {"source_radius": 0.21},
        {"source_centers": [[0.3, 0.4]]},
        {"element_order": 1},
        {"cells": 9},
        {"scheme": "backward_euler"},
        {"substeps": 5},
    ],
)
def test_whatever_affects_the_values_misses_the_cache(small, change):
    small().label([0])
    changed = small(**change)
    changed.label([0])
    assert changed.solves == 1


def test_what_does_not_affect_the_values_hits_the_cache(small):
    small().label([0])
    changed = small(seed=7, initial_cases=3, train_cases=2, test_cases=1, offgrid_cases=0, P_range=[1.0, 2.0])
    changed.label([0])
    assert changed.solves == 0


def test_another_solver_version_misses_the_cache(small, monkeypatch):
    small().label([0])
    monkeypatch.setattr(heat_module, "VERSION", "heat-fem/next")
    changed = small()
    changed.label([0])
    assert changed.solves == 1


def test_a_damaged_cache_file_is_solved_again(small, tmp_path, caplog):
    wanted = small().label([0]).values
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    again = small()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(again.label([0]).values, wanted)
    assert again.solves == 1 and "computing it again" in caplog.text
    mended = small()
    mended.label([0])
    assert mended.solves == 0


def test_a_cache_that_cannot_be_written_is_one_warning(small, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    heat = small(cache=str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        heat.label(range(12))
    assert heat.solves == 4
    assert caplog.text.count("going on without it") == 1


@pytest.mark.parametrize("times", [1, 2, 5, 9])
def test_offgrid_nodes_are_none_of_the_training_nodes(small, times):
    heat = small(offgrid_times=times)
    train, offgrid = heat.training(), heat.evaluation()["offgrid"]
    assert offgrid.values.shape == (7, 7, times, 4, 1)
    for mine, other in zip(train.axes[:3], offgrid.axes[:3], strict=True):
        assert np.abs(mine.points - other.points.T).min() > 1e-6
        assert other.points.min() > 0 and other.points.max() < mine.points.max()
    gap = np.abs(heat.candidates.points[:, None] - offgrid.axes[3].points[None])
    assert (gap.max(axis=2) > 1e-6).all()
    low, high = heat.candidates.points.min(axis=0), heat.candidates.points.max(axis=0)
    assert (offgrid.axes[3].points > low).all() and (offgrid.axes[3].points < high).all()


@pytest.mark.parametrize(("times", "expected"), [(1, {0}), (2, {0, 2}), (3, {0, 1, 2}), (9, {0, 1, 2})])
def test_offgrid_times_spread_over_the_intervals(small, times, expected):
    heat = small(offgrid_times=times)
    t = heat.evaluation()["offgrid"].axes[2].points[:, 0]
    assert (np.diff(t) > 0).all()
    assert set((t // (0.04 / 3)).astype(int)) == expected


def test_offgrid_at_times_has_the_training_times(small):
    heat = small()
    splits = heat.evaluation()
    between, at = splits["offgrid"], splits["offgrid_at_times"]
    np.testing.assert_array_equal(at.axes[2].points, heat.training().axes[2].points[1:])
    for axis in (0, 1, 3):
        np.testing.assert_array_equal(at.axes[axis].points, between.axes[axis].points)


@pytest.mark.parametrize("leaf", ["offgrid_points", "offgrid_times", "offgrid_cases"])
def test_no_offgrid_splits_where_a_size_is_zero(small, leaf):
    heat = small(**{leaf: 0})
    assert set(heat.evaluation()) == {"test"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"grid": 1}, "dataset.grid"),
        ({"times": 1}, "dataset.times"),
        ({"candidates": [1, 3]}, "dataset.candidates"),
        ({"candidates": [3]}, "dataset.candidates"),
        ({"train_cases": 10}, "dataset.train_cases"),
        ({"test_cases": 12}, "dataset.test_cases"),
        ({"source_centers": []}, "dataset.source_centers"),
        ({"source_centers": [[0.1, float("nan")]]}, "dataset.source_centers"),
        ({"source_radius": 0.0}, "dataset.source_radius"),
        ({"element_order": 3}, "dataset.element_order"),
        ({"cells": 1}, "dataset.cells"),
        ({"scheme": "euler"}, "dataset.scheme"),
        ({"substeps": 0}, "dataset.substeps"),
        ({"substeps": 1}, "dataset.offgrid_times"),
        ({"offgrid_times": 10}, "dataset.offgrid_times"),
        ({"k_range": [0.0, 1.0]}, "dataset.k_range"),
        ({"k_range": [2.0, 1.0]}, "dataset.k_range"),
    ],
)
def test_unusable_settings_are_refused(small, change, key):
    with pytest.raises(ConfigError) as caught:
        small(**change)
    assert caught.value.key == key


def test_linear_elements_on_the_coarsest_mesh(small):
    values = small(cells=2, element_order=1, substeps=1, offgrid_cases=0).label([0]).values
    assert np.isfinite(values).all() and values.max() > 0
