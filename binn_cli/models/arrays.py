"""The type of arrays that may live on the host or on a device: functions take either."""

from typing import Any

Array = Any
"""A NumPy array or a JAX array; a name for the reader, since importing JAX would cost fits on the host most of a
second."""
