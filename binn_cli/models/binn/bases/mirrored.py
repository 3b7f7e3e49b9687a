"""Another basis reflected at one or both ends of the domain.

A field that is zero at a wall, with a smooth source there, goes on beyond it with the other sign (∂²u/∂x² vanishes with
u), and one whose derivative vanishes at a plane of symmetry with its own sign. Functions that are odd or even at an end
need not be found there from one side alone, where interpolation on a grid is worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.gaussian import GaussianBasis

FREE, ODD, EVEN = 0, -1, 1
"""What functions are at an end: nothing, antisymmetric, symmetric."""

FREE_ENDS = FREE, FREE

REACH = 8.5
"""Length scales beyond which a Gaussian is less than round-off."""


class Image(NamedTuple):
    """A reflected point, `turn * x + shift`, and the sign with which it counts."""

    sign: float
    turn: float
    shift: float


def images(ends: tuple[int, int], reach: float) -> list[Image]:
    """The point itself, and its images in the ends of [0, 1].

    Args:
        ends: what functions are at 0 and at 1.
        reach: distance from the domain beyond which images are left out; two ends are two mirrors, with no last image.
    """
    first, second = ends
    found = [Image(1.0, 1.0, 0.0)]
    if first and second:
        count = int(np.ceil(0.5 * (reach + 1.0))) + 1
        for n in range(-count, count + 1):
            translation = 1 if n % 2 == 0 else first * second
            if n and 2.0 * abs(n) - 1.0 < reach:
                found.append(Image(float(translation), 1.0, 2.0 * n))
            if (2.0 * n - 2.0 if n > 0 else -2.0 * n) < reach:
                found.append(Image(float(first * translation), -1.0, 2.0 * n))
    elif first or second:
        found.append(Image(float(first or second), -1.0, 0.0 if first else 2.0))
    return found


@dataclass(frozen=True)
class MirroredBasis:
    """Φ'(x) = Σ over the images x' of x, with their signs, of Φ(x').

    Attributes:
        basis: Gaussians without centres beyond an end that is a mirror.
        ends: what the functions are at 0 and at 1: `FREE`, `ODD` or `EVEN`.
    """

    basis: GaussianBasis
    ends: tuple[int, int]

    @property
    def centers(self) -> Float[np.ndarray, " J"]:
        """Where the functions themselves are centred."""
        return self.basis.centers

    @property
    def images(self) -> Sequence[Image]:
        """Of any point."""
        return images(self.ends, REACH * self.basis.length)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        total = self.basis(x)
        for sign, turn, shift in self.images[1:]:
            total = total + sign * self.basis(turn * x + shift)
        return total


def mirrored_kernel(
    x: Float[np.ndarray, " n"], length: float, ends: tuple[int, int] = (FREE, FREE)
) -> Float[np.ndarray, "n n"]:
    """The kernel of infinitely many such Gaussians of a length scale: exp(-(x - x')² / (4 l²)), summed over the images
    of x'."""
    found = np.zeros((len(x), len(x)))
    for sign, turn, shift in images(ends, np.sqrt(2.0) * REACH * length):
        found += sign * np.exp(-((x[:, None] - (turn * x + shift)) ** 2) / (4.0 * length**2))
    return found
