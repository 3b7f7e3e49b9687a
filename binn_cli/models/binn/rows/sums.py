"""The Gauss-Newton sums over all rows of all processes: read in chunks, worked on by all cores or devices, added up.

Every process reads its own part of the rows. On the processor the sums are NumPy's, so that nothing has to be compiled;
where a process has several devices, or one that is no CPU, chunks are shared out over them by JAX. What processes have
found is added up between them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.rows import RowChunks, ahead, finite
from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.cp.moments import MANY_ROWS, Moments, inside, of_moments, polynomials
from binn_cli.models.binn.cp.normal_equations import Design, linearise, unpack
from binn_cli.models.binn.laplace import Linearised
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.processes import together

CHUNK_BYTES = 2**23
"""Size of a chunk that is read (8 MB), unless its number of rows is given."""

DEVICE_ENTRIES = 2**22
"""Numbers of the Jacobian of one chunk on one device (32 MB)."""


def rows_per_chunk(rows: RowChunks) -> int:
    """Rows of a chunk of `CHUNK_BYTES`."""
    return max(1, CHUNK_BYTES // (8 * (len(rows.inputs) + len(rows.outputs))))


def devices() -> list[Any]:
    """The devices of this process that JAX should compute on; none where the processor alone is there."""
    forced = "device_count" in os.environ.get("XLA_FLAGS", "")
    accelerated = any(
        importlib.util.find_spec(name) for name in ("jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm7_plugin")
    )
    if not (forced or accelerated):
        return []
    import jax

    local = jax.local_devices()
    return local if len(local) > 1 or local[0].platform != "cpu" else []


def process_place() -> tuple[int, int]:
    """Which process this is, and how many there are; they have met before (`binn_cli.models.processes`)."""
    if "jax" not in sys.modules:
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def add_up(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arrays summed over all processes, in their order, so that all have the same."""
    if process_place()[1] == 1:
        return list(arrays)
    from jax.experimental.multihost_utils import process_allgather

    flat = np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)
    with together():
        gathered = np.asarray(process_allgather(flat.view(np.uint32))).view(np.float64)
    total, found, begin = gathered.reshape(-1, len(flat)).sum(axis=0), [], 0
    for a in arrays:
        found.append(total[begin : begin + a.size].reshape(a.shape))
        begin += a.size
    return found


@dataclass(frozen=True)
class RowSums:
    """One output of all rows, as Gauss-Newton steps see it (`cp.gauss_newton.Problem`).

    Attributes:
        rows: the data; every process sees all of them and reads its own part.
        size: rows that are read at a time.
        features: of every dimension.
        inputs, outputs: the maps of units.
        output: which output.
        own: the devices to compute on, none for the processor.
    """

    rows: RowChunks
    size: int
    features: tuple[Features, ...]
    inputs: InputMap
    outputs: OutputMap
    output: int
    own: list[Any] = field(default_factory=devices)

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_d of every dimension."""
        return tuple(f.size for f in self.features)

    @property
    def count(self) -> int:
        """N."""
        return self.rows.n_points

    def linearised(self, weights: Float[np.ndarray, " P"]) -> Linearised:
        """JᵀJ, Jᵀ(u - f) and |u - f|² in one pass over the rows."""
        split, intercept = unpack(weights, self.sizes)
        size = len(weights)
        total = [np.zeros((size, size)), np.zeros(size), np.zeros(())]
        cells = None if self.own or len(split) > 1 or self.count < MANY_ROWS else polynomials(self.features[0])
        if cells is not None:
            return self._of_moments(cells, split, intercept)
        summed = partial(self._on_devices, weights=weights) if self.own else self._on_processor(split, intercept)
        for x, y in self._chunks(size):
            for mine, more in zip(total, summed(x, y), strict=True):
                mine += more
        gram, gradient, squared = add_up(total)
        return Linearised(gram, None, gradient, float(squared))

    def _of_moments(
        self, cells: Float[np.ndarray, "C Q K"], weights: list[np.ndarray], intercept: float | None
    ) -> Linearised:
        """The same for one input, from sums over its cells; rows outside of a stated domain are in none."""
        moments, size = Moments(), weights[0].size + (intercept is not None)
        outside = [np.zeros((size, size)), np.zeros(size), np.zeros(())]
        summed = self._on_processor(weights, intercept)
        for x, y in self._chunks(1):
            within = inside(x[:, 0])
            if within.all():
                moments.add(x[:, 0], y)
                continue
            moments.add(x[within, 0], y[within])
            for mine, more in zip(outside, summed(x[~within], y[~within]), strict=True):
                mine += more
        found = add_up([moments.powers, moments.targets, np.asarray(moments.energy), *outside])
        system = of_moments(Moments(found[0], found[1], float(found[2])), cells, weights, intercept)
        assert system.gram is not None
        return Linearised(system.gram + found[3], None, system.gradient + found[4], system.squared + float(found[5]))

    def _chunks(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scaled inputs and the standardised output of this process's part, chunk after chunk."""
        index, count = process_place()
        begin, end = self.count * index // count, self.count * (index + 1) // count
        step = self.size if not self.own else min(self.size, max(1, DEVICE_ENTRIES // size) * len(self.own))
        shift, scale = self.outputs.shift[self.output], self.outputs.scale[self.output]
        first = begin
        for chunk in ahead(self.rows.chunks(step, begin, end)):
            x, y = finite(chunk, first, self.rows)
            first += len(x)
            yield self.inputs(x, slice(None)), (y[:, self.output] - shift) / scale

    def _on_processor(self, split: list[np.ndarray], intercept: float | None) -> Callable[..., list[np.ndarray]]:
        def summed(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
            axis = AxisDesign(len(x), self.sizes, (), self.features, x)
            found = linearise(Design.table(axis, y), split, intercept, keep_rows=False)
            assert found.gram is not None
            return [found.gram, found.gradient, np.asarray(found.squared)]

        return summed

    @cached_property
    def _on_devices(self) -> Callable[..., list[np.ndarray]]:
        from binn_cli.models.binn.rows.sharded import sharded_sums

        return sharded_sums(self.own, self.features)
