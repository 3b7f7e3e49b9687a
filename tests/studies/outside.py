"""Opponents from other programs, for the studies alone: none of them is needed by the package."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Said:
    """What another program predicts.

    Attributes:
        mean: (m, …) the mean.
        std: (m, …) the standard deviation of a new observation.
    """

    mean: Float[np.ndarray, "m *n"]
    std: Float[np.ndarray, "m *n"]


def installed(module: str) -> bool:
    """Whether a program is there."""
    return importlib.util.find_spec(module) is not None


def kriging(x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], new: Float[np.ndarray, "m D"]) -> Said:
    """SMT's kriging with its defaults (a constant trend, a Gaussian correlation, ten starts)."""
    from smt.surrogate_models import KRG

    model = KRG(print_global=False)
    model.set_training_values(x, y)
    model.train()
    variance = np.maximum(np.ravel(model.predict_variances(new)), 0.0)
    return Said(np.ravel(model.predict_values(new)), np.sqrt(variance))


def vecchia(x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], new: Float[np.ndarray, "m D"]) -> Said:
    """GPBoost's Gaussian process with a Vecchia approximation of 20 neighbours and one length for each input."""
    import gpboost

    low, span, shift, scale = x.min(axis=0), np.ptp(x, axis=0), y.mean(), y.std()
    inputs = (x - low) / span
    model = gpboost.GPModel(
        gp_coords=inputs, cov_function="gaussian_ard", gp_approx="vecchia", num_neighbors=20, likelihood="gaussian"
    )
    model.fit(y=(y - shift) / scale)
    found = model.predict(gp_coords_pred=(new - low) / span, predict_var=True)
    return Said(shift + scale * found["mu"], scale * np.sqrt(found["var"]))


ENERGY = 1e-8
"""Share of the squared singular values that the modes of POD may leave out."""


def pod_gp(
    cases: Float[np.ndarray, "n D"], fields: Float[np.ndarray, "n p"], new: Float[np.ndarray, "m D"], seed: int = 0
) -> Said:
    """Proper orthogonal decomposition, and scikit-learn's Gaussian process for every coefficient: the usual way."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    low, span = cases.min(axis=0), np.ptp(cases, axis=0)
    inputs, asked = (cases - low) / span, (new - low) / span
    center = fields.mean(axis=0)
    left, values, right = np.linalg.svd(fields - center, full_matrices=False)
    kept = int(np.sum(np.cumsum(values**2) < (1.0 - ENERGY) * np.sum(values**2))) + 1
    mean, variance = np.tile(center, (len(new), 1)), np.zeros((len(new), fields.shape[1]))
    for r in range(kept):
        kernel = ConstantKernel(1.0) * RBF(np.ones(cases.shape[1]), (1e-2, 1e2)) + WhiteKernel(1e-6, (1e-12, 1e-1))
        model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=3, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, left[:, r] * values[r])
        own, std = model.predict(asked, return_std=True)
        mean += np.outer(own, right[r])
        variance += np.outer(std**2, right[r] ** 2)
    return Said(mean, np.sqrt(variance))
