"""Fields of single cases put together, all on the mesh of the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.simulator.decoding import Field
from binn_cli.datasets.simulator.space import Space


class Slabs:
    """Knows the mesh and the units once it has seen a case."""

    def __init__(self, space: Space, outputs: Sequence[str]) -> None:
        """Nothing is known of the mesh yet."""
        self._space, self._outputs = space, tuple(outputs)
        self.axes: tuple[Axis, ...] | None = None
        self._units: tuple[str, ...] = ()

    def refusal(self, field: Field) -> str:
        """Why a field does not fit to those before it, empty where it does; the first one says what fits."""
        if self.axes is None:
            self.axes, self._units = field.axes, field.units
            return ""
        return field.differs_from(self.axes)

    def product(self, fields: Sequence[Field], points: Float[np.ndarray, "n D"]) -> ProductData:
        """The data of some cases."""
        assert self.axes is not None
        values = np.stack([field.values for field in fields], axis=-2)
        return ProductData((*self.axes, self._space.axis(points)), values, self._outputs, self._units)
