"""The type of arrays that may live on the host or on a device: functions take either."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax
    import numpy as np

    Array = jax.Array | np.ndarray
else:
    # Importing JAX takes most of a second, which fits on the host have no other reason to wait for.
    Array = Any
"""A NumPy array or a JAX array."""
