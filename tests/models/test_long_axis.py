"""Axes of far more points than there are values at each: nothing of the size of the square of their length is formed."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.statistics import spectra


@pytest.mark.parametrize("shape", [(1, 40, 3), (2, 40, 3), (2, 3, 40), (1, 6, 6)])
def test_spectra_are_those_of_every_unfolding(shape: tuple[int, ...]) -> None:
    tensor = np.random.default_rng(3).standard_normal(shape)
    for axis, (values, vectors) in enumerate(spectra(tensor), start=1):
        unfolded = np.moveaxis(tensor, axis, 0).reshape(shape[axis], -1)
        left, singular, _ = np.linalg.svd(unfolded, full_matrices=False)
        np.testing.assert_allclose(values, singular**2, rtol=1e-10)
        np.testing.assert_allclose(np.abs(np.sum(np.asarray(vectors) * left, axis=0)), 1.0, rtol=1e-9)


def test_an_axis_whose_square_would_not_fit_into_memory() -> None:
    draw = np.random.default_rng(0)
    points, cases = draw.uniform(size=(60_000, 2)), np.linspace(0.0, 1.0, 5)[:, None]
    truth = np.sin(3 * points[:, :1]) * (1 + points[:, 1:]) * np.cos(cases.T)
    data = ProductData((Axis("point", points, ("x", "y")), Axis("case", cases, ("a",))), truth[..., None], ("u",))
    fitted = Binn(BinnConfig(modes=1, centers=6, length=1.5, padding=2, stretch=0, sweeps=10)).fit(data)
    error = np.asarray(fitted.predict(data.axes, variance=False).mean)[..., 0] - truth
    assert np.sqrt(np.mean(error**2)) < 2e-3 * truth.std()
