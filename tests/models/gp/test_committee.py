"""The factors of all experts, whatever their number."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

from binn_cli.models.gp.committee import TOGETHER, trained
from binn_cli.models.gp.conditioning import factorised

THETA = np.log([0.3, 0.5, 1.0, 1e-2])


def _experts(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(count)
    mask = np.ones((count, 10))
    mask[-1, 7:] = 0.0
    return random.random((count, 10, 2)), random.standard_normal((count, 10, 1)) * mask[..., None], mask


@pytest.mark.parametrize("count", [1, 3, TOGETHER, TOGETHER + 3])
def test_experts_are_factorised_as_each_alone(count: int) -> None:
    x, y, mask = _experts(count)
    experts, evidence = trained(THETA, x, y, mask, kind="rbf")
    alone = [factorised(THETA, *own, kind="rbf") for own in zip(x, y, mask, strict=True)]
    assert experts.lower.shape == (count, 10, 10) and evidence.shape == (count,)
    for found, place in ((experts.lower, 0), (experts.weights, 1), (evidence, 2)):
        np.testing.assert_allclose(found, np.stack([one[place] for one in alone]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [3, TOGETHER + 3])
def test_no_two_factorisations_are_independent(count: int) -> None:
    """On a busy pool of two threads such a program stopped for ever within a minute of calls."""
    program = jax.jit(partial(trained, kind="rbf")).lower(THETA, *_experts(count))
    assert program.as_text().count("@lapack_dpotrf") == 1
