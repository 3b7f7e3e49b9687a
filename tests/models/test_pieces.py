"""Tables of functions of one coordinate against the functions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.models.binn.basis import build_basis
from binn_cli.models.binn.pieces import Pieces, cells_for, fitted_pieces, places_of, unstretched


@settings(max_examples=20, deadline=None)
@given(length=st.floats(0.01, 2.0), rate=st.sampled_from([0.0, 30.0, -500.0]), seed=st.integers(0, 2**16))
def test_sums_of_gaussians_are_tabulated_to_round_off(length: float, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis = build_basis("gaussian", int(np.ceil(1.0 / length)) + 2, 2, length, rate)
    inner, own = unstretched(basis)
    assert own == rate
    weights = rng.standard_normal((2, 3, len(basis.centers)))
    cells = cells_for(basis)
    assert cells is not None
    values = np.einsum("lfj,nj->lfn", weights, np.asarray(inner(jnp.asarray(places_of(cells)))))
    pieces, guessed, true = fitted_pieces(own, values)
    x = np.concatenate([rng.random(200), [0.0, 1.0]])
    expected = np.einsum("lfj,nj->lfn", weights, np.asarray(basis(jnp.asarray(x))))
    scale = np.abs(weights).sum(axis=2).max()
    for output in range(2):
        table = Pieces(jnp.asarray(pieces.rate), jnp.asarray(pieces.coefficients)).of_output(output)
        np.testing.assert_allclose(table(jnp.asarray(x)), expected[output], rtol=0, atol=1e-12 * scale)
    assert np.abs(guessed - true).max() < 1e-12 * scale


@pytest.mark.parametrize(("kind", "length"), [("hat", 0.1), ("bspline", 0.1), ("chidenn", 0.1), ("gaussian", 1e-4)])
def test_what_is_not_smooth_or_too_fine_has_no_table(kind: str, length: float) -> None:
    assert cells_for(build_basis(kind, 5, 0, length)) is None
