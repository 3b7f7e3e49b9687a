"""Sums of products that are found without some of the rows, and what few rows make of them."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn import table
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.table import choose_hyperparameters
from binn_cli.models.binn.mixture import mix
from binn_cli.models.binn.selection.folds import split_rows
from binn_cli.models.binn.selection.products import Wanted, find_anew, promising_products
from tests.studies.computer_experiments import EXPERIMENTS


def _product(x: np.ndarray) -> np.ndarray:
    """Three factors, of mean zero and unit variance up to the sample's."""
    y = np.exp(1.5 * x[:, 0]) * (1.0 + x[:, 1] ** 2) * (2.0 - x[:, 2])
    return (y - 6.0) / 4.0


def test_what_is_found_without_a_fold_does_not_know_its_values() -> None:
    x = np.random.default_rng(5).random((16, 3))
    y = _product(x)
    choice, folds = choose_hyperparameters(x, y, 0)[0], split_rows(16, 0)
    best = promising_products(x, y, choice, Wanted(), 0)[0]
    (mean, variance), found = find_anew(best, x, y, choice, 0, folds)
    changed = y.copy()
    changed[folds[0]] += 3.0
    (again, spread), _ = find_anew(best, x, changed, choice, 0, folds)
    np.testing.assert_array_equal(again[folds[0]], mean[folds[0]])
    np.testing.assert_array_equal(spread[folds[0]], variance[folds[0]])
    assert np.max(np.abs(again[folds[1]] - mean[folds[1]])) > 1e-3
    assert len(found) == len(folds)
    assert all(one.unpacked[0][0].shape[1] <= best.fit.modes for one in found)


@pytest.mark.parametrize(("rows", "others"), [(14, True), (24, True), (25, False)])
def test_other_optima_take_part_while_rows_are_few(rows: int, others: bool) -> None:
    x = np.random.default_rng(rows).random((rows, 3))
    found = table.fit_table(x, _product(x), table.Allowed(limit=False), 0)
    weights = sorted(weight for member, weight in found.members if isinstance(member, CpPosterior))
    assert np.isclose(sum(weights), 1.0)
    if others:
        np.testing.assert_allclose(weights[:5], table.ELSEWHERE / 5)
    assert (len(weights) > 5) == others


@pytest.mark.parametrize("seed", [0, 1])
def test_few_rows_are_not_sure_of_the_product_that_they_chose(seed: int) -> None:
    """Twelve rows of eight inputs: judged in their own case, sums of products held 45 % of other points (seed 0)."""
    borehole = EXPERIMENTS["borehole"]
    low, span = np.array(borehole.low), np.subtract(borehole.high, borehole.low)
    (x, y), (new, truth) = borehole.drawn(12, seed), borehole.drawn(500, 977)
    shift, scale = y.mean(), y.std()
    found = table.fit_table((x - low) / span, (y - shift) / scale, table.Allowed(), seed)
    mean, spread = mix(found.members, (new - low) / span)
    miss = np.abs((truth - shift) / scale - mean)
    assert np.mean(miss <= 1.96 * np.sqrt(found.widening * spread + found.noise)) > 0.85
