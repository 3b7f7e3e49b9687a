"""What simulating cases would teach, against conditioning written out, whether or not a surrogate can compare a few
cases with many."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import ActiveLearnConfig, SimulatorConfig
from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import CaseProcess, Prediction
from binn_cli.tasks.acquisition import FEW, AcquisitionContext, Aim, ivr
from binn_cli.tasks.continuous import Search
from binn_cli.tasks.references import COMPARED, References, some_of

NOISE = np.array([1e-3, 2e-3])
BETWEEN = np.array([[1.0, 0.3], [0.3, 0.5]])


def between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("nm,rs->nrms", np.exp(-0.5 * ((left - right.T) / 0.3) ** 2), BETWEEN)


class Correlated:
    """Knows the covariance of two coordinates of every case."""

    def __init__(self, reaching: bool) -> None:
        self.reaching = reaching

    def case_process(self, axes: list[Axis], cases: Axis) -> CaseProcess:
        def reach(others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return between(cases.points, others), np.tile(BETWEEN, (len(others), 1, 1))

        return CaseProcess(between(cases.points, cases.points), NOISE, 0.0, reach if self.reaching else None)


@pytest.mark.parametrize("reaching", [True, False])
def test_what_cases_teach_is_conditioning_written_out(reaching: bool) -> None:
    rng = np.random.default_rng(0)
    few, picked, points = rng.random((5, 1)), rng.random((2, 1)), rng.random((150, 1))
    axis = Axis.of("x", few[:, 0])
    known = References(Correlated(reaching), [], axis, few, picked)
    whole = np.concatenate([picked, few, points])
    full = between(whole, whole).reshape(2 * len(whole), -1)
    added = np.diag(np.tile(NOISE, 2))
    after = full - full[:, :4] @ np.linalg.solve(full[:4, :4] + added, full[:4])
    expected = []
    for i in range(7, len(whole)):
        own, there = slice(2 * i, 2 * i + 2), slice(4, 14)
        gain = np.linalg.solve(after[own, own] + np.diag(NOISE), after[own, there])
        expected.append(np.sum(gain.T * after[there, own]))
    np.testing.assert_allclose(known.reductions(points), expected, rtol=1e-6)
    left = np.diag(after).reshape(-1, 2).sum(axis=1)[7:] / BETWEEN.trace()
    for own in (known, References(Correlated(reaching), [], axis, few[:0], picked)):
        np.testing.assert_allclose(own.remaining(points), np.sqrt(left), rtol=1e-6)


def test_of_many_candidates_some_stand_for_all() -> None:
    """The best of 1,500 is that of all of them compared with one another."""
    cases = np.sort(np.random.default_rng(1).random((1500, 1)) ** 2, axis=0)
    labelled = np.zeros(1500, dtype=bool)
    labelled[::40] = cases[::40, 0] < 0.7
    known = np.flatnonzero(labelled)
    context = AcquisitionContext(
        Correlated(True), [], [], Axis.of("x", cases[:, 0]), labelled, (0,), picked=known[:20].tolist()
    )
    assert len(cases) > FEW
    scores = ivr(context)
    full = between(cases, cases).reshape(3000, 3000)
    seen = np.ravel([[2 * i, 2 * i + 1] for i in known[:20]])
    noise = np.tile(NOISE, len(known[:20]))
    after = full - full[:, seen] @ np.linalg.solve(full[np.ix_(seen, seen)] + np.diag(noise), full[seen])
    best = int(np.argmax(scores))

    def worth(i: int) -> float:
        own = slice(2 * i, 2 * i + 2)
        return float(np.sum(after[:, own] * np.linalg.solve(after[own, own] + np.diag(NOISE), after[own]).T))

    assert worth(best) > 0.97 * max(worth(i) for i in np.flatnonzero(~labelled)[::7])
    assert np.all(scores[labelled] == 0.0)


def test_a_model_without_covariance_is_named() -> None:
    with pytest.raises(ConfigError, match="maximin"):
        References(object(), [], Axis.of("x", np.zeros(1)), np.zeros((0, 1)), np.zeros((1, 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("reaching", [True, False])
def test_of_many_candidates_what_is_left_is_that_of_all_compared(reaching: bool) -> None:
    cases, fitted = Axis.of("x", np.random.default_rng(2).random(400)), Correlated(reaching)
    context = AcquisitionContext(fitted, [], [], cases, np.zeros(400, dtype=bool), (0,), picked=[3, 8])
    before = fitted.case_process([], cases)
    after = before.observed(3).observed(8)
    expected = np.sqrt(after.variances() / before.variances())
    np.testing.assert_allclose(context.remaining(), expected, rtol=1e-6)


def test_those_that_stand_for_a_lattice_lie_in_all_of_it() -> None:
    side = np.arange(127.0)
    lattice = Axis("case", np.column_stack([np.repeat(side, 127), np.tile(side, 127)]), ("k", "P"))
    some = some_of(lattice, COMPARED, 0)
    assert some.size == len(np.unique(some.points, axis=0)) == COMPARED
    assert all(len(np.unique(column)) > 60 and np.ptp(column) > 115 for column in some.points.T)
    assert np.array_equal(some.points, some_of(lattice, COMPARED, 0).points)
    assert not np.array_equal(some.points, some_of(lattice, COMPARED, 1).points)
    assert some_of(some, COMPARED, 5) is some


def test_knowing_one_more_is_having_picked_it() -> None:
    rng = np.random.default_rng(3)
    few, points = rng.random((5, 1)), rng.random((40, 1))
    axis, more = Axis.of("x", few[:, 0]), rng.random((1, 1))
    for picked in (few[1:2], more):
        one = References(Correlated(True), [], axis, few, few[:1])
        both = References(Correlated(True), [], axis, few, np.concatenate([few[:1], picked]))
        np.testing.assert_allclose(one.knowing(picked[0]).reductions(points), both.reductions(points), rtol=1e-6)
        np.testing.assert_allclose(one.knowing(picked[0]).gains(few), both.gains(few), rtol=1e-6, atol=1e-9)


class Unsure(Correlated):
    """The same, which also predicts: nothing is known anywhere."""

    def predict(self, axes: list[Axis]) -> Prediction:
        shape = (*(axis.size for axis in axes), 1)
        return Prediction(np.zeros(shape), np.ones(shape), np.full(shape, 1e-6))


@pytest.mark.parametrize("reaching", [True, False])
@pytest.mark.parametrize("name", ["ivr", "mean_std", "ei"])
def test_a_batch_anywhere_in_the_ranges_asks_for_different_things(name: str, reaching: bool) -> None:
    dataset = Simulator(SimulatorConfig(parameters={"x": [0, 2]}, outputs=["u"]), 0)
    config = ActiveLearnConfig(acquisition=name)
    search = Search(config, dataset, Unsure(reaching), [], 1, Aim.of(config, ("u",)))
    asked = dataset.candidates.points[:1]
    found = search.best(asked, asked, 3)
    assert found.shape == (3, 1) and np.all((found >= 0) & (found <= 2))
    together = np.sort(np.concatenate([asked, found]), axis=0)
    assert np.diff(together, axis=0).min() > 0.25
