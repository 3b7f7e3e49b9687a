"""Derivatives of the basis functions, written out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.bases.bspline import BSplineBasis
from binn_cli.models.binn.bases.chidenn import ChidennBasis, power_terms, radial_terms
from binn_cli.models.binn.bases.gaussian import GaussianBasis
from binn_cli.models.binn.bases.hat import HatBasis
from binn_cli.models.binn.bases.mirrored import MirroredBasis
from binn_cli.models.binn.bases.stretched import StretchedBasis, stretch


def basis_slopes(basis: Basis, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n J"]:
    """dφ_j/dx at n points; at a kink that from the right."""
    if isinstance(basis, StretchedBasis):
        return basis_slopes(basis.basis, stretch(x, basis.rate)) * stretch_slopes(x, basis.rate)[:, None]
    if isinstance(basis, MirroredBasis):
        parts = [sign * turn * basis_slopes(basis.basis, turn * x + shift) for sign, turn, shift in basis.images]
        return np.sum(parts, axis=0)
    away = x[:, None] - basis.centers
    if isinstance(basis, GaussianBasis):
        return -away / basis.length**2 * basis(x)
    if isinstance(basis, ChidennBasis):
        return _chidenn(basis, x)
    assert isinstance(basis, HatBasis | BSplineBasis)
    u, side = np.abs(away) / basis.spacing, np.where(away < 0.0, -1.0, 1.0) / basis.spacing
    if isinstance(basis, HatBasis):
        return np.where((u < 1.0) | ((u == 1.0) & (away < 0.0)), -side, 0.0)
    return side * np.where(u < 1.0, u * (1.5 * u - 2.0), -0.5 * np.maximum(0.0, 2.0 - u) ** 2)


def stretch_slopes(x: Float[np.ndarray, " n"], rate: float) -> Float[np.ndarray, " n"]:
    """The derivative of `stretch`: |r| / ((1 + |r| x) log(1 + |r|)) with x from the end that is stretched."""
    if rate == 0.0:
        return np.ones(len(x))
    size = abs(rate)
    from_end = 1.0 - x if rate < 0 else x
    return np.where(
        from_end < -0.5 / size, 0.0, size / ((1.0 + size * np.maximum(from_end, -0.5 / size)) * np.log1p(size))
    )


def _chidenn(basis: ChidennBasis, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n J"]:
    """Product rule over hat and patch interpolant."""
    terms, nodes = basis.coefficients.shape
    size, order = (nodes - 1) // 2, terms - nodes - 1
    position = (x - basis.centers[0]) / basis.spacing
    cell = np.floor(position)
    t = position - cell

    def interpolant(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = s[:, None] - np.arange(-size, size + 1)
        z, side = np.abs(away) / basis.dilation, np.where(away < 0.0, -1.0, 1.0) / basis.dilation
        radial = side * np.where(z < 0.5, z * (12.0 * z - 8.0), -4.0 * np.maximum(0.0, 1.0 - z) ** 2)
        powers = np.arange(order + 1) / size * (s[:, None] / size) ** np.maximum(np.arange(order + 1) - 1, 0)
        own, slopes = (np.concatenate(pair, axis=1) for pair in zip(
            (radial_terms(s, size, basis.dilation), radial), (power_terms(s, size, order), powers), strict=True
        ))  # fmt: skip
        return own @ basis.coefficients, slopes @ basis.coefficients

    (left, left_slope), (right, right_slope) = interpolant(t), interpolant(t - 1.0)
    first, second = left_slope * (1.0 - t)[:, None] - left, right_slope * t[:, None] + right
    local = (np.pad(first, ((0, 0), (0, 1))) + np.pad(second, ((0, 0), (1, 0)))) / basis.spacing
    reach = (np.arange(len(basis.centers)) - (cell[:, None] - size)).astype(int)
    held = (reach >= 0) & (reach < local.shape[1])
    return np.where(held, np.take_along_axis(local, np.where(held, reach, 0), axis=1), 0.0)
