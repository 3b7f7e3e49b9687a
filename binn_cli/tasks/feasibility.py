"""Where a solver is likely to give a result: learned from where it has failed, so that a bad corner is not asked for
again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

PRIOR = 1.0
"""How many cases the share of all successes counts as."""


@dataclass(frozen=True)
class Feasibility:
    """What is known of success.

    Attributes:
        tried: (m, D) cases that were tried, in the unit cube.
        succeeded: (m,) which of them gave a result.
    """

    tried: Float[np.ndarray, "m D"]
    succeeded: Bool[np.ndarray, " m"]

    def chance(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
        """The chance that a case of the unit cube gives a result: the share among cases near it, within about their own
        spacing."""
        if self.succeeded.all():
            return np.ones(len(points))
        count = len(self.tried)
        share = (np.sum(self.succeeded) + 1.0) / (count + 2.0)
        spacing = np.sqrt(self.tried.shape[1]) / max(count, 2) ** (1.0 / self.tried.shape[1])
        near = np.exp(-0.5 * (cdist(points, self.tried) / (0.5 * spacing)) ** 2)
        return np.asarray((PRIOR * share + near @ self.succeeded) / (PRIOR + near.sum(axis=1)))
