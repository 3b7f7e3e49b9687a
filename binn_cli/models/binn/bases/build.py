"""Bases from what a configuration says, and to plain names and numbers and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.bases.bspline import BSplineBasis
from binn_cli.models.binn.bases.chidenn import ChidennBasis, Patch
from binn_cli.models.binn.bases.gaussian import GaussianBasis
from binn_cli.models.binn.bases.hat import HatBasis
from binn_cli.models.binn.bases.mirrored import MirroredBasis
from binn_cli.models.binn.bases.stretched import StretchedBasis

KINDS: dict[str, type] = {
    "gaussian": GaussianBasis,
    "hat": HatBasis,
    "bspline": BSplineBasis,
    "chidenn": ChidennBasis,
}
"""Every basis by its name in the configuration and in results files."""


def build_basis(
    kind: str, centers: int, padding: int, length: float, rate: float = 0.0, patch: Patch | None = None
) -> Basis:
    """A basis with `centers` equispaced centres on [0, 1], ends included, and `padding` more beyond each end.

    Centres beyond the ends give functions near the boundary the freedom of those inside (Appendix B of the paper has
    centres inside only).

    Args:
        kind: gaussian, hat, bspline or chidenn. A cubic B-spline needs one more function beyond each end to span the
            domain, a patch of s nodes on either side needs s more.
        centers: centres inside the domain, at least 2.
        padding: further centres beyond each end.
        length: length scale of a Gaussian, in units of the domain; other bases have none.
        rate: rate of the logarithmic coordinate in which the centres are equispaced; 0 for the coordinate itself.
        patch: how chidenn interpolates around a node; other bases have none.
    """
    spacing, patch = 1.0 / (centers - 1), patch or Patch()
    extra = padding + {"bspline": 1, "chidenn": patch.size}.get(kind, 0)
    points = (np.arange(centers + 2 * extra) - extra) * spacing
    basis: Basis
    if kind == "gaussian":
        basis = GaussianBasis(points, float(length))
    elif kind == "chidenn":
        basis = ChidennBasis.of(points, spacing, patch)
    else:
        basis = KINDS[kind](points, spacing)
    return StretchedBasis(basis, float(rate)) if rate else basis


def build_mirrored(centers: int, padding: int, length: float, ends: tuple[int, int]) -> MirroredBasis:
    """Gaussians reflected at one or both ends, with `centers` equispaced centres on [0, 1], none on an end, and
    `padding` more beyond an end that is no mirror.

    Args:
        centers: centres inside the domain.
        padding: further centres beyond a free end.
        length: length scale in units of the domain.
        ends: what the functions are at 0 and at 1.
    """
    places = np.arange(0 if ends[0] else -padding, centers + (0 if ends[1] else padding))
    return MirroredBasis(GaussianBasis((places + 0.5) / centers, float(length)), ends)


def basis_tree(basis: Basis) -> dict[str, Any]:
    """A basis as names, arrays and numbers, for `/surrogate`."""
    if isinstance(basis, StretchedBasis):
        return {**basis_tree(basis.basis), "rate": float(basis.rate)}
    if isinstance(basis, MirroredBasis):
        return {**basis_tree(basis.basis), "ends": np.asarray(basis.ends)}
    kind = next(name for name, cls in KINDS.items() if isinstance(basis, cls))
    width = "length" if kind == "gaussian" else "spacing"
    tree = {"kind": kind, "centers": np.asarray(basis.centers), width: float(getattr(basis, width))}
    return {**tree, **asdict(basis.patch)} if isinstance(basis, ChidennBasis) else tree


def basis_of(tree: Mapping[str, Any]) -> Basis:
    """The basis that `basis_tree` described."""
    kind, centers = str(tree["kind"]), np.asarray(tree["centers"])
    width = float(tree["length" if kind == "gaussian" else "spacing"])
    if kind == "chidenn":
        patch = Patch(int(tree["size"]), int(tree["order"]), float(tree["dilation"]))
        basis: Basis = ChidennBasis.of(centers, width, patch)
    else:
        basis = KINDS[kind](centers, width)
    if isinstance(basis, GaussianBasis) and "ends" in tree:
        first, second = (int(end) for end in tree["ends"])
        return MirroredBasis(basis, (first, second))
    return StretchedBasis(basis, float(tree["rate"])) if "rate" in tree else basis
