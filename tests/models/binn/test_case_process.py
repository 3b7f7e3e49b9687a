"""What is unknown about whole cases is what the predictions of their fields say, whatever the posterior is made of."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn

X, T = Axis.of("x", np.linspace(0.0, 1.0, 4)), Axis.of("t", np.linspace(0.0, 1.0, 3))
CASES = Axis("case", np.array([[1.0, 100.0], [4.0, 120.0], [2.0, 200.0], [3.0, 160.0], [1.5, 180.0]]), ("k", "P"))
OTHERS = Axis("case", np.array([[2.5, 110.0], [4.0, 200.0]]), ("k", "P"))


@pytest.mark.parametrize(
    "config", [{"modes": 2, "length": 2.0, "stretch": 0.0, "centers": 3, "padding": 0}, {}], ids=["stated", "auto"]
)
def test_variances_of_cases_are_those_of_their_fields(config: dict[str, object]) -> None:
    x, t, k, P = X.points[:, :1, None], T.points[None, :, :1], CASES.points[:, 0], CASES.points[:, 1]
    values = np.exp(-k * t) * np.sin(3 * x + P / 50)
    data = ProductData((X, T, CASES), values[..., None], ("u",))
    fitted = Binn(BinnConfig(**config)).fit(data)
    process = fitted.case_process((X, T), OTHERS)
    variance = np.asarray(fitted.predict([X, T, OTHERS]).epistemic_var)[..., 0].sum(axis=(0, 1))
    np.testing.assert_allclose(process.variances() / process.variances().sum(), variance / variance.sum(), rtol=0.02)
    assert process.observed(0).variances()[0] < process.variances()[0]
