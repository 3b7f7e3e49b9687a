"""Posterior draws as named arrays with dimensions (chain, draw, …), which ArviZ and xarray open as they are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.bnn.density import Density
from binn_cli.models.surrogate import Labelled


def to_posterior(vectors: Float[np.ndarray, "chain draw P"], density: Density) -> dict[str, Labelled]:
    """Weights and biases of every layer, and the noise variance of the standardised outputs where it is learned."""
    found, at = {}, 0
    sizes = density.network.sizes
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        # In the order of `Network.layers`: biases come before weights.
        bias, weight = vectors[..., at : at + fan_out], vectors[..., at + fan_out : at + (fan_in + 1) * fan_out]
        at += (fan_in + 1) * fan_out
        unit = f"unit_{layer + 1}"
        found[f"bias_{layer + 1}"] = Labelled(bias, ("chain", "draw", unit))
        matrix = weight.reshape(*weight.shape[:2], fan_in, fan_out)
        found[f"weight_{layer + 1}"] = Labelled(matrix, ("chain", "draw", f"unit_{layer}", unit))
    if density.learned:
        found["noise_variance"] = Labelled(np.exp(vectors[..., at:]), ("chain", "draw", f"unit_{len(sizes) - 1}"))
    return found


def from_posterior(tree: Mapping[str, Any], density: Density) -> Float[np.ndarray, "chain draw P"]:
    """The vectors that `to_posterior` took apart."""
    parts = []
    for layer in range(1, len(density.network.sizes)):
        weight = np.asarray(tree[f"weight_{layer}"])
        parts += [np.asarray(tree[f"bias_{layer}"]), weight.reshape(*weight.shape[:2], -1)]
    if density.learned:
        parts.append(np.log(np.asarray(tree["noise_variance"])))
    return np.concatenate(parts, axis=2)
