"""Sums of products of vectors as trains."""

from __future__ import annotations

import numpy as np

from binn_cli.models.galerkin.sums import summed


def test_a_laplacian_has_the_rank_two_and_its_small_entries_their_digits() -> None:
    """Σ_d 1 ⊗ … ⊗ s ⊗ … ⊗ 1 in five dimensions, whose s spans thirty orders of magnitude."""
    one, s = np.ones(3), np.array([1e-15, 1.0, 1e15])
    cores = summed([2.0] * 5, [[s if d == own else one for d in range(5)] for own in range(5)])
    assert [core.shape for core in cores] == [(1, 3, 2), *[(2, 3, 2)] * 3, (2, 3, 1)]
    found = cores[0]
    for core in cores[1:]:
        found = np.tensordot(found, core, axes=1)
    assert found[0, 0, 0, 0, 0, 0, 0] == np.float64(5 * 2e-15)
    assert found[0, 1, 1, 1, 1, 1, 0] == 10.0
