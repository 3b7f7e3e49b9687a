"""Predictive mean and variance of a Tucker decomposition whose core and factors are independent Gaussian blocks.

With f_d ~ N(mu_d, C_d) at a point and a core of mean G and covariance S,

    Var y = <G (x) G, prod_d (mu mu^T + C)_d> - <G, prod_d mu_d>^2 + <S, prod_d (mu mu^T + C)_d>.

The difference is never formed. At single points G is contracted with L_d = [mu_d, chol C_d] in every dimension, and the squares of all
entries but the all-mean one are summed. Groups of axes that are predicted as a product keep two things apart: the contraction a with
the means alone, and the positive semi-definite rest X. Another group with P = mu mu^T and its own rest E turns X into
<E, a a^T + X> + <P, X>: one matrix product, whatever the number of points of the other groups.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.cases import kronecker_products
from binn_cli.models.binn.posterior import DimensionPosterior, dimension_moments
from binn_cli.models.binn.tucker.axes import row_products

JITTER = 1e-13
"""Share of every function's variance that keeps the Cholesky factor of a covariance from breaking down in round-off.

Of its own variance, not of the trace: a leading function may be known 10^16 times better than the least one, and matters most.
"""


class CoreDistribution(NamedTuple):
    """The core, one index an axis of the training data; arrays may carry a leading axis of outputs.

    Attributes:
        mean: (Q_1, …, Q_A).
        vectors: for each axis (Q_a, Q_a) the eigenvectors along which the entries are independent.
        variance: (Q_1, …, Q_A) variance along every product of eigenvectors.
    """

    mean: Float[Array, "*Q"]
    vectors: tuple[Float[Array, "Q Q"], ...]
    variance: Float[Array, "*Q"]

    def of_output(self, output: int | Array) -> CoreDistribution:
        """The core of one of the L outputs."""
        return CoreDistribution(self.mean[output], tuple(v[output] for v in self.vectors), self.variance[output])


class FunctionMoments(NamedTuple):
    """The functions of one dimension at n points.

    Attributes:
        mean: (n, R) means.
        covariance: (n, R, R) covariance of the functions at each point.
    """

    mean: Float[Array, "n R"]
    covariance: Float[Array, "n R R"]

    @property
    def roots(self) -> Float[Array, "n R U"]:
        """[mu, chol C], whose product with its transpose is the second moment."""
        rank = self.mean.shape[1]
        own = jnp.diagonal(self.covariance, axis1=1, axis2=2)[:, None, :]
        safe = self.covariance + (JITTER * own + jnp.finfo(jnp.float64).tiny) * jnp.eye(rank)
        return jnp.concatenate([self.mean[:, :, None], jnp.linalg.cholesky(safe)], axis=2)


class GroupMoments(NamedTuple):
    """The columns of the axes that are predicted at the same n points.

    Attributes:
        mean: (n, Q) products of the functions' means.
        excess: (n, Q, Q) second moments of the columns less the products of their means; only for a group that is not the first.
        spread: (n, Q) second moments along the eigenvectors of the core's covariance.
    """

    mean: Float[Array, "n Q"]
    excess: Float[Array, "n Q Q"] | None
    spread: Float[Array, "n Q"]


def function_moments(values: Float[Array, "n J"], dimension: DimensionPosterior, *, joint: bool) -> FunctionMoments:
    """Mean and covariance of one dimension's functions, given its basis values; not `joint` leaves out covariances between them."""
    rank = dimension.weights.shape[0]
    moments = dimension_moments(values, dimension, joint=True)
    first, second = np.triu_indices(rank)
    place = np.zeros((rank, rank), dtype=int)
    place[first, second] = place[second, first] = np.arange(len(first))
    covariance = moments.excess[:, place]
    return FunctionMoments(moments.mean, covariance if joint else covariance * jnp.eye(rank))


