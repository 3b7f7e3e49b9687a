"""The covariance between cases against samples of the posterior weights, and against what a fit with the case confirms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis
from binn_cli.models.binn.model import Binn, FittedBinn
from tests.marks import thorough_for
from tests.models.problems import problem

OPTIONS = {"modes": 3, "centers": 5, "length": 1.2, "padding": 1, "stretch": 0, "noise": "fixed", "noise_variance": 1e-2, "sweeps": 3}


def _certain(fitted: FittedBinn, dimensions: int) -> FittedBinn:
    """The same surrogate with nothing unknown in its first dimensions."""
    known = [replace_covariance(d) if i < dimensions else d for i, d in enumerate(fitted.dimensions)]
    return replace(fitted, dimensions=tuple(known))


def replace_covariance(dimension):
    return dimension._replace(covariance=0.0 * dimension.covariance, prior_variance=0.0 * dimension.prior_variance)


@pytest.mark.parametrize("kind", thorough_for({"mixed"}, ("grid", "mixed")))
def test_a_cases_variance_is_that_of_its_predictions_with_the_other_axes_known(kind: str) -> None:
    data = problem(kind, noise=0.1)
    fitted = Binn(BinnConfig(**OPTIONS)).fit(data)
    case, slab = data.axes[-1], list(data.axes[:-1])
    process = fitted.case_process(slab, case)
    certain = _certain(fitted, len(data.inputs) - len(case.coordinates))
    variance = certain.predict([*slab, case]).epistemic_var[..., 0] / fitted.outputs.scale[0] ** 2
    np.testing.assert_allclose(process.variances(), variance.reshape(-1, case.size).sum(axis=0), rtol=2e-4)
    matrix = process.covariance.reshape(process.covariance.shape[0] * process.covariance.shape[1], -1)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12 * np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.abs(matrix).max()


def test_covariance_between_cases_against_samples_of_the_weights() -> None:
    data = problem("grid", noise=0.1)
    fitted = Binn(BinnConfig(**OPTIONS)).fit(data)
    case, slab = data.axes[-1], list(data.axes[:-1])
    process = fitted.case_process(slab, case)
    rng = np.random.default_rng(0)
    last = fitted.dimensions[-1]
    values = np.asarray(fitted.bases[-1]((case.points[:, 0] - fitted.inputs.low[-1]) / fitted.inputs.span[-1]))
    samples = []
    covariance = np.asarray(last.covariance[0])  # (K, M, M), independent over k
    roots = np.linalg.cholesky(covariance + 1e-15 * np.eye(covariance.shape[1]))
    others = [
        np.asarray(b((a.points[:, 0] - low) / span)) @ np.asarray(d.weights[0]).T
        for a, b, d, low, span in zip(slab, fitted.bases, fitted.dimensions, fitted.inputs.low, fitted.inputs.span, strict=False)
    ]
    modes_on_slab = np.einsum("xm,ym->xym", *others).reshape(-1, 3)
    unseen = np.eye(values.shape[1]) - np.asarray(last.directions @ last.directions.T)
    for _ in range(4000):
        z = np.einsum("kmp,kp->mk", roots, rng.standard_normal(covariance.shape[:2]))
        free = rng.standard_normal((3, values.shape[1])) @ unseen * np.sqrt(np.asarray(last.prior_variance[0]))[:, None]
        samples.append((z @ np.asarray(last.directions).T + free) @ values.T)  # deviations of h at every case, (M, n)
    h = np.array(samples)
    # The inner product of two cases' deviations over the slab's points, which does not depend on the coordinates of the process.
    expected = np.einsum("smi,mp,spj->ij", h, modes_on_slab.T @ modes_on_slab, h) / len(h)
    got = np.einsum("nrmr->nm", process.covariance)
    np.testing.assert_allclose(got, expected, atol=0.08 * np.abs(got).max())


def test_a_single_input_is_a_process_over_points() -> None:
    data = problem("line", noise=0.1)
    fitted = Binn(BinnConfig(**{**OPTIONS, "modes": 1})).fit(data)
    cases = Axis("point", np.linspace(0, 1, 20)[:, None], ("x",))
    process = fitted.case_process([], cases)
    assert process.covariance.shape == (20, 1, 20, 1)
    variance = fitted.predict([cases]).epistemic_var[:, 0] / fitted.outputs.scale[0] ** 2
    np.testing.assert_allclose(process.variances(), variance, rtol=1e-10)
