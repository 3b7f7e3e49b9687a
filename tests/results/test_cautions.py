"""What counts as doubtful, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.results.cautions import cautions
from binn_cli.results.record import Step

SOUND = {"rmse": 0.1, "mae": 0.1, "nlpd": -1.0, "crps": 0.05, "r2": 0.9, "rel_rmse": 0.3}


def step(degrees: float | list[float] | None = None, **scores: dict[str, float]) -> Step:
    """A step of 60 points with one output and the given departures from a sound fit, by split."""
    metrics = {
        split: {name: np.array([value]) for name, value in {**SOUND, **own}.items()} for split, own in scores.items()
    }
    return Step(60, metrics=metrics, diagnostics={} if degrees is None else {"effective_parameters": np.array(degrees)})


def test_nothing_is_said_of_a_sound_fit() -> None:
    assert cautions(step([8.0], train={}, test={}), ("y",)) == ()
    assert cautions(Step(7), ()) == ()


def test_scores_that_a_constant_truth_leaves_undefined_are_no_fault() -> None:
    assert cautions(step(test={"r2": np.nan, "rel_rmse": np.nan}), ("y",)) == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_named_with_their_split(value: float) -> None:
    found = cautions(step(train={}, offgrid={"nlpd": value}), ("y",))
    assert found == ('not finite on the split "offgrid" for the output y: nlpd; distrust this fit',)
    (found,) = cautions(step(test=dict.fromkeys(SOUND, value)), ("y",))
    assert found == 'not finite on the split "test" for the output y: rmse, mae, nlpd and 1 more; distrust this fit'


@pytest.mark.parametrize(("share", "told"), [(0.0099, True), (-3.0, True), (0.0101, False)])
def test_a_fit_that_explains_nothing(share: float, told: bool) -> None:
    found = cautions(step(train={"r2": share}, test={"r2": share}), ("y",))
    assert len(found) == told
    assert not told or "less than 1 % of the variance of y on its own training points" in found[0]


def test_a_fit_that_knows_only_its_own_points() -> None:
    (found,) = cautions(step(train={}, test={"r2": 0.0}, offgrid={"r2": -1.0}), ("y",))
    assert 'less than 1 % of the variance of y on the split "test" and "offgrid"' in found


@pytest.mark.parametrize(("degrees", "told"), [(54.1, True), (53.9, False), (60.0, True)])
def test_as_many_parameters_as_points(degrees: float, told: bool) -> None:
    found = cautions(step([degrees], train={}), ("y",))
    assert len(found) == told
    assert not told or "the data hardly determine the noise, and the intervals may be too narrow" in found[0]


def test_only_the_output_that_is_undetermined_is_named() -> None:
    found = cautions(Step(10, diagnostics={"effective_parameters": np.array([2.0, 9.5])}), ("u", "v"))
    assert len(found) == 1 and "effective parameters for v:" in found[0]


@pytest.mark.parametrize(
    ("diagnostics", "said"),
    [
        ({"r_hat_function": 1.06, "r_hat_log_noise": 1.0}, ["R-hat of the predictions above 1.05"]),
        (
            {"r_hat_function": np.nan, "r_hat_log_density": 1.2},
            ["R-hat of the predictions and the log density above 1.05"],
        ),
        ({"r_hat_function": 1.04, "r_hat_log_noise": 1.05, "divergences": 0}, []),
        ({"divergences": 3}, ["trajectories of the sampler diverged"]),
        ({"subsample_of": 1000}, ["a random part of the points was learned from"]),
    ],
)
def test_chains_that_cannot_be_trusted(diagnostics: dict[str, float], said: list[str]) -> None:
    found = cautions(Step(60, diagnostics={name: np.asarray(value) for name, value in diagnostics.items()}), ("y",))
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("deviation", "error", "relative", "told"),
    [
        (2.0, 0.1, 0.3, True),
        (0.9, 0.1, 0.3, False),
        (1e-10, 5e-12, 5e-9, False),  # ten million times smaller than the output: round-off
        (1e-10, 5e-12, 1.0, True),  # as large as the output
        (2.0, 0.1, np.nan, True),
    ],
)
def test_intervals_that_are_far_too_wide(deviation: float, error: float, relative: float, told: bool) -> None:
    scores = {"rmse": error, "rel_rmse": relative, "sharpness": deviation, "coverage_95": 1.0}
    judged = step(test=scores)
    found = cautions(Step(60, metrics=judged.metrics, cases={"test": 100}), ("y",))
    assert len(found) == told
    assert not told or 'more than 10 times as wide as the errors on the split "test"' in found[0]
