"""The same sums on several devices: the rows of a chunk shared out over them, the sums added up by a collective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float

from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.cp.normal_equations import unpack

ROWS = "rows"
"""Name of the mesh's only dimension: rows are shared out along it."""


def sharded_sums(
    devices: Sequence[Any], features: Sequence[Features]
) -> Callable[[np.ndarray, np.ndarray, Float[np.ndarray, " P"]], list[np.ndarray]]:
    """From inputs and output of a chunk, and weights, to JᵀJ, Jᵀ(u - f) and |u - f|², with float64 on every device.

    Compiled once for all weights.
    """
    jax.config.update("jax_enable_x64", True)
    mesh = Mesh(np.asarray(devices), (ROWS,))
    apart = NamedSharding(mesh, PartitionSpec(ROWS))
    sizes = [f.size for f in features]

    def part(
        x: jax.Array, y: jax.Array, weight: jax.Array, weights: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The sums over the rows of one device, added up over all; rows of weight zero only fill up."""
        split, intercept = unpack(weights, sizes)  # type: ignore[arg-type]
        designs = [f(x[:, d]) for d, f in enumerate(features)]
        functions = [phi @ w for phi, w in zip(designs, split, strict=True)]
        blocks: list[Any] = [jnp.ones((x.shape[0], 1))] if intercept is not None else []
        mean: Any = 0.0 if intercept is None else intercept
        for d, phi in enumerate(designs):
            g = jnp.ones_like(functions[0])
            for e, f in enumerate(functions):
                g = g * f if e != d else g
            blocks.append((phi[:, :, None] * g[:, None, :]).reshape(x.shape[0], -1))
        product = functions[0]
        for f in functions[1:]:
            product = product * f
        rows = jnp.concatenate(blocks, axis=1) * weight[:, None]
        residual = (y - mean - product.sum(axis=1)) * weight
        return tuple(jax.lax.psum(s, ROWS) for s in (rows.T @ rows, residual @ rows, residual @ residual))  # type: ignore[return-value]

    spec = PartitionSpec(ROWS)
    compiled = jax.jit(
        jax.shard_map(
            part, mesh=mesh, in_specs=(spec, spec, spec, PartitionSpec()), out_specs=PartitionSpec(), check_vma=False
        )
    )

    def summed(x: np.ndarray, y: np.ndarray, weights: Float[np.ndarray, " P"]) -> list[np.ndarray]:
        short = -len(x) % len(devices)
        weight = np.pad(np.ones(len(x)), (0, short))
        padded = np.pad(x, ((0, short), (0, 0))), np.pad(y, (0, short)), weight
        return [np.asarray(a) for a in compiled(*(jax.device_put(a, apart) for a in padded), weights)]

    return summed
