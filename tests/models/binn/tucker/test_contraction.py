"""Moments at scattered points against sums over all entries of the core, written out."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.tucker.contraction import Contraction
from binn_cli.models.binn.tucker.limit_functions import LimitFunctions


@pytest.mark.parametrize("ranks", [(3, 2), (2, 3, 4), (3, 2, 2, 4)])
def test_moments_are_the_sums_written_out(ranks: tuple[int, ...]) -> None:
    random, n, letters = np.random.default_rng(0), 7, "abcd"[: len(ranks)]
    core, variance = random.standard_normal(ranks), random.random(ranks)
    vectors = tuple(np.linalg.qr(random.standard_normal((q, q)))[0] for q in ranks)
    directions = tuple(random.standard_normal((q, q + 1)) for q in ranks)
    values = [random.standard_normal((q, n)) for q in ranks]
    spreads = [random.random((q + 1, n)) for q in ranks]
    mean, found = Contraction(core, vectors, variance, directions).moments(values, spreads)
    together = ",".join(f"{a}n" for a in letters)
    np.testing.assert_allclose(mean, np.einsum(f"{letters},{together}->n", core, *values), rtol=1e-12)
    squares = [(v.T @ own) ** 2 for v, own in zip(vectors, values, strict=True)]
    expected = np.einsum(f"{letters},{together}->n", variance, *squares)
    for a, letter in enumerate(letters):
        others = [values[b] for b in range(len(ranks)) if b != a]
        terms = ",".join([letters, *(f"{b}n" for b in letters if b != letter)])
        slope = np.einsum(f"{terms}->{letter}n", core, *others) * np.ones((1, n))
        expected += np.sum((directions[a].T @ slope) ** 2 * spreads[a], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_points_that_are_asked_often_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    points, draws = random.random((12, 2)), np.array([[-0.5, -0.2, 3.0, 3.0, 0.0, -20.0]])
    functions = LimitFunctions(
        tuple(Process.of(points, np.sin(k + points @ [3.0, 2.0]), draws, np.zeros(2), "gaussian") for k in range(2))
    )
    some = random.random((5, 2))
    often, asked, moments = some[random.integers(5, size=1000)], list[int](), Process.moments

    def counted(self: Process, x: np.ndarray, *, variance: bool = True) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(x))
        return moments(self, x, variance=variance)

    monkeypatch.setattr(Process, "moments", counted)
    mean, spread = functions.moments(often, variance=True)
    assert asked == [5, 5] and spread is not None
    for q, process in enumerate(functions.processes):
        expected = moments(process, often)
        np.testing.assert_allclose(mean[:, q], expected[0], rtol=1e-12)
        np.testing.assert_allclose(spread[:, q], expected[1], rtol=1e-9, atol=1e-14)
    assert functions.moments(often, variance=False)[1] is None
