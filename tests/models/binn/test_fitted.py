"""One fitted surrogate for all decompositions: kept, learned on, and calibrated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError
from binn_cli.models.binn.surrogate import Binn
from tests.models.problems import new_points, problem

WAYS = [
    ("table", BinnConfig()), ("table", BinnConfig(decomposition="limit")), ("table", BinnConfig(decomposition="cp")),
    ("mixed", BinnConfig()), ("grid", BinnConfig()), ("mixed", BinnConfig(decomposition="tucker")),
    ("grid", BinnConfig(decomposition="cp", modes=2)), ("grid", BinnConfig(inference="als", modes=2)),
]  # fmt: skip


def _data(kind: str) -> ProductData:
    data = problem("scattered" if kind == "table" else kind)
    if kind != "table":
        return data
    return ProductData((data.axes[0].taken(np.arange(40)),), data.values[:40], data.outputs)


@pytest.mark.parametrize(("kind", "config"), WAYS)
def test_a_surrogate_is_right_and_survives_its_own_description(kind: str, config: BinnConfig) -> None:
    data = _data(kind)
    fitted = Binn(config).fit(data)
    axis = new_points(data)
    again = Binn(config).from_state(fitted.state())
    mine, theirs = fitted.predict([axis]), again.predict([axis])
    for name in ("mean", "epistemic_var", "noise_var"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    truth = problem("scattered")  # for the scale alone
    assert np.sqrt(np.mean(mine.epistemic_var)) < truth.values.std()


@pytest.mark.parametrize("kind", ["table", "mixed"])
def test_an_update_is_a_fit_to_everything(kind: str) -> None:
    data, cut = _data(kind), 9 if kind == "mixed" else 30

    def part(rows: slice) -> ProductData:
        kept = np.arange(data.axes[-1].size)[rows]
        return replace(data, axes=(*data.axes[:-1], data.axes[-1].taken(kept)), values=data.values[..., kept, :])

    model = Binn(BinnConfig())
    before = model.fit(part(slice(0, cut)), domain=_domain(data))
    assert model.remembers(before)
    updated = model.update(model.from_state(before.state()), part(slice(cut, None)))
    refitted = model.fit(data, before, domain=_domain(data))
    axis = new_points(data)
    mine, theirs = updated.predict([axis]), refitted.predict([axis])
    size = np.std(data.values)
    np.testing.assert_allclose(mine.mean, theirs.mean, rtol=1e-6, atol=1e-6 * size)
    np.testing.assert_allclose(mine.epistemic_var, theirs.epistemic_var, rtol=1e-3, atol=1e-9 * size**2)


def _domain(data: ProductData) -> np.ndarray:
    points = data.table()[0]
    return np.stack([points.min(axis=0), points.max(axis=0)], axis=1)


def test_conformal_intervals_hold_on_new_rows_and_too_few_are_refused() -> None:
    rng = np.random.default_rng(3)

    def rows(n: int) -> ProductData:
        x = rng.random((n, 2))
        y = np.sin(4.0 * x[:, :1]) + x[:, 1:] ** 2 + 0.1 * rng.standard_t(3, (n, 1))
        return ProductData((Axis("point", x, ("a", "b")),), y, ("y",))

    config = BinnConfig(calibration="conformal")
    fitted, new = Binn(config).fit(rows(60)), rows(500)
    prediction = fitted.predict(new.axes)
    inside = np.abs(prediction.mean - new.values) < 1.96 * prediction.total_std
    assert 0.9 < inside.mean() <= 1.0 and fitted.calibration[0] > 0.0
    with pytest.raises(BinnError, match=r"needs at least 19 cases"):
        Binn(config).fit(rows(12))
