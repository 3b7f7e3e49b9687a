"""Networks with their most probable weights, alone or several, stop before they learn the noise of their rows."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.datasets.product import Axis, ProductData
from tests.prediction.conftest import composed_model

INPUTS = ("a", "b", "c", "d")


def rows(count: int, noise: float, seed: int) -> ProductData:
    rng = np.random.default_rng(seed)
    x = rng.random((count, len(INPUTS)))
    y = np.sin(3.0 * x[:, :1]) + x[:, 1:2] + noise * rng.standard_normal((count, 1))
    return ProductData((Axis("point", x, INPUTS),), y, ("y",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bnn_ensemble", ("model.members=3",)),
        ("bnn_map", ()),
        ("bnn_laplace", ("model.widths=[32,32]",)),
        ("bnn_swag", ("model.widths=[32,32]",)),
        ("bnn_vi", ("model.widths=[32,32]",)),
        ("bnn_nuts", ("model.widths=[16]", "model.chains=1")),
    ],
)
def test_noise_is_not_learned(name: str, words: tuple[str, ...]) -> None:
    """Before, the error at new rows was larger than their spread; intervals of the ensemble held 60 % of them, those
    of the most probable weights 2 %."""
    model = composed_model(name, "budget=quick", *words)
    fitted, new = model.fit(rows(120, 0.5, 0)), rows(1000, 0.5, 1)
    said = fitted.predict(new.axes)
    error = np.abs(said.mean - new.values)
    if name not in ("bnn_vi", "bnn_nuts"):  # which go on from there
        assert int(fitted.report.diagnostics["stopped_after"]) < 4000
    assert np.sqrt(np.mean(error**2)) < 0.6  # 0.5 is the noise
    assert 0.85 < np.mean(error < 1.96 * said.total_std) < 0.99


@pytest.mark.parametrize(("name", "words"), [("bnn_ensemble", ("model.members=2",)), ("bnn_map", ())])
def test_without_noise_training_goes_to_its_end(name: str, words: tuple[str, ...]) -> None:
    model = composed_model(name, "budget=quick", "model.widths=[16]", *words)
    fitted, new = model.fit(rows(120, 0.0, 0)), rows(1000, 0.0, 1)
    assert "stopped_after" not in fitted.report.diagnostics
    assert np.sqrt(np.mean((fitted.predict(new.axes).mean - new.values) ** 2)) < 0.02
