"""Metrics against closed forms, numerical integration and known Gaussians."""

from __future__ import annotations

import time
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import ndtri

from binn_cli import metrics
from binn_cli.metrics import LEVELS, METRICS, Tally, observed_coverage, score
from binn_cli.models.surrogate import Prediction
from tests.shapes import unchecked

DIMENSIONAL = ("rmse", "mae", "max_error", "crps", "sharpness", "interval_score_95")


def gaussian(mean: np.ndarray, std: np.ndarray | float) -> Prediction:
    variance = np.broadcast_to(np.asarray(std, dtype=float) ** 2, mean.shape)
    return Prediction(mean, 0.25 * variance, 0.75 * variance)


def case(seed: int, n: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.uniform(0.1, 2, size=(n, 2))


def test_names_and_shapes_on_a_product_of_axes():
    truth = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    scores = score(truth, gaussian(truth + 0.1, 0.2))
    assert tuple(scores) == METRICS
    assert all(value.shape == (2,) and value.dtype == np.float64 for value in scores.values())


def test_closed_forms():
    truth = np.array([[0.0], [2.0]])
    scores = score(truth, gaussian(np.array([[0.0], [1.0]]), 1.0))
    expected = {
        "rmse": np.sqrt(0.5),
        "rel_rmse": np.sqrt(0.5),
        "mae": 0.5,
        "max_error": 1.0,
        "r2": 0.5,
        "nlpd": 0.5 * np.log(2 * np.pi) + 0.25,
        "coverage_50": 0.5,
        "coverage_68": 0.5,
        "coverage_90": 1.0,
        "sharpness": 1.0,
        "interval_score_95": 2 * stats.norm.ppf(0.975),
    }
    for name, value in expected.items():
        assert scores[name][0] == pytest.approx(value), name


def test_crps_against_numerical_integration():
    truth, mean, std = case(1, n=4)

    def integral(y: float, m: float, s: float) -> float:
        below = integrate.quad(lambda x: stats.norm.cdf(x, m, s) ** 2, m - 12 * s, y)[0]
        return below + integrate.quad(lambda x: stats.norm.sf(x, m, s) ** 2, y, m + 12 * s)[0]

    expected = np.mean([integral(*row) for row in zip(truth[:, 0], mean[:, 0], std[:, 0], strict=True)])
    assert score(truth, gaussian(mean, std))["crps"][0] == pytest.approx(expected, rel=1e-6)


def test_nlpd_against_scipy():
    truth, mean, std = case(2)
    np.testing.assert_allclose(
        score(truth, gaussian(mean, std))["nlpd"], -stats.norm.logpdf(truth, mean, std).mean(axis=0)
    )


def test_interval_score_against_its_definition():
    truth, mean, std = case(3)
    low, high = stats.norm.interval(0.95, mean, std)
    expected = (high - low) + 40 * np.clip(low - truth, 0, None) + 40 * np.clip(truth - high, 0, None)
    np.testing.assert_allclose(score(truth, gaussian(mean, std))["interval_score_95"], expected.mean(axis=0))


def test_a_known_gaussian_is_calibrated():
    rng = np.random.default_rng(4)
    mean, std = rng.normal(size=(200_000, 1)), rng.uniform(0.5, 2, size=(200_000, 1))
    scores = score(rng.normal(mean, std), gaussian(mean, std))
    for level in LEVELS:
        assert scores[f"coverage_{level}"][0] == pytest.approx(level / 100, abs=0.005)
    assert scores["miscalibration_area"][0] < 0.003
    overconfident = score(rng.normal(mean, 3 * std), gaussian(mean, std))
    assert overconfident["miscalibration_area"][0] > 0.2 and overconfident["coverage_95"][0] < 0.6


def test_observed_coverage_agrees_with_the_scores():
    truth, mean, std = case(5)
    scores = score(truth, gaussian(mean, std))
    observed = observed_coverage(truth[:, 0], mean[:, 0], std[:, 0], np.array(LEVELS) / 100)
    np.testing.assert_array_equal(observed, [scores[f"coverage_{level}"][0] for level in LEVELS])


@pytest.mark.parametrize("std", [0.0, 1e-300, 1e-12])
@pytest.mark.parametrize("error", [0.0, 1.0])
def test_certain_predictions_score_finitely(std: float, error: float):
    truth = np.linspace(-1, 1, 20)[:, None]
    scores = score(truth, gaussian(truth + error, std))
    assert all(np.isfinite(value).all() for value in scores.values())
    assert scores["coverage_95"][0] == (1.0 if error == 0 else 0.0)
    assert scores["crps"][0] == pytest.approx(error, abs=1e-11)
    if error:
        assert scores["miscalibration_area"][0] == pytest.approx(0.5)


def test_a_constant_truth_has_no_relative_error():
    truth = np.full((7, 1), 0.1)
    scores = score(truth, gaussian(truth + 0.3, 0.1))
    assert np.isnan(scores["rel_rmse"][0]) and np.isnan(scores["r2"][0])
    assert all(np.isfinite(scores[name][0]) for name in METRICS if name not in ("rel_rmse", "r2"))


def test_all_zero_data():
    scores = score(np.zeros((3, 1)), gaussian(np.zeros((3, 1)), 0.0))
    assert all(np.isfinite(scores[name][0]) for name in METRICS if name not in ("rel_rmse", "r2"))


def test_a_mean_that_is_not_finite_does_not_look_good():
    truth = np.zeros((3, 1))
    scores = score(truth, gaussian(np.array([[0.0], [np.nan], [0.0]]), 1.0))
    assert (
        np.isnan(scores["rmse"][0])
        and np.isnan(scores["coverage_95"][0])
        and np.isnan(scores["miscalibration_area"][0])
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 49), min_size=1, max_size=4, unique=True), st.floats(-1e6, 1e6))
def test_parts_add_up(seed: int, cuts: list[int], shift: float):
    truth, mean, std = case(seed)
    truth, mean = truth + shift, mean + shift
    parts = [slice(a, b) for a, b in pairwise([0, *sorted(cuts), len(truth)])]
    tallies = [Tally.of(truth[rows], gaussian(mean[rows], std[rows])) for rows in parts]
    added, whole = reduce(add, tallies).metrics(), score(truth, gaussian(mean, std))
    for name in METRICS:
        np.testing.assert_allclose(added[name], whole[name], rtol=1e-9, err_msg=name)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="cannot be scored"):
        score(np.zeros((3, 1)), gaussian(np.zeros((4, 1)), 1.0))
    with pytest.raises(ValueError, match="no point"):
        score(np.zeros((0, 1)), gaussian(np.zeros((0, 1)), 1.0))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_points_does_not_matter(seed: int):
    truth, mean, std = case(seed)
    rows = np.random.default_rng(seed).permutation(len(truth))
    before, after = score(truth, gaussian(mean, std)), score(truth[rows], gaussian(mean[rows], std[rows]))
    for name in METRICS:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-9, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-6, 6))