def contracted(tensor: Float[Array, "Z *R"], roots: list[Float[Array, "n R U"]]) -> Float[Array, "n Z U"]:
    """A tensor contracted at every point with the roots of its dimensions after the first, all combinations of their columns last."""
    ranks = [root.shape[1] for root in roots]
    total = jnp.einsum("zrs,nru->nzsu", tensor.reshape(tensor.shape[0], ranks[0], -1), roots[0])
    for rank, root in zip(ranks[1:], roots[1:], strict=True):
        n, z, _, u = total.shape
        total = jnp.einsum("nzrsu,nrv->nzsuv", total.reshape(n, z, rank, -1, u), root)
        total = total.reshape(*total.shape[:3], -1)
    return total[:, :, 0]


def axis_spread(vectors: Float[Array, "Q Q"], functions: list[FunctionMoments]) -> Float[Array, "n Q"]:
    """Second moments of one axis's columns along the eigenvectors."""
    return jnp.sum(contracted(vectors.T, [f.roots for f in functions]) ** 2, axis=2)


def group_moments(vectors: list[Float[Array, "Q Q"]], axes: list[list[FunctionMoments]], *, first: bool) -> GroupMoments:
    """Moments of the columns of several axes at the same points; `first` leaves out what only later groups need."""
    functions = [f for axis in axes for f in axis]
    mean = row_products([f.mean for f in functions])
    spread = row_products([axis_spread(v, axis) for v, axis in zip(vectors, axes, strict=True)])
    if first:
        return GroupMoments(mean, None, spread)
    square: Array = jnp.ones((1, 1, 1))
    excess: Array = jnp.zeros((1, 1, 1))
    for f in functions:
        own = f.mean[:, :, None] * f.mean[:, None, :]
        excess = kronecker_products(excess, own + f.covariance) + kronecker_products(square, f.covariance)
        square = kronecker_products(square, own)
    return GroupMoments(mean, excess, spread)


def product_moments(
    core: CoreDistribution, places: list[list[int]], groups: list[list[list[FunctionMoments]]]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Mean and variance at every combination of the groups' points.

    Args:
        core: the core of one output.
        places: for each group the axes of the training data that it consists of.
        groups: for each group and axis, the functions of the axis's dimensions at the group's points; the first group is contracted
            point by point, every other one as a matrix product.
    """
    order = [a for group in [*places[1:], places[0]] for a in group]
    mean, variance = (jnp.transpose(t, order) for t in (core.mean, core.variance))
    moments = [
        group_moments([core.vectors[a] for a in place], group, first=g == 0)
        for g, (place, group) in enumerate(zip(places, groups, strict=True))
    ]
    widths = [m.mean.shape[1] for m in moments]
    lead = int(np.prod(widths[1:]))
    a: Array
    x: Array
    v: Array
    roots = contracted(mean.reshape(lead, -1), [f.roots for axis in groups[0] for f in axis])
    a, rest = roots[:, :, 0], roots[:, :, 1:]
    x = jnp.einsum("nqu,npu->nqp", rest, rest)
    v = moments[0].spread @ variance.reshape(lead, -1).T
    for moment, width in zip(moments[1:], widths[1:], strict=True):
        a, x, v = _extended(a, x, v, moment, width)
    sizes = tuple(m.mean.shape[0] for m in moments)
    return a.reshape(sizes), jnp.maximum(x.reshape(sizes), 0.0) + v.reshape(sizes)


def _extended(
    a: Float[Array, "c Q"], x: Float[Array, "c Q Q"], v: Float[Array, "c Q"], moment: GroupMoments, width: int
) -> tuple[Float[Array, "m P"], Float[Array, "m P P"], Float[Array, "m P"]]:
    """The contraction with one more group, whose index is the leading one of Q = width P."""
    combinations, size = a.shape
    left = size // width
    full = (x + a[:, :, None] * a[:, None, :]).reshape(combinations, width, left, width, left)
    rest = x.reshape(full.shape)
    assert moment.excess is not None
    square = moment.mean[:, :, None] * moment.mean[:, None, :]
    x = jnp.einsum("cqrst,nqs->cnrt", full, moment.excess) + jnp.einsum("cqrst,nqs->cnrt", rest, square)
    a = jnp.einsum("cqr,nq->cnr", a.reshape(combinations, width, left), moment.mean)
    v = jnp.einsum("cqr,nq->cnr", v.reshape(combinations, width, left), moment.spread)
    return a.reshape(-1, left), x.reshape(-1, left, left), v.reshape(-1, left)
