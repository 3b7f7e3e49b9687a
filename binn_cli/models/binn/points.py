"""Functions and sums over an axis of several coordinates, for all outputs at once: their modes are the rows of one matrix product.

The outputs have the same points, so a block's table of products of basis functions is formed once and serves them all. Points stand
along the last dimension, where arithmetic is fastest; L M functions of L outputs with M modes each are L M rows.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.accumulation import ROWS_PER_CHUNK, at_points, pairs_of, rows_for, sum_by_value, sum_in_chunks, symmetric
from binn_cli.models.binn.statistics import Joint, PointAxis


class PointSums(NamedTuple):
    """What a block's system is made of, summed over points.

    Attributes:
        gram: E[g g^T] (x) (phi phi^T).
        rhs: (moment o g) phi^T.
    """

    gram: Float[Array, "L M K M K"]
    rhs: Float[Array, "L M K"]


class Factors(NamedTuple):
    """Functions whose product at every point is g.

    Attributes:
        values: for each factor its rows at its distinct values, (rows, V), or at the points, (rows, n).
        owner: for each, (n,) which value every point has, or None where every point has its own.
    """

    values: tuple[Float[Array, "rows V"], ...]
    owner: tuple[Array | None, ...]

    def at_points(self) -> tuple[Array, ...]:
        """What has an entry for every point, along the last dimension."""
        return tuple(v if o is None else o for v, o in zip(self.values, self.owner, strict=True))

    def product(self, chunk: tuple[Array, ...]) -> Float[Array, "rows r"]:
        """The product at some of the points, given their part of `at_points`."""
        product: Array = jnp.ones((1, 1))
        for value, owner, own in zip(self.values, self.owner, chunk, strict=True):
            product = product * (own if owner is None else at_points(value, own))
        return product


def _second_moment(design: Float[Array, "V K"], mean: Float[Array, "M K"], covariance: Float[Array, "M K M K"]) -> Float[Array, "P V"]:
    """Distinct entries of E[f f^T] at every row of the design matrix."""
    first, second = np.triu_indices(mean.shape[0])

    def at(phi: Array) -> Array:
        f = jnp.asarray(mean @ phi)
        return (jnp.outer(f, f) + jnp.einsum("mkpl,k,l->mp", covariance, phi, phi))[first, second]

    return jax.lax.map(at, jnp.asarray(design), batch_size=min(design.shape[0], ROWS_PER_CHUNK // 32)).T


class PointFunctions:
    """The functions of one axis of several coordinates during a sweep: what blocks need of them, renewed after every update.

    With covariances, products of two functions are expectations under the posterior, not products of means.
    """

    def __init__(self, axis: PointAxis, means: list[Float[Array, "L M K"]], covariances: list[Float[Array, "L M K M K"]] | None) -> None:
        """Evaluate every coordinate's functions."""
        self.axis = axis
        self.outputs, self.modes = int(means[0].shape[0]), int(means[0].shape[1])
        self.functions: list[Array] = [jnp.zeros(0)] * len(means)
        self.seconds: list[Array] | None = None if covariances is None else [jnp.zeros(0)] * len(means)
        self._joint_sums: dict[int, tuple[Array, Array]] = {}
        for c, mean in enumerate(means):
            self.update(c, mean, None if covariances is None else covariances[c])

    def update(self, coordinate: int, mean: Float[Array, "L M K"], covariance: Float[Array, "L M K M K"] | None) -> None:
        """Put a coordinate's new posterior in place."""
        design = self.axis.designs[coordinate]
        self.functions[coordinate] = mean.reshape(-1, mean.shape[-1]) @ design.T
        if self.seconds is not None:
            assert covariance is not None
            moments = jax.lax.map(lambda one: _second_moment(design, *one), (mean, covariance))
            self.seconds[coordinate] = moments.reshape(-1, moments.shape[-1])
        own = self._joint_of(coordinate)
        # Sums over points by joint value hold what is outside the joint coordinates.
        self._joint_sums = {j: sums for j, sums in self._joint_sums.items() if j == own}

    def _joint_of(self, coordinate: int | None) -> int | None:
        return next((j for j, joint in enumerate(self.axis.joints) if coordinate in joint.coordinates), None)

    def _within(self, joint: Joint, rows: list[Array], but: int | None) -> Float[Array, "rows V"]:
        """Product of the functions of joint coordinates but one, at the joint values."""
        product = jnp.ones((rows[0].shape[0], joint.size))
        for c, place in zip(joint.coordinates, joint.places, strict=True):
            product = product if c == but else product * rows[c][:, place]
        return product

    def _outside(self, rows: list[Array], coordinate: int | None) -> Factors:
        """Everything but a coordinate and those that are joint with it."""
        own = [c for c, owner in enumerate(self.axis.owner) if owner is None and c != coordinate]
        skipped = self._joint_of(coordinate)
        joint = [one for j, one in enumerate(self.axis.joints) if j != skipped]
        values = *(rows[c] for c in own), *(self._within(one, rows, None) for one in joint)
        return Factors(values, (*(None for _ in own), *(one.owner for one in joint)))

    def _frozen(self, coordinate: int | None) -> tuple[Factors, Factors | None]:
        """The factors of g, and those of E[g g^T] where they are not the products of g with itself."""
        return self._outside(self.functions, coordinate), None if self.seconds is None else self._outside(self.seconds, coordinate)

    def _weights(self, frozen: tuple[Factors, Factors | None], chunk: tuple[Array, ...]) -> tuple[Array, Array]:
        """g (L, M, r) and the distinct entries of E[g g^T] (L P, r) at some of the points."""
        factors, seconds = frozen
        count, modes = len(factors.values), self.modes
        g = factors.product(chunk[:count])
        g = jnp.broadcast_to(g, (self.outputs * modes, g.shape[1])).reshape(self.outputs, modes, -1)
        if seconds is None:
            pairs = pairs_of(g).reshape(-1, g.shape[2])
        else:
            pairs = seconds.product(chunk[count:])
            pairs = jnp.broadcast_to(pairs, (self.outputs * modes * (modes + 1) // 2, pairs.shape[1]))
        return g, pairs

    def _rows(self, width: int) -> int:
        """Points of a chunk whose arrays have so many columns beside one a function and one a pair of them."""
        return rows_for(width + self.outputs * self.modes * (self.modes + 5) // 2)

    def _at_points(self, frozen: tuple[Factors, Factors | None]) -> tuple[Array, ...]:
        return (*frozen[0].at_points(), *(() if frozen[1] is None else frozen[1].at_points()))

    def sums(self, coordinate: int, moment: Float[Array, "L m n"]) -> PointSums:
        """The sums of a coordinate's block; `moment`, m = M or one row for all modes, is the data contracted with the other axes."""
        design, products = self.axis.designs[coordinate], self.axis.products[coordinate]
        if self.axis.owner[coordinate] is not None:
            return self._sums_by_value(coordinate, moment)
        frozen = self._frozen(coordinate)

        def scattered(phi: Array, target: Array, *chunk: Array) -> tuple[Array, Array]:
            g, pairs = self._weights(frozen, chunk)
            right = (target * g).reshape(-1, phi.shape[0]) @ phi
            return jnp.concatenate([pairs @ formed for formed in products.formed(phi)], axis=1), right

        functions = self._at_points(frozen)
        along = 0, *(moment.ndim - 1,), *(f.ndim - 1 for f in functions)
        sums, rhs = sum_in_chunks(scattered, (design, moment, *functions), self._rows(2 * design.shape[1]), along)
        return self._assembled(products.gram(sums), rhs)

    def _sums_by_value(self, coordinate: int, moment: Float[Array, "L m n"]) -> PointSums:
        """The same for a coordinate with few values: what its points have in common is summed first, once for all joint coordinates."""
        index = self._joint_of(coordinate)
        assert index is not None
        joint = self.axis.joints[index]
        if index not in self._joint_sums:
            self._joint_sums[index] = self._summed_by_value(joint, coordinate, moment)
        pairs, right = self._joint_sums[index]
        inner = self._within(joint, self.functions, coordinate)
        if self.seconds is None:
            second = pairs_of(inner.reshape(self.outputs, self.modes, -1)).reshape(pairs.shape)
        else:
            second = self._within(joint, self.seconds, coordinate)
        design = self.axis.designs[coordinate][joint.places[joint.coordinates.index(coordinate)]]
        gram = jnp.einsum("pv,vk,vl->pkl", pairs * second, design, design, optimize=[(0, 1), (0, 1)])
        return self._assembled(gram, (right * inner) @ design)

    def _summed_by_value(self, joint: Joint, coordinate: int, moment: Float[Array, "L m n"]) -> tuple[Array, Array]:
        frozen = self._frozen(coordinate)

        def by_value(owner: Array, target: Array, *chunk: Array) -> Array:
            g, pairs = self._weights(frozen, chunk)
            right = (target * g).reshape(-1, owner.shape[0])
            pairs = jnp.broadcast_to(pairs, (pairs.shape[0], owner.shape[0]))
            return sum_by_value(jnp.concatenate([pairs, right]), owner, joint.size)

        functions = self._at_points(frozen)
        along = 0, moment.ndim - 1, *(f.ndim - 1 for f in functions)
        shared = sum_in_chunks(by_value, (joint.owner, moment, *functions), self._rows(min(joint.size, 64)), along)
        pairs = self.outputs * self.modes * (self.modes + 1) // 2
        return shared[:pairs], shared[pairs:]

    def _assembled(self, gram: Float[Array, "LP K K"], rhs: Float[Array, "LM K"]) -> PointSums:
        width = rhs.shape[1]
        gram = jax.vmap(lambda own: symmetric(own, self.modes))(gram.reshape(self.outputs, -1, width, width))
        return PointSums(gram.transpose(0, 1, 3, 2, 4), rhs.reshape(self.outputs, self.modes, width))

    def factor(self) -> tuple[Float[Array, "L R M"], Float[Array, "L M M"]]:
        """The product of all functions in the core's coordinates, none (R = 0) where these are the points, and its Gram matrix."""
        frozen = self._frozen(None)
        functions = self._at_points(frozen)
        points = functions[0].shape[-1]
        projection = np.zeros((points, 0)) if self.axis.projection is None else self.axis.projection

        def part(onto: Array, *chunk: Array) -> tuple[Array, Array]:
            g, pairs = self._weights(frozen, chunk)
            return pairs @ jnp.ones(pairs.shape[1]), g.reshape(-1, g.shape[2]) @ onto

        entries, compressed = sum_in_chunks(part, (projection, *functions), self._rows(0), (0, *(f.ndim - 1 for f in functions)))
        gram = jax.vmap(lambda own: symmetric(own, self.modes))(entries.reshape(self.outputs, -1))
        return compressed.reshape(self.outputs, self.modes, -1).transpose(0, 2, 1), gram
