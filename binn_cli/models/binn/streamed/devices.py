"""The devices of all processes in one line, and arrays laid out on them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

ROWS = "rows"
"""Name of the mesh's only dimension: rows of data are shared out along it."""


def all_devices() -> Mesh:
    """Every device of every process."""
    return Mesh(np.asarray(jax.devices()), (ROWS,))


def everywhere(mesh: Mesh, tree: Any) -> Any:
    """The arrays of a tree on every device."""
    layout = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf), layout), tree)


def shared_out(mesh: Mesh, array: np.ndarray) -> jax.Array:
    """The rows that each process holds, laid end to end and shared out evenly; their number must be a multiple of its devices."""
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec(ROWS)), array)


def own_rows(n: int) -> tuple[int, int]:
    """First row and row behind the last of this process's part of n rows, as even as can be."""
    count, index = jax.process_count(), jax.process_index()
    return n * index // count, n * (index + 1) // count


def largest_part(n: int) -> int:
    """Rows of the process that has most of n."""
    return -(-n // jax.process_count())
