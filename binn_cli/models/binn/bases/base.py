"""The protocol of a basis, and how a basis is built from what a configuration says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from binn_cli.errors import ConfigError
from binn_cli.models.arrays import Array


class Basis(Protocol):
    """J functions φ_j of one coordinate."""

    @property
    def centers(self) -> Float[np.ndarray, " J"]:
        """Where the functions are centred."""
        ...

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Φ: values of the J functions at n points of [0, 1]; the array library is that of the points."""
        ...


def namespace(x: Any) -> Any:
    """The array library of an array: numpy, or jax.numpy inside a compiled function."""
    return x.__array_namespace__() if hasattr(x, "__array_namespace__") else np


def per_dimension(key: str, value: object, inputs: Sequence[str]) -> list:
    """One setting for each of the D inputs, out of a scalar or a list.

    Raises:
        ConfigError: if a list has not exactly one entry per input.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * len(inputs)
    if len(value) != len(inputs):
        given = f"has {len(value)} entries, but the data have {len(inputs)} inputs ({', '.join(inputs)})"
        raise ConfigError(key, f"{given}; give one per input, or one for all")
    return list(value)