def test_a_change_of_units_scales_what_has_a_unit(seed: int, exponent: float):
    truth, mean, std = case(seed)
    factor = 10.0**exponent
    before, after = score(truth, gaussian(mean, std)), score(factor * truth, gaussian(factor * mean, factor * std))
    for name in METRICS:
        expected = (
            before[name] * factor if name in DIMENSIONAL else before[name] + (np.log(factor) if name == "nlpd" else 0)
        )
        # a point on the edge of an interval may fall on either side after rounding
        np.testing.assert_allclose(
            after[name], expected, rtol=1e-8, atol=0.02 if "coverage" in name else 1e-12 * factor, err_msg=name
        )


def test_two_million_points_in_seconds():
    rng = np.random.default_rng(6)
    mean = rng.normal(size=(2_000_000, 1))
    begin = time.perf_counter()
    with unchecked():
        score(mean + 1, gaussian(mean, 1.0))
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize("unit", [1e-170, 1e150])
def test_scores_of_outputs_whose_squares_are_no_numbers(unit: float) -> None:
    rng = np.random.default_rng(5)
    truth, mean = rng.standard_normal((2, 30, 1))
    plain = Prediction(mean, np.full((30, 1), 0.2), np.full((30, 1), 0.1))
    scaled = Prediction(mean * unit, plain.epistemic_var, plain.noise_var, unit=np.array([unit]))
    expected, found = score(truth, plain), score(truth * unit, scaled)
    parts = Tally.of(
        truth[:7] * unit, Prediction(mean[:7] * unit, plain.epistemic_var[:7], plain.noise_var[:7], unit=unit)
    )
    rest = Tally.of(
        truth[7:] * unit, Prediction(mean[7:] * unit, plain.epistemic_var[7:], plain.noise_var[7:], unit=unit)
    )
    for name, value in (parts + rest).metrics().items():
        np.testing.assert_allclose(value, found[name], rtol=1e-12)
    for name in ("rel_rmse", "r2", "coverage_95", "miscalibration_area"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
    for name in ("rmse", "crps", "sharpness", "mae"):
        np.testing.assert_allclose(found[name], expected[name] * unit, rtol=1e-12)
    np.testing.assert_allclose(found["nlpd"], expected["nlpd"] + np.log(unit), rtol=1e-12)


@pytest.mark.parametrize("count", [100, 20_000])
@pytest.mark.parametrize("longest", [0.95, 1.0])
def test_what_lies_inside_is_counted_exactly(count: int, longest: float) -> None:
    """Also distances that are an interval's end to the last digit, and some beyond all."""
    levels = np.array([0.5, 0.1, longest, 0.3, 1e-9, 0.8, 0.8])
    ends = ndtri(0.5 + 0.5 * levels)
    z = np.abs(np.random.default_rng(4).standard_normal(count)) * 2.0
    z[:28] = np.concatenate([ends, np.nextafter(ends, 0.0), np.nextafter(ends, np.inf), np.zeros(7)])
    z[28] = np.inf
    assert metrics._within(z, levels).tolist() == [np.count_nonzero(z <= end) for end in ends]
    z[50] = np.nan
    assert np.isnan(metrics._within(z, levels)).all()
