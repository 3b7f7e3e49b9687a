"""Product data in the singular vectors of all axes but the last, case by case.

Cases are appended along the last axis, and projecting onto the other axes touches every case alone. So what earlier
cases became is kept, and a new case costs its own slab; what it has outside the span of the earlier ones widens the
span. This
is all that a fit reads of the data: a surrogate that keeps it can learn on without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData, extended
from binn_cli.models.binn.multilinear import compress, multi_mode_dot, unfold
from binn_cli.models.normalization import OutputMap


@dataclass(frozen=True)
class Cases:
    """The cases so far.

    Attributes:
        axes: the axes of the data, the last with all cases.
        spans: for each axis but the last (n, R) orthonormal columns that span the data.
        tensor: (L, R_1, …, n) the standardised data of the n cases in these columns.
        energy: (L, n) squared standardised data of every case, what the columns leave out included.
        tolerance: relative size of what the columns may leave out.
    """

    axes: tuple[Axis, ...]
    spans: tuple[Float[np.ndarray, "n R"], ...]
    tensor: Float[np.ndarray, "L *R n"]
    energy: Float[np.ndarray, "L n"]
    tolerance: float

    @classmethod
    def of(cls, data: ProductData, outputs: OutputMap, tolerance: float) -> Cases:
        """The cases of data."""
        standard = standardise(data, outputs)
        tensor, spans = compress(standard, tolerance, range(1, standard.ndim - 1))
        return cls(data.axes, tuple(spans), np.ascontiguousarray(tensor), energy_of(standard), tolerance)

    def extended(self, slab: ProductData, outputs: OutputMap) -> Cases:
        """With the slab's cases after its own.

        Raises:
            DataError: if the slab's other axes differ.
        """
        axes, standard = extended(self.axes, slab.axes), standardise(slab, outputs)
        allowed = max(self.tolerance, 4.0 * np.finfo(float).eps) * float(np.sqrt(self.energy.sum()))
        spans, tensor = list(self.spans), self.tensor
        for a, span in enumerate(spans):
            flat = unfold(standard, a + 1)
            outside = flat - span @ (span.T @ flat)
            outside -= span @ (span.T @ outside)
            left, values, _ = np.linalg.svd(outside, full_matrices=False)
            new = left[:, values > allowed / np.sqrt(len(spans))]
            if new.shape[1]:
                spans[a] = np.concatenate([span, new], axis=1)
                width = [(0, 0)] * tensor.ndim
                width[a + 1] = (0, new.shape[1])
                tensor = np.pad(tensor, width)
        more = multi_mode_dot(standard, [None, *(span.T for span in spans), None])
        together = np.concatenate([tensor, more], axis=-1)
        energy = np.concatenate([self.energy, energy_of(standard)], axis=-1)
        return Cases(axes, tuple(spans), together, energy, self.tolerance)

    @property
    def count(self) -> int:
        """N: data points per output."""
        return int(np.prod([axis.size for axis in self.axes]))

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        axes = {
            f"{a:03d}": {"name": x.name, "points": x.points, "coordinates": list(x.coordinates), "units": list(x.units)}
            for a, x in enumerate(self.axes)
        }
        spans = {f"{a:03d}": span for a, span in enumerate(self.spans)}
        return {"axes": axes, "spans": spans, "tensor": self.tensor, "energy": self.energy, "tolerance": self.tolerance}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Cases:
        """The cases that `tree` described."""
        axes = tuple(axis_of(tree["axes"][key]) for key in sorted(tree["axes"]))
        spans = tuple(np.asarray(tree["spans"][key]) for key in sorted(tree.get("spans", {})))
        return cls(axes, spans, np.asarray(tree["tensor"]), np.asarray(tree["energy"]), float(tree["tolerance"]))


def standardise(data: ProductData, outputs: OutputMap) -> Float[np.ndarray, "L *n"]:
    """Outputs in standard units, outputs first."""
    return np.moveaxis((data.values - outputs.shift) / outputs.scale, -1, 0)


def energy_of(standard: Float[np.ndarray, "L *n"]) -> Float[np.ndarray, "L n"]:
    """Squares of every case, summed over its points."""
    flat = standard.reshape(len(standard), -1, standard.shape[-1])
    return np.einsum("lxc,lxc->lc", flat, flat)


def axis_of(tree: Mapping[str, Any]) -> Axis:
    """The axis of a tree."""
    coordinates, units = (tuple(str(name) for name in np.atleast_1d(tree[key])) for key in ("coordinates", "units"))
    return Axis(str(tree["name"]), np.asarray(tree["points"]), coordinates, units)
