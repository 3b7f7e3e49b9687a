"""Draws from a Gaussian whose covariance is a diagonal and, where there is one, a matrix of low rank."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def drawn_from(
    guide: Mapping[str, Float[np.ndarray, "..."]], draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "draws P"]:
    """Draws from the guide; halves of them mirror each other, so that their mean is the guide's."""
    half = -(-draws // 2)
    noise = guide["scale"] * rng.standard_normal((half, len(guide["location"])))
    if "factor" in guide:
        noise = noise + rng.standard_normal((half, guide["factor"].shape[1])) @ guide["factor"].T
    return guide["location"] + np.concatenate([noise, -noise])[:draws]
