"""What earlier cases became is kept: a new case costs its own slab, and the old data are not needed to learn on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import h5py
import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig, PoissonConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, DataError
from binn_cli.models.binn import history
from binn_cli.models.binn.model import Binn, FittedBinn
from binn_cli.models.binn.tucker.fit import FittedTucker
from binn_cli.results.tree import read_tree, write_tree
from tests.models.problems import problem

CASES = 7
CONFIGS = {
    "tucker": BinnConfig(centers=8, length=1.5, padding=1, stretch=0, sweeps=4),
    "cp": BinnConfig(modes=2, centers=8, length=1.5, padding=1, stretch=0, sweeps=4),
}
EACH = pytest.mark.parametrize("config", list(CONFIGS.values()), ids=list(CONFIGS))


def whole() -> ProductData:
    return Poisson(PoissonConfig(grid=6, candidates=20, train_cases=CASES, test_cases=2), 0).training()


def cases(data: ProductData, begin: int, end: int) -> ProductData:
    rows = np.arange(begin, end)
    return ProductData((*data.axes[:-1], data.axes[-1].taken(rows)), data.values[..., begin:end, :], data.outputs)


def assert_equal(one: FittedBinn | FittedTucker, other: FittedBinn | FittedTucker, tolerance: float = 1e-12) -> None:
    axes = whole().axes
    mine, theirs = one.predict(axes), other.predict(axes)
    size = np.std(whole().values)
    np.testing.assert_allclose(mine.mean, theirs.mean, rtol=0, atol=tolerance * size)
    np.testing.assert_allclose(mine.epistemic_var, theirs.epistemic_var, rtol=1e-5, atol=tolerance * size**2)


@EACH
@pytest.mark.parametrize("parts", [(4, 5, 7), (5, 7), (4, 5, 6, 7)])
def test_cases_that_were_appended_are_learned_like_all_at_once(config: BinnConfig, parts: tuple[int, ...]) -> None:
    data, model = whole(), Binn(config)
    grown = cases(data, 0, parts[0])
    before = model.fit(grown, capacity=CASES)
    for begin, end in itertools.pairwise(parts):
        grown = grown.appended(cases(data, begin, end))
    assert before.history is not None and before.history.holds(grown) and not before.history.holds(data)
    assert_equal(model.fit(grown, before, capacity=CASES), model.fit(data, before, capacity=CASES))


@EACH
def test_a_new_case_costs_its_own_slab_and_no_compilation(config: BinnConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    data, model = whole(), Binn(config)
    grown = cases(data, 0, 5)
    before = model.fit(grown, capacity=CASES)
    seen = []
    project = history.projected_slab

    def watched(watch, values, *rest):
        seen.append(values.shape[-2])
        return project(watch, values, *rest)

    monkeypatch.setattr(history, "projected_slab", watched)
    after = model.fit(grown.appended(cases(data, 5, 6)), before, capacity=CASES)
    assert seen == [1] and after.report.compile_seconds == 0
    seen.clear()
    model.fit(cases(data, 0, 6), before, capacity=CASES)  # the same values, but nothing says so
    assert seen[0] == 6


def test_values_that_were_replaced_are_read_again() -> None:
    data, model = whole(), Binn(CONFIGS["tucker"])
    first = cases(data, 0, 5)
    before = model.fit(first)
    other = replace(first.appended(cases(data, 5, 6)), values=2.0 * data.values[..., :6, :])
    assert before.history is not None and not before.history.holds(other)
    assert_equal(model.fit(other, before), model.fit(cases(replace(data, values=2.0 * data.values), 0, 6), before))


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "from a file"])
def test_updating_is_fitting_all_cases(kept: bool, tmp_path) -> None:
    data, model = whole(), Binn(CONFIGS["tucker"])
    before = model.fit(cases(data, 0, 4))
    expected = model.fit(data, before)
    if kept:
        with h5py.File(tmp_path / "surrogate.h5", "w") as file:
            write_tree(file, "surrogate", before.state())
            before = model.from_state(read_tree(file["surrogate"]))
    assert isinstance(before, FittedTucker)
    after = before.update(cases(data, 4, 5)).update(cases(data, 5, 7))
    assert after.history is not None and after.history.axes[-1].size == CASES
    # Two short alternations are not one: they agree as far as they have settled.
    assert_equal(before.update(cases(data, 4, 7)), expected)
    error = [np.sqrt(np.mean((f.predict(data.axes).mean - data.values) ** 2)) for f in (before, after, expected)]
    assert error[1] < error[0] and error[1] < 2 * error[2] + 1e-12


def test_what_cannot_be_learned_on_is_said() -> None:
    data, model = whole(), Binn(CONFIGS["tucker"])
    fitted = model.fit(cases(data, 0, 5))
    assert isinstance(fitted, FittedTucker)
    with pytest.raises(BinnError, match="forgetting is 0.5, but a Tucker decomposition weighs all its cases alike"):
        fitted.update(cases(data, 5, 7), forgetting=0.5)
    x, *others = cases(data, 5, 7).axes
    moved = Axis("x", 0.5 * x.points, x.coordinates)
    with pytest.raises(DataError, match="a slab must have the same axes"):
        fitted.update(ProductData((moved, *others), data.values[..., 5:7, :], data.outputs))
    table = Binn(replace(CONFIGS["tucker"], decomposition="tucker")).fit(problem("scattered"))
    assert isinstance(table, FittedTucker)
    with pytest.raises(BinnError, match="a Tucker decomposition of a table needs all rows again"):
        table.update(problem("scattered"))
