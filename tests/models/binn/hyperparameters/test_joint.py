"""The lengths that all field axes choose together."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.hyperparameters import joint
from binn_cli.models.binn.surrogate import Binn


def test_a_long_axis_takes_no_more_than_some_of_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series of 50,000 points, as a server may give: its kernel would take 20 GB."""
    sizes: list[int] = []
    decompose = np.linalg.eigh
    monkeypatch.setattr(joint.np.linalg, "eigh", lambda matrix: sizes.append(len(matrix)) or decompose(matrix))
    x, cases = np.linspace(0.0, 1.0, 50_000), np.random.default_rng(0).uniform(1.0, 4.0, size=(5, 2))
    values = np.sin(3.0 * x[:, None]) * cases[:, 0] + x[:, None] * cases[:, 1] ** 2
    fitted = Binn(BinnConfig()).fit(
        ProductData((Axis.of("x", x), Axis("case", cases, ("k", "P"))), values[..., None], ("u",))
    )
    assert 0 < max(sizes) <= 200
    said = fitted.predict([Axis.of("x", x[7::5000]), Axis("case", cases, ("k", "P"))]).mean[..., 0]
    np.testing.assert_allclose(said, values[7::5000], atol=1e-2 * np.abs(values).max())
