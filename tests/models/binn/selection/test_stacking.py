"""Weights of candidates, and the folds that judge them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import smooth_features
from binn_cli.models.binn.cp.learning import grow
from binn_cli.models.binn.cp.normal_equations import Design
from binn_cli.models.binn.selection.folds import predict_left_out, split_rows
from binn_cli.models.binn.selection.stacking import log_density, stacking_weights


def test_the_weights_maximise_the_density_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(200)
    candidates = [log_density(y, np.full(200, m), np.full(200, 0.5)) for m in (-0.7, 0.7)]
    weights = stacking_weights(np.stack(candidates, axis=1))

    def negative(w: float) -> float:
        return -float(logsumexp(np.stack(candidates), axis=0, b=[[w], [1.0 - w]]).sum())

    best = minimize_scalar(negative, bounds=(0.0, 1.0), method="bounded").x
    np.testing.assert_allclose(weights, [best, 1.0 - best], atol=0.01)


def test_what_is_far_worse_is_dropped() -> None:
    densities = np.stack([np.zeros(50), np.full(50, -5.0)], axis=1)
    np.testing.assert_array_equal(stacking_weights(densities), [1.0, 0.0])


def test_every_row_is_left_out_once() -> None:
    folds = split_rows(23, seed=4)
    assert sorted(np.concatenate(folds)) == list(range(23)) and len(folds) == 5


def test_left_out_predictions_do_not_know_their_rows() -> None:
    """Values that are changed where they are left out change nothing about what is said of them."""
    rng = np.random.default_rng(1)
    x = rng.random((40, 1))
    y = np.sin(4.0 * x[:, 0]) + 0.1 * rng.standard_normal(40)
    axis = AxisDesign.of((smooth_features(0.4, 0.9),), x)
    fit = grow(Design.table(axis, y), 1.0, 1, seed=0, only=1)[0]
    folds = split_rows(40, seed=0)
    mean, variance = predict_left_out(fit, Design.table(axis, y), x, folds)
    changed = y.copy()
    changed[folds[2]] += 5.0
    again, _ = predict_left_out(fit, Design.table(axis, changed), x, folds)
    np.testing.assert_allclose(again[folds[2]], mean[folds[2]], rtol=1e-8)
    assert np.mean(np.abs(mean - y) < 1.96 * np.sqrt(variance)) > 0.85
