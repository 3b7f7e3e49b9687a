"""One-dimensional bases on the unit interval, behind one protocol: phi(x) of shape (n, J) for n points.

Centres are equispaced with spacing h; `padding` puts that many more beyond each end of the domain, so that a function near
the boundary has the same freedom as one inside (Appendix B of the paper has centres inside only).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.errors import ConfigError
from binn_cli.models.arrays import Array
from binn_cli.models.binn.chidenn import ChidennBasis, Patch


class Basis(Protocol):
    """J functions of one coordinate."""

    @property
    def centers(self) -> Float[Array, " J"]:
        """Where the functions are centred."""
        ...

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points of [0, 1]."""
        ...


@partial(jax.tree_util.register_dataclass, data_fields=["centers", "length"], meta_fields=[])
@dataclass(frozen=True)
class GaussianBasis:
    """phi_j(x) = exp(-(x - c_j)^2 / (2 l^2)), Eq. 11."""

    centers: Float[Array, " J"]
    length: Float[Array, ""]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        return self.heights(x[:, None] - self.centers)

    def heights(self, distance: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Values of a function at such distances from its centre."""
        # One division for all: a division a value costs as much as the exponential.
        scaled = distance * (np.sqrt(0.5) / self.length)
        return jnp.exp(-(scaled * scaled))


@partial(jax.tree_util.register_dataclass, data_fields=["centers", "spacing"], meta_fields=[])
@dataclass(frozen=True)
class HatBasis:
    """phi_j(x) = max(0, 1 - |x - c_j| / h): piecewise linear interpolation between equispaced nodes."""

    centers: Float[Array, " J"]
    spacing: Float[Array, ""]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        return jnp.maximum(0.0, 1.0 - jnp.abs(x[:, None] - self.centers) / self.spacing)


@partial(jax.tree_util.register_dataclass, data_fields=["centers", "spacing"], meta_fields=[])
@dataclass(frozen=True)
class BSplineBasis:
    """Cubic B-splines on equispaced knots; they span every cubic spline on the domain, polynomials up to degree 3 included."""

    centers: Float[Array, " J"]
    spacing: Float[Array, ""]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        u = jnp.abs(x[:, None] - self.centers) / self.spacing
        inner = 2.0 / 3.0 - u**2 + u**3 / 2.0
        outer = jnp.maximum(0.0, 2.0 - u) ** 3 / 6.0
        return jnp.where(u < 1.0, inner, outer)


@partial(jax.tree_util.register_dataclass, data_fields=["basis", "rate"], meta_fields=[])
@dataclass(frozen=True)
class StretchedBasis:
    """Another basis in the logarithmic coordinate of `stretch`."""

    basis: Basis
    rate: Float[Array, ""]

    @property
    def centers(self) -> Float[Array, " J"]:
        """Centres in the stretched coordinate."""
        return self.basis.centers

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        return self.basis(stretch(x, self.rate))


def points_last(basis: Basis, x: Float[Array, " n"]) -> Float[Array, "J n"]:
    """Values of the J functions at n points, the points last: the compiler does not always turn the table around for nothing."""
    if isinstance(basis, StretchedBasis):
        return points_last(basis.basis, stretch(x, basis.rate))
    if isinstance(basis, GaussianBasis):
        return basis.heights(x[None, :] - basis.centers[:, None])
    return basis(x).T


def stretch(x: Float[Array, "*n"], rate: Float[Array, ""] | float) -> Float[Array, "*n"]:
    """A coordinate on [0, 1] stretched near 0 (rate > 0) or near 1 (rate < 0): log(1 + rate x) / log(1 + rate).

    A fast initial transient, or a parameter that acts through its logarithm, is smooth in such a coordinate.
    """
    size = jnp.maximum(jnp.abs(rate), 1e-12)
    from_end = jnp.where(rate < 0, 1.0 - x, x)
    stretched = jnp.log1p(size * jnp.maximum(from_end, -0.5 / size)) / jnp.log1p(size)
    return jnp.where(rate == 0, x, jnp.where(rate < 0, 1.0 - stretched, stretched))


def build_basis(kind: str, centers: int, padding: int, length: float, rate: float = 0.0, patch: Patch | None = None) -> Basis:
    """A basis with `centers` equispaced centres on [0, 1], ends included, and `padding` more beyond each end.

    Args:
        kind: gaussian, hat, bspline or chidenn. A cubic B-spline needs one more function beyond each end to span the domain, a
            patch of s nodes on either side needs s more.
        centers: centres inside the domain, at least 2.
        padding: further centres beyond each end.
        length: length scale of a Gaussian, in units of the domain; other bases have none.
        rate: rate of the logarithmic coordinate in which the centres are equispaced; 0 for the coordinate itself.
        patch: how chidenn interpolates around a node; other bases have none.
    """
    spacing = 1.0 / (centers - 1)
    patch = patch or Patch()
    extra = padding + {"bspline": 1, "chidenn": patch.size}.get(kind, 0)
    points = jnp.asarray((np.arange(centers + 2 * extra) - extra) * spacing)
    basis: Basis
    if kind == "gaussian":
        basis = GaussianBasis(points, jnp.asarray(float(length)))
    elif kind == "hat":
        basis = HatBasis(points, jnp.asarray(spacing))
    elif kind == "chidenn":
        basis = ChidennBasis.of(points, jnp.asarray(spacing), patch)
    else:
        basis = BSplineBasis(points, jnp.asarray(spacing))
    return StretchedBasis(basis, jnp.asarray(float(rate))) if rate else basis


def per_dimension(key: str, value: object, inputs: Sequence[str]) -> list:
    """One setting for each of the D inputs, out of a scalar or a list.

    Raises:
        ConfigError: if a list has not exactly one entry an input.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * len(inputs)
    if len(value) != len(inputs):
        given = f"has {len(value)} entries, but the data have {len(inputs)} inputs ({', '.join(inputs)})"
        raise ConfigError(key, f"{given}; give one an input, or one for all")
    return list(value)
