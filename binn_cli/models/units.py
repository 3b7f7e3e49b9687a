"""The units that a model works in, in one value: inputs on [0, 1], outputs scaled, and what comes out of it mapped
back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import Prediction


@dataclass(frozen=True)
class Units:
    """The maps of inputs and outputs.

    Attributes:
        inputs: the map of the D coordinates onto [0, 1].
        outputs: the map of the L outputs.
    """

    inputs: InputMap
    outputs: OutputMap

    @classmethod
    def of(cls, data: ProductData, domain: Float[np.ndarray, "D 2"] | None, scaling: str) -> Units:
        """The maps of the data; see `InputMap.of` and `OutputMap.of`."""
        return cls(InputMap.of(data, domain), OutputMap.of(data, scaling))

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.inputs.low)

    def axes(self, axes: Sequence[Axis]) -> list[Float[np.ndarray, "n K"]]:
        """The points of every axis on [0, 1].

        Raises:
            DataError: if the axes have not the D coordinates that were learned.
        """
        return self.inputs.axes(axes)

    def table(
        self, data: ProductData, rows: np.ndarray | None = None
    ) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N L"]]:
        """Inputs and outputs as a plain table in these units; `rows` picks flat indices."""
        inputs, values = data.table(rows)
        return self.inputs(inputs, slice(None)), (values - self.outputs.shift) / self.outputs.scale

    def prediction(
        self,
        mean: Float[np.ndarray, "*n L"],
        variance: Float[np.ndarray, "*n L"],
        noise: Float[np.ndarray, "*#n L"],
        compile_seconds: float,
    ) -> Prediction:
        """Mean, epistemic variance and noise variance of these units, in original ones."""
        scale, unit = self.outputs.scale, self.outputs.variance_unit
        squared = (scale / unit) ** 2
        spread = np.broadcast_to(noise * squared, mean.shape)
        return Prediction(
            mean * scale + self.outputs.shift, np.maximum(variance, 0.0) * squared, spread, compile_seconds, unit
        )

    def tree(self) -> dict[str, Any]:
        """Plain arrays, for `/surrogate`."""
        return {
            "input_low": self.inputs.low,
            "input_span": self.inputs.span,
            "output_shift": self.outputs.shift,
            "output_scale": self.outputs.scale,
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Units:
        """The units that `tree` described."""
        low, span, shift, scale = (
            np.atleast_1d(tree[key]) for key in ("input_low", "input_span", "output_shift", "output_scale")
        )
        return cls(InputMap(low, span), OutputMap(shift, scale))
