"""The prior variance of the weights that a configuration states."""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.preparation import evaluate
from binn_cli.models.compilation import Stopwatch


def prior_levels(config: BinnConfig, bases: tuple[Basis, ...], modes: int, watch: Stopwatch) -> list[float]:
    """Variance of the weights of each dimension.

    `weight` is the paper's sigma_w^2 on every weight. `function` scales it so that the prior variance of y, averaged over the domain, is
    `prior_variance`: each of the M modes gets its share, spread evenly over the D dimensions.
    """
    if config.prior == "weight":
        return [config.prior_variance] * len(bases)
    share = (config.prior_variance / modes) ** (1.0 / len(bases))
    points = np.linspace(0.0, 1.0, 201)
    values = [np.asarray(evaluate(watch, basis, points, len(points))) for basis in bases]
    return [share / float(np.mean(np.sum(v**2, axis=1))) for v in values]
