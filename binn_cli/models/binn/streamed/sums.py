"""Sums over all rows of all processes: read in chunks, shared out over the devices, added up on each, then between them.

Rows beyond the last of a process's part weigh nothing, so that every process makes the same calls and every device holds as many rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Float

from binn_cli.datasets.rows import RowChunks, ahead, finite
from binn_cli.models.arrays import Array
from binn_cli.models.binn.accumulation import Products, rows_for, sum_in_chunks, symmetric, upper
from binn_cli.models.binn.basis import Basis, points_last
from binn_cli.models.binn.statistics import LINE_ROWS, LineSums
from binn_cli.models.binn.streamed.devices import ROWS, everywhere, largest_part, own_rows, shared_out
from binn_cli.models.compilation import CompiledFunction, Stopwatch, available_cores, mapped_ahead
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.processes import together


def _summed(part: Any, mesh: Mesh, arguments: tuple, rows: tuple[Array, ...], length: int) -> Any:
    """`part(arguments, *rows)` summed over the rows of every device, so many at a time; the arguments are on every device."""

    def local(given: tuple, *own: Array) -> Any:
        total = sum_in_chunks(partial(part, given), own, length)
        return jax.tree.map(lambda array: jax.lax.psum(array, ROWS), total)

    everywhere_, apart = PartitionSpec(), PartitionSpec(ROWS)
    return jax.shard_map(local, mesh=mesh, in_specs=(everywhere_, *[apart] * len(rows)), out_specs=everywhere_, check_vma=False)(
        arguments, *rows
    )


def _units(maps: tuple, x: Array, y: Array) -> tuple[Array, Array]:
    low, span, shift, scale = maps
    return (x - low) / span, (y - shift) / scale


def _line(arguments: tuple, x: Array, y: Array, weight: Array) -> LineSums:
    """The sums of a single dimension."""
    basis, maps = arguments
    x, y = _units(maps, x, y)
    return LineSums.of(points_last(basis, x[:, 0]), y.T, weight)


def _block(dimension: int, output: int, arguments: tuple, x: Array, y: Array, weight: Array) -> tuple[Array, Array, Array]:
    """The same for one block of one output, every other dimension at its mean: distinct products of `Products`, one row a mode pair."""
    bases, products, means, maps = arguments
    x, y = _units(maps, x, y)
    g = weight[:, None]
    for d, (basis, mean) in enumerate(zip(bases, means, strict=True)):
        if d != dimension:
            g = g * (basis(x[:, d]) @ mean.T)
    g = jnp.broadcast_to(g, (x.shape[0], means[dimension].shape[0]))
    design, target = bases[dimension](x[:, dimension]), y[:, output] * weight
    pairs = upper(g[:, :, None] * g[:, None, :]).T
    sums = jnp.concatenate([pairs @ formed for formed in products.formed(design)], axis=1)
    return sums, (target[:, None] * g).T @ design, jnp.sum(target**2)


def _line_sums(arguments: tuple, *rows: Array, mesh: Mesh) -> Any:
    return _summed(_line, mesh, arguments, rows, LINE_ROWS)


def _block_sums(arguments: tuple, *rows: Array, mesh: Mesh, dimension: int, output: int) -> Any:
    modes = arguments[2][dimension].shape[0]
    entries = modes**2 + sum(basis.centers.shape[0] for basis in arguments[0])
    return _summed(partial(_block, dimension, output), mesh, arguments, rows, rows_for(entries))


line_sums, block_sums = CompiledFunction(_line_sums), CompiledFunction(_block_sums)
added = CompiledFunction(lambda a, b: jax.tree.map(jnp.add, a, b))


@dataclass(frozen=True)
class Sums:
    """How all rows are summed.

    Attributes:
        rows: the data; every process sees all of them and reads its own part.
        size: rows that one process reads at a time.
        bases: one for each dimension.
        inputs, outputs: the maps of units.
        mesh: the devices of all processes.
    """

    rows: RowChunks
    size: int
    bases: tuple[Basis, ...]
    inputs: InputMap
    outputs: OutputMap
    mesh: Mesh

    @property
    def _maps(self) -> tuple[np.ndarray, ...]:
        return self.inputs.low, self.inputs.span, self.outputs.shift, self.outputs.scale

    def line(self, watch: Stopwatch) -> tuple[Float[np.ndarray, "J J"], Float[np.ndarray, "L J"], Float[np.ndarray, " L"]]:
        """Gram matrix, right-hand sides and energies of the only dimension, in one pass."""
        arguments = everywhere(self.mesh, (self.bases[0], self._maps))
        return self._over(lambda *rows: line_sums(watch, arguments, *rows, mesh=self.mesh), watch)

    def block(
        self, means: tuple[Float[Array, "M J"], ...], dimension: int, output: int, watch: Stopwatch
    ) -> tuple[Float[np.ndarray, "M J M J"], Float[np.ndarray, "M J"], Float[np.ndarray, ""]]:
        """Gram matrix, right-hand side and energy of one block, in one pass."""
        products, modes = Products.of(self.bases[dimension]), means[dimension].shape[0]
        arguments = everywhere(self.mesh, (self.bases, products, means, self._maps))

        def sums_of(*rows: Array) -> Any:
            return block_sums(watch, arguments, *rows, mesh=self.mesh, dimension=dimension, output=output)

        sums, rhs, energy = self._over(sums_of, watch)
        gram = np.asarray(symmetric(products.gram(jnp.asarray(sums)), modes)).transpose(0, 2, 1, 3)
        return gram, rhs, energy

    def _over(self, sums_of: Any, watch: Stopwatch) -> Any:
        total = None
        # One device of one process has a chunk in work on every core; several devices have theirs side by side, and must stay in step.
        workers = available_cores() if jax.device_count() == 1 else 1
        with together():
            for part in mapped_ahead(lambda rows: sums_of(*rows), self._shared_chunks(), workers):
                total = part if total is None else added(watch, total, part)
            return jax.tree.map(np.asarray, total)

    def _shared_chunks(self) -> Iterator[tuple[jax.Array, ...]]:
        """Inputs, outputs and weights of chunk after chunk, each process's rows side by side; every chunk has the same shape."""
        begin, end = own_rows(self.rows.n_points)
        most, devices = largest_part(self.rows.n_points), jax.local_device_count()
        length = min(self.size, most)
        full = -(-length // devices) * devices
        chunks = ahead(self.rows.chunks(length, begin, end))
        first = begin
        for _ in range(-(-most // length)):
            x, y = next(chunks, (np.zeros((0, len(self.rows.inputs))), np.zeros((0, len(self.rows.outputs)))))
            x, y = finite((x, y), first, self.rows)
            weight = np.zeros(full)
            weight[: len(x)] = 1.0
            first += len(x)
            yield tuple(
                shared_out(self.mesh, array)
                for array in (self._filled(x, full, self.inputs.low), self._filled(y, full, self.outputs.shift), weight)
            )

    @staticmethod
    def _filled(table: np.ndarray, rows: int, value: np.ndarray) -> np.ndarray:
        if len(table) == rows:
            return table
        return np.concatenate([table, np.broadcast_to(value, (rows - len(table), table.shape[1]))])
