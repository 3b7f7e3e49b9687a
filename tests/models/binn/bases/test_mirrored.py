"""Functions that are odd or even at an end of the domain."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.models.binn.bases.build import basis_of, basis_tree
from binn_cli.models.binn.bases.mirrored import EVEN, FREE, ODD, MirroredBasis, images, mirrored_kernel
from binn_cli.models.binn.bases.slopes import basis_slopes
from binn_cli.models.binn.hyperparameters.bases import basis_of_length

ENDS = [(ODD, FREE), (FREE, EVEN), (ODD, ODD), (EVEN, ODD), (EVEN, EVEN)]
LENGTHS = [0.03, 0.2, 1.0]


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("length", LENGTHS)
def test_functions_are_what_the_ends_say(ends: tuple[int, int], length: float) -> None:
    basis, away = basis_of_length(length, 0.0, ends), np.linspace(0.0, 0.4, 9)
    size = np.abs(basis(np.linspace(0.0, 1.0, 101))).max()
    for end, kind in zip((0.0, 1.0), ends, strict=True):
        if kind != FREE:
            np.testing.assert_allclose(basis(end - away), kind * basis(end + away), atol=1e-12 * size)


@pytest.mark.parametrize("ends", [(FREE, FREE), *ENDS])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_basis_has_its_kernel(ends: tuple[int, int], length: float) -> None:
    x = np.linspace(0.0, 1.0, 40)
    values, kernel = basis_of_length(length, 0.0, ends)(x), mirrored_kernel(x, length, ends)
    own = values @ values.T
    np.testing.assert_allclose(own / np.max(own), kernel / np.max(kernel), atol=1e-6)


def test_a_kernel_without_mirrors_is_the_plain_one() -> None:
    x = np.linspace(0.0, 1.0, 7)
    np.testing.assert_allclose(mirrored_kernel(x, 0.3), np.exp(-((x[:, None] - x) ** 2) / 0.36), atol=1e-15)


def test_two_mirrors_have_images_on_both_sides() -> None:
    shifts = {(turn, shift): sign for sign, turn, shift in images((ODD, EVEN), 3.0)}
    assert shifts == {(1, 0): 1, (-1, 0): -1, (-1, 2): 1, (1, 2): -1, (1, -2): -1, (-1, -2): 1, (-1, 4): -1}


@pytest.mark.parametrize("ends", ENDS)
def test_slopes_are_those_of_the_functions(ends: tuple[int, int]) -> None:
    basis, x, step = basis_of_length(0.2, 0.0, ends), np.linspace(0.0, 1.0, 11), 1e-5
    expected = (basis(x + step) - basis(x - step)) / (2.0 * step)
    np.testing.assert_allclose(basis_slopes(basis, x), expected, atol=1e-6 * np.abs(expected).max())


def test_the_basis_comes_back_from_a_file() -> None:
    basis = basis_of_length(0.2, 0.0, (ODD, FREE))
    again = basis_of(basis_tree(basis))
    assert isinstance(again, MirroredBasis) and again.ends == (ODD, FREE)
    np.testing.assert_array_equal(again(np.linspace(-0.5, 1.5, 9)), basis(np.linspace(-0.5, 1.5, 9)))
