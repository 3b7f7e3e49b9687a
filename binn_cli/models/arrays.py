"""The type of arrays that may live on the host or on a device: compiled functions take and give either."""

import jax
import numpy as np

Array = jax.Array | np.ndarray
