"""One output of a table: what the rows that were left out say of a surrogate that more rows have taught."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models import twins
from binn_cli.models.binn import table
from binn_cli.models.binn.mixture import mix
from binn_cli.models.binn.surrogate import Binn


def test_many_rows_without_noise_are_not_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices are made by some of the rows only; that their left-out rows were hardly missed holds for all as well."""
    monkeypatch.setattr(table, "SMALL_ROWS", 100)
    random = np.random.default_rng(0)
    x, new = random.random((250, 2)), random.random((400, 2))
    y, truth = (np.exp(points[:, 0]) + np.sin(3 * points[:, 1]) for points in (x, new))
    scale = y.std()
    found = table.fit_table(x, (y - y.mean()) / scale, table.Allowed(products=False), 0)
    assert found.rows.size == 100
    mean, variance = mix(list(found.members), new)
    error = np.sqrt(np.mean((mean - (truth - y.mean()) / scale) ** 2))
    assert found.widening < 1.0
    assert 0.5 < np.sqrt(np.mean(found.widening * variance + found.noise)) / error < 6.0


def test_outputs_are_learned_side_by_side_to_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(5).random((24, 2))
    y = np.stack([np.sin(4 * x[:, 0]) + x[:, 1], np.exp(x[:, 0] * x[:, 1]), x[:, 0] ** 2], axis=1)
    data = ProductData((Axis("point", x, ("a", "b")),), y, ("one", "two", "three"))
    if "jax" in sys.modules:
        pytest.skip("beside JAX there are no twins; tests/models/test_twins.py asks for this in a process without it")
    monkeypatch.setattr(twins, "available_cores", lambda: 2)
    asked: list[int] = []
    real = twins._Twin

    def twin(function, items):
        asked.append(len(items))
        return real(function, items)

    monkeypatch.setattr(twins, "_Twin", twin)
    found = [Binn(BinnConfig()).fit(data).predict([Axis("point", x + 0.01, ("a", "b"))])]
    assert asked == []
    with twins.twins_allowed():
        found.append(Binn(BinnConfig()).fit(data).predict([Axis("point", x + 0.01, ("a", "b"))]))
    assert asked == [3]
    assert np.array_equal(found[0].mean, found[1].mean)
    assert np.array_equal(found[0].epistemic_var, found[1].epistemic_var)


def test_sums_of_products_of_fewer_rows_go_on() -> None:
    """Starts anew of few rows miss the product of six functions that more rows have shown."""
    random = np.random.default_rng(3)
    x, new = random.random((60, 6)), random.random((300, 6))
    y, truth = (np.prod(1.0 + np.sin(3.0 * points), axis=1) for points in (x, new))
    shift, scale = y.mean(), y.std()
    y, truth = (y - shift) / scale, (truth - shift) / scale
    allowed = table.Allowed(limit=False)
    known = table.fit_table(x, y, allowed, 0)
    before = table.Earlier.of(known.choice, known.members)
    assert before.products
    few = slice(0, 25)
    alone = table.fit_table(x[few], y[few], allowed, 0)
    going_on = table.fit_table(x[few], y[few], allowed, 0, before=before)
    miss, miss_alone = (
        float(np.sqrt(np.mean((mix(list(found.members), new)[0] - truth) ** 2))) for found in (going_on, alone)
    )
    assert miss < 0.5 * miss_alone
