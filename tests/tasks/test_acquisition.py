"""The acquisitions against values computed by hand, and the points over which they are taken."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import ACQUISITIONS as NAMES
from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import CaseProcess, Prediction
from binn_cli.tasks.acquisition import ACQUISITIONS, AcquisitionContext, acquisition_points, choose

STD = np.array([[[1.0, 4.0, 0.0], [3.0, 0.0, 2.5]], [[2.0, 1.0, 2.5], [2.0, 1.0, 2.5]]])
"""(x, t, case)"""


class Known:
    """Predicts given standard deviations, (x, t, case) or (x, t, case, output)."""

    def __init__(self, std: np.ndarray) -> None:
        self.std = std if std.ndim == 4 else std[..., None]

    def predict(self, axes: list[Axis]) -> Prediction:
        assert tuple(axis.size for axis in axes) == self.std.shape[:-1]
        return Prediction(np.zeros_like(self.std), self.std**2, np.full_like(self.std, 100.0), 0.75)


def context(
    std: np.ndarray = STD,
    cases: np.ndarray | None = None,
    labelled: tuple[int, ...] = (),
    seed: tuple[int, int] = (0, 1),
    fitted=None,
):
    points = [Axis.of("x", np.arange(std.shape[0])), Axis.of("t", np.arange(std.shape[1]))]
    cases = np.arange(std.shape[2], dtype=float)[:, None] if cases is None else cases
    known = np.isin(np.arange(len(cases)), labelled)
    return AcquisitionContext(
        fitted or Known(std), points, points, Axis("case", cases, tuple("abc"[: cases.shape[1]])), known, seed
    )


def test_every_name_in_the_schema_has_a_function() -> None:
    assert tuple(ACQUISITIONS) == NAMES


def test_mean_and_largest_standard_deviation_by_hand() -> None:
    np.testing.assert_allclose(ACQUISITIONS["mean_std"](context()), [2.0, 1.5, 1.875], rtol=1e-15)
    np.testing.assert_allclose(ACQUISITIONS["max_std"](context()), [3.0, 4.0, 2.5], rtol=1e-15)


def test_scoring_counts_what_it_compiled() -> None:
    looked = context()
    ACQUISITIONS["mean_std"](looked)
    assert looked.compile_seconds == 0.75


def test_no_output_outweighs_another_by_its_unit() -> None:
    both = np.stack([STD, 1000 * STD[..., ::-1]], axis=-1)
    expected = (STD / 4.0 + STD[..., ::-1] / 4.0) / 2
    np.testing.assert_allclose(ACQUISITIONS["mean_std"](context(both)), expected.mean(axis=(0, 1)), rtol=1e-14)
    certain = np.stack([STD, np.zeros_like(STD)], axis=-1)
    np.testing.assert_allclose(ACQUISITIONS["max_std"](context(certain)), STD.max(axis=(0, 1)) / 4.0, rtol=1e-14)


def test_maximin_is_the_farthest_point_in_scaled_coordinates() -> None:
    cases = np.array([[0.0, 0.0], [1.0, 1000.0], [0.5, 100.0], [0.9, 0.0]])
    found = ACQUISITIONS["maximin"](context(np.ones((1, 1, 4)), cases, labelled=(0,)))
    np.testing.assert_allclose(found, [0.0, np.sqrt(2), np.sqrt(0.25 + 0.01), 0.9], rtol=1e-14)
    found = ACQUISITIONS["maximin"](context(np.ones((1, 1, 4)), cases, labelled=(0, 1)))
    np.testing.assert_allclose(found, [0.0, 0.0, np.sqrt(0.26), 0.9], rtol=1e-14)


def test_maximin_ignores_a_coordinate_that_never_changes() -> None:
    cases = np.array([[2.0, 0.0], [2.0, 4.0], [2.0, 1.0]])
    found = ACQUISITIONS["maximin"](context(np.ones((1, 1, 3)), cases, labelled=(0,)))
    np.testing.assert_allclose(found, [0.0, 1.0, 0.25], rtol=1e-14)


def test_random_is_reproducible_by_seed_and_differs_by_round() -> None:
    many = np.ones((1, 1, 50))
    first = ACQUISITIONS["random"](context(many, seed=(3, 1)))
    np.testing.assert_array_equal(first, ACQUISITIONS["random"](context(many, seed=(3, 1))))
    assert np.abs(first - ACQUISITIONS["random"](context(many, seed=(3, 2)))).max() > 0.1
    assert np.abs(first - ACQUISITIONS["random"](context(many, seed=(4, 1)))).max() > 0.1


@pytest.mark.parametrize(
    ("name", "available", "chosen"), [("mean_std", [0, 1, 2], 0), ("mean_std", [1, 2], 2), ("max_std", [0, 2], 0)]
)
def test_only_available_cases_are_chosen(name: str, available: list[int], chosen: int) -> None:
    assert choose(name, context(), np.array(available), 1) == [chosen]


def test_ties_go_to_the_first() -> None:
    assert choose("max_std", context(np.ones((2, 2, 3))), np.array([1, 2]), 1) == [1]


def line(name: str, n: int) -> Axis:
    return Axis.of(name, np.linspace(0, 1, n))


@pytest.mark.parametrize(
    ("sizes", "limit", "expected"),
    [
        ((5, 4), 100, (5, 4)),
        ((51, 51, 13), 4096, (17, 18, 13)),
        ((10, 2), 6, (3, 2)),
        ((3, 3, 3), 1, (1, 1, 1)),
        ((), 1, ()),
    ],
)
def test_acquisition_points_stay_below_their_limit(
    sizes: tuple[int, ...], limit: int, expected: tuple[int, ...]
) -> None:
    taken = acquisition_points([line(f"a{i}", n) for i, n in enumerate(sizes)], limit)
    assert tuple(axis.size for axis in taken) == expected
    for axis in taken:
        if axis.size > 1:
            assert (axis.points[0, 0], axis.points[-1, 0]) == (0.0, 1.0)
        else:
            assert axis.points[0, 0] == 0.5, (
                "a lone point stands in the middle, where boundary conditions do not fix it"
            )


def test_acquisition_points_are_points_of_the_data() -> None:
    axis = Axis("p", np.random.default_rng(0).normal(size=(40, 2)), ("a", "b"))
    (taken,) = acquisition_points([axis], 7)
    assert taken.size == 7
    assert {tuple(row) for row in taken.points} <= {tuple(row) for row in axis.points}
    assert len(np.unique(taken.points, axis=0)) == 7


BETWEEN = np.array([[1.0, 0.3], [0.3, 0.5]])


class KnownCases(Known):
    """Predicts given standard deviations and has a Gaussian process over the cases, of which it has two coordinates
    each."""

    def __init__(self, cases: np.ndarray, reaches: bool = False) -> None:
        self.std, self.cases, self.reaches = np.ones((1, 1, len(cases), 1)), cases, reaches

    def case_process(self, axes: list[Axis], cases: Axis) -> CaseProcess:
        def between(others: np.ndarray) -> np.ndarray:
            near = np.exp(-0.5 * ((cases.points - others.T) / 0.3) ** 2)
            return np.einsum("nm,rs->nrms", near, BETWEEN)

        def reach(others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return between(others), np.tile(BETWEEN, (len(others), 1, 1))

        return CaseProcess(between(cases.points), np.full(2, 1e-3), 0.25, reach if self.reaches else None)


@pytest.mark.parametrize("reaches", [True, False])
def test_variance_reduction_equals_conditioning_written_out(reaches: bool) -> None:
    """The scores of every pick of a batch, and so its choices."""
    cases = np.array([0.0, 0.1, 0.55, 0.6, 1.0])
    known = KnownCases(cases, reaches)
    process = known.case_process([], Axis.of("a", cases))
    full = process.covariance.reshape(10, 10)
    looked = context(known.std[..., 0], cases[:, None], labelled=(4,), fitted=known)
    for count in range(3):
        scores = ACQUISITIONS["ivr"](looked)
        assert scores[4] == 0.0
        for case in range(4):
            seen = slice(2 * case, 2 * case + 2)
            after = full - full[:, seen] @ np.linalg.inv(full[seen, seen] + 1e-3 * np.eye(2)) @ full[seen]
            np.testing.assert_allclose(scores[case], np.trace(full) - np.trace(after), rtol=1e-8)
            if count == 0:
                np.testing.assert_allclose(process.observed(case).covariance.reshape(10, 10), after, atol=1e-9)
        case = int(np.argmax(scores))
        looked.picked.append(case)
        seen = slice(2 * case, 2 * case + 2)
        full = full - full[:, seen] @ np.linalg.inv(full[seen, seen] + 1e-3 * np.eye(2)) @ full[seen]
    assert looked.compile_seconds == 0.25, "all candidates are compared once"


@pytest.mark.parametrize("name", ["ivr", "mean_std", "max_std", "maximin"])
def test_a_batch_does_not_ask_twice_for_the_same(name: str) -> None:
    """Of five cases three nearly coincide: a batch of three takes one of them, and the two others."""
    cases = np.array([0.0, 0.001, 0.002, 1.0, 2.0])
    known = KnownCases(cases)
    batch = choose(name, context(known.std[..., 0], cases[:, None], fitted=known), np.arange(5), 3)
    assert len(set(batch)) == 3
    assert {3, 4} < set(batch)


def test_a_batch_at_random_has_no_case_twice_and_ends_with_the_pool() -> None:
    assert sorted(choose("random", context(np.ones((1, 1, 6))), np.array([1, 3, 4]), 5)) == [1, 3, 4]


@pytest.mark.parametrize(("name", "batch"), [("ivr", 1), ("mean_std", 2)])
def test_a_model_without_covariance_between_cases_is_told(name: str, batch: int) -> None:
    with pytest.raises(ConfigError, match="maximin"):
        choose(name, context(), np.array([0, 1, 2]), batch)
