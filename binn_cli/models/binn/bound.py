"""The evidence lower bound of a mean-field posterior whose blocks are the dimensions' weights.

log p(y) >= E_q[log p(y | w)] - sum over d of KL(q(w_d) || p(w_d)). Directions that the data do not see keep their prior and add nothing.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.block import BlockPosterior
from binn_cli.models.binn.relevance import posterior_variance
from binn_cli.models.binn.sweep import Prior


def divergence(block: BlockPosterior, prior_mean: Float[Array, "M K"], prior_variance: Float[Array, " M"]) -> Float[Array, ""]:
    """KL divergence of a block's posterior from its prior, in nats."""
    square = jnp.sum((block.mean - prior_mean) ** 2, axis=1) + posterior_variance(block)
    return 0.5 * (jnp.sum(square / prior_variance) - block.mean.size + block.log_determinant)


def lower_bound(
    blocks: list[BlockPosterior], prior: Prior, expected_square: Float[Array, ""], points: Float[Array, ""], noise: Float[Array, ""]
) -> Float[Array, ""]:
    """The bound after a sweep, in nats.

    Args:
        blocks: posterior of every dimension.
        prior: the prior that they were computed with.
        expected_square: expected sum of squared residuals.
        points: N.
        noise: the noise variance that the blocks were computed with.
    """
    likelihood = -0.5 * (points * jnp.log(2.0 * math.pi * noise) + expected_square / noise)
    return likelihood - sum(divergence(b, m, v) for b, m, v in zip(blocks, prior.mean, prior.variance, strict=True))
