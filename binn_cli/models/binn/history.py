"""What a grid's data are after projection onto its leading axes, case by case.

Cases are appended along the last axis, and the projection onto the other axes' directions touches every case alone. So what earlier cases
became is kept, and a new case costs its own slab. With the noise and the bases unchanged this is all that inference reads of the data:
a surrogate that keeps it can also learn on without them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, Piece, ProductData, extended
from binn_cli.models.arrays import Array
from binn_cli.models.binn import statistics as stats
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import OutputMap

ONE_BY_ONE = 16
"""New cases up to this number are projected singly, so that one executable serves them all; more are projected together."""


def _slab(values: Float[Array, "*n L"], shift: Array, scale: Array, left: tuple) -> tuple[Float[Array, "L *K"], Float[Array, "L c"]]:
    """Standardised cases projected onto the leading axes' directions, and the squared size of each."""
    standard = stats.standardised(values, shift, scale, np.asarray(values.shape[-2]))
    return stats.project(standard, (*left, None)), jnp.sum(standard**2, axis=tuple(range(1, standard.ndim - 1)))


projected_slab = CompiledFunction(_slab)


@dataclass(frozen=True)
class History:
    """The cases so far.

    Attributes:
        axes: the axes of the data, the last with all cases.
        tensor: (L, K_1, …, n) the standardised data of the n cases in the leading axes' coordinates.
        energy: (L, n) squared standardised data of every case, what lies outside those coordinates included.
        pieces: the pieces of data that are in it, in order; empty once they are not known any more.
    """

    axes: tuple[Axis, ...]
    tensor: Float[np.ndarray, "L *K n"]
    energy: Float[np.ndarray, "L n"]
    pieces: tuple[Piece, ...] = ()

    def holds(self, data: ProductData) -> bool:
        """Whether the data are these cases, and perhaps more behind them."""
        known = len(self.pieces)
        return 0 < known <= len(data.pieces) and all(mine is theirs for mine, theirs in zip(self.pieces, data.pieces, strict=False))

    def extended(self, slab: ProductData, outputs: OutputMap, left: tuple[Float[Array, "n K"] | None, ...], watch: Stopwatch) -> History:
        """With the slab's cases behind its own.

        Raises:
            DataError: if the slab's other axes differ.
        """
        axes = extended(self.axes, slab.axes)
        tensor, energy = _projected(slab.values, outputs, left, watch)
        together = np.concatenate([self.tensor, tensor], axis=-1), np.concatenate([self.energy, energy], axis=-1)
        return replace(self, axes=axes, tensor=together[0], energy=together[1], pieces=())


def history_of(
    data: ProductData,
    outputs: OutputMap,
    left: tuple[Float[Array, "n K"] | None, ...],
    before: History | None,
    growing: bool,
    watch: Stopwatch,
) -> History:
    """The history of the data, going on from an earlier one where the data have grown out of its cases.

    Args:
        data: the data.
        outputs: the map of units; that of `before` too.
        left: for each axis but the last its orthonormal directions, None for one that keeps its points; those of `before` too.
        before: what is known already.
        growing: whether cases will be appended: what they need is compiled now, so that later fits compile nothing.
        watch: counts the seconds of compiling.
    """
    if before is None or not before.holds(data):
        # Together: cases lie side by side in memory, so that each alone would read nearly all of it.
        tensor, energy = map(np.asarray, projected_slab(watch, data.values, outputs.shift, outputs.scale, left))
        if growing:
            _projected(data.values[..., :1, :], outputs, left, watch)
        return History(data.axes, tensor, energy, data.pieces)
    tensors, energies, begin = [before.tensor], [before.energy], before.tensor.shape[-1]
    for piece in data.pieces[len(before.pieces) :]:
        newest = piece is data.pieces[-1] and data.newest is not None
        values = data.newest if newest else data.values[..., begin : begin + piece.cases, :]
        assert values is not None
        begin += piece.cases
        tensor, energy = _projected(values, outputs, left, watch)
        tensors.append(tensor)
        energies.append(energy)
    return History(data.axes, np.concatenate(tensors, axis=-1), np.concatenate(energies, axis=-1), data.pieces)


def _projected(
    values: Float[np.ndarray, "*n L"], outputs: OutputMap, left: tuple[Float[Array, "n K"] | None, ...], watch: Stopwatch
) -> tuple[np.ndarray, np.ndarray]:
    """New cases, one after the other where they are few."""
    cases = values.shape[-2]
    single = 1 < cases <= ONE_BY_ONE
    parts = [values[..., i : i + 1, :] for i in range(cases)] if single else [values]
    found = [projected_slab(watch, part, outputs.shift, outputs.scale, left) for part in parts]
    tensor, energy = (np.concatenate([np.asarray(one) for one in several], axis=-1) for several in zip(*found, strict=True))
    return tensor, energy
