"""Learning on from new rows: exact with one block, near a fit to everything with several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, DataError
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.surrogate import Binn
from tests.models.problems import new_points, problem

CONFIG = BinnConfig(
    modes=1, centers=8, length=1.5, padding=1, stretch=0, noise="fixed", noise_variance=1e-2,
    output_scaling="none", relevance="none", compression=0.0, decomposition="cp",
)  # fmt: skip
DOMAIN = np.array([[0.0, 1.0]])


def _rows(data: ProductData, rows: slice) -> ProductData:
    picked = np.arange(data.n_points)[rows]
    return ProductData((data.axes[0].taken(picked),), data.values[picked], data.outputs)


def _fitted(data: ProductData, config: BinnConfig = CONFIG) -> FittedBinn:
    fitted = Binn(config).fit(data, domain=np.repeat(DOMAIN, len(data.inputs), axis=0))
    assert isinstance(fitted, FittedBinn)
    return fitted


@pytest.mark.parametrize("first", [3, 25])
def test_one_block_is_exact_in_any_order(first: int) -> None:
    data = problem("line", noise=0.1)
    axis, whole = new_points(data), _fitted(data)
    parts = [_rows(data, part) for part in (slice(0, first), slice(first, 40), slice(40, 50))]
    for order in ((0, 1, 2), (2, 0, 1)):
        fitted = _fitted(parts[order[0]])
        for part in order[1:]:
            fitted = Binn(CONFIG).update(fitted, parts[part])
        mine, theirs = fitted.predict([axis]), whole.predict([axis])
        np.testing.assert_allclose(mine.mean, theirs.mean, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(mine.epistemic_var, theirs.epistemic_var, rtol=1e-6, atol=1e-12)


def test_forgetting_divides_the_weight_of_the_past() -> None:
    """Old rows at half the precision are old rows with twice the noise, and the prior likewise."""
    data = problem("line", noise=0.1)
    old, new = _rows(data, slice(0, 30)), _rows(data, slice(30, 50))
    found = Binn(CONFIG).update(_fitted(old), new, forgetting=0.5)
    member = found.posteriors[0].members[0][0]
    phi = [member.features[0](found.units.inputs(d.axes[0].points, slice(0, 1))[:, 0]) for d in (old, new)]
    precision = 0.5 * (phi[0].T @ phi[0] / 1e-2 + np.eye(phi[0].shape[1])) + phi[1].T @ phi[1] / 1e-2
    right = (0.5 * phi[0].T @ old.values[:, 0] + phi[1].T @ new.values[:, 0]) / 1e-2
    np.testing.assert_allclose(member.weights, np.linalg.solve(precision, right), rtol=1e-6, atol=1e-8)
    assert (
        found.predict(new.axes).epistemic_var.mean()
        > Binn(CONFIG).update(_fitted(old), new).predict(new.axes).epistemic_var.mean()
    )


@pytest.mark.parametrize("first", [100, 200, 300])
def test_several_blocks_come_near_a_fit_to_everything(first: int) -> None:
    """The difference is a fraction of the posterior's own standard deviation, and less than what the old rows alone
    leave."""
    data = problem("scattered", noise=0.1)
    config = replace(CONFIG, modes=2, centers=5)
    axis = new_points(data)
    before, whole = _fitted(_rows(data, slice(0, first)), config), _fitted(data, config)
    after = Binn(config).update(before, _rows(data, slice(first, 400)))
    exact, std = whole.predict([axis]).mean, np.sqrt(whole.predict([axis]).epistemic_var)
    apart = [np.sqrt(np.mean(((f.predict([axis]).mean - exact) / std) ** 2)) for f in (before, after)]
    assert apart[1] < 0.8 * apart[0] and apart[1] < 1.0, apart


def test_what_cannot_be_learned_on_is_said() -> None:
    data = problem("line")
    fitted = _fitted(data)
    with pytest.raises(BinnError, match="forgetting must be greater than 0"):
        Binn(CONFIG).update(fitted, data, forgetting=0.0)
    with pytest.raises(DataError, match="2 inputs and 1 outputs, but the surrogate has learned 1 and 1"):
        Binn(CONFIG).update(fitted, problem("scattered"))


def test_an_updated_surrogate_is_kept() -> None:
    data = problem("line", noise=0.1)
    updated = Binn(CONFIG).update(
        _fitted(data), ProductData((Axis("point", np.array([[0.5]]), ("x",)),), np.array([[1.0]]), data.outputs)
    )
    again = Binn(CONFIG).from_state(updated.state())
    axis = new_points(data)
    np.testing.assert_array_equal(again.predict([axis]).epistemic_var, updated.predict([axis]).epistemic_var)
