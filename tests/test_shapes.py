"""The check of shapes finds what is wrong, and lets through what is not its business."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float, Int, TypeCheckError, jaxtyped

from tests.shapes import shapes_checked, unchecked


@jaxtyped(typechecker=shapes_checked)
def scaled(
    x: Float[np.ndarray, "n D"], factors: Float[np.ndarray, " D"] | None, rows: Int[np.ndarray, " r"], name: int = 0
) -> Float[np.ndarray, "n D"]:
    return x if factors is None else x[:, : 1 if name == "wrong" else None] * factors


X, ROWS = np.ones((3, 2)), np.arange(5)


@pytest.mark.parametrize(
    "arguments",
    [
        (X, np.ones(2), ROWS),
        (X, None, ROWS),
        (X, jnp.ones(2), ROWS),
        (X.astype(int), np.ones(2), ROWS, "any"),
        (X, None, np.zeros(0, dtype=int), 1.5),
    ],
)
def test_what_fits_passes(arguments: tuple[object, ...]) -> None:
    assert scaled(*arguments).shape == (3, 2)


@pytest.mark.parametrize(
    "arguments", [(X, np.ones(3), ROWS), (X[0], None, ROWS), (X, None, np.ones(5)), (X, np.ones(1), ROWS, "wrong")]
)
def test_what_does_not_is_told(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeCheckError):
        scaled(*arguments)
    if arguments[1] is None:
        with unchecked():
            scaled(*arguments)
