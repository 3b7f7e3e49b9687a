"""Data that grow round by round: rows that only fill up a shape change no result and save compiling again."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema.bnn import BnnMapConfig, BnnNutsConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.bnn.map import BnnMap
from binn_cli.models.bnn.nuts import BnnNuts
from binn_cli.models.canonical import room_for
from tests.models.problems import problem

DATA = problem("mixed")


def cases(number: int) -> ProductData:
    *others, last = DATA.axes
    return ProductData((*others, last.taken(np.arange(number))), DATA.values[..., :number, :], DATA.outputs)


def test_rows_that_fill_up_have_no_part_in_the_density() -> None:
    density, rng = Density.of(BnnMapConfig(widths=[3], precision="float64"), 2, 1), np.random.default_rng(0)
    x, y, vector = rng.standard_normal((6, 2)), rng.standard_normal((6, 1)), rng.standard_normal(density.size)
    filled = Points(x, y, np.asarray(4))
    np.testing.assert_allclose(density(vector, filled), density(vector, Points(x[:4], y[:4])), rtol=1e-14)


@pytest.mark.parametrize(
    ("number", "capacity", "room"), [(8, 28, 14), (14, 28, 14), (15, 28, 28), (35, 55, 55), (5, None, 5), (5, 3, 5)]
)
def test_room_is_a_half_of_the_capacity_as_often_as_it_fits(number: int, capacity: int | None, room: int) -> None:
    data = problem("line")
    axis = data.axes[0].taken(np.arange(number) % data.axes[0].size)
    assert room_for(ProductData((axis,), np.zeros((number, 1)), ("u",)), capacity) == room


@pytest.mark.thorough
def test_room_in_the_compiled_shape_does_not_change_the_fit() -> None:
    model = BnnMap(BnnMapConfig(widths=[8], steps=50, polish=20, precision="float64"))
    tight, roomy = (model.fit(cases(6), capacity=capacity) for capacity in (None, 10))
    np.testing.assert_allclose(roomy.predict(DATA.axes).mean, tight.predict(DATA.axes).mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        BnnMap(BnnMapConfig(widths=[4], steps=50, steps_again=20, polish=20)),
        pytest.param(
            BnnNuts(
                BnnNutsConfig(
                    widths=[4], start_steps=20, start_polish=10, warmup=10, samples=10, warmup_again=5, samples_again=5
                )
            ),
            marks=pytest.mark.thorough,
        ),
    ],
    ids=lambda model: model.name,
)
def test_one_more_case_compiles_nothing(model: BnnMap | BnnNuts) -> None:
    found, compiled = None, []
    for number in (6, 7, 8, 9):
        found = model.fit(cases(number), warm_start=found, capacity=10)
        compiled.append(found.report.compile_seconds)
        assert found.report.diagnostics["points_used"] == DATA.n_points // DATA.axes[-1].size * number
    # The first fit, and for chains, whose warm-up is shorter then, the first after a warm start.
    assert compiled[0] > 0 and compiled[2:] == [0, 0] and (model.name != "bnn_map" or compiled[1] == 0)
